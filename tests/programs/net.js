// A two-layer network that speaks JSON lines (spec/protocol.md): a model for programs in JavaScript.
//   refnet check --command "node net.js"
// "node net.js mean" is wrong: its loss is the mean of the squares, not their sum, and its gradient is that of the mean.
"use strict";

const wrong = process.argv[2] === "mean";
const WORDS = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };
const DESCRIPTION = {
  name: "net.js",
  operations: ["forward", "loss", "grads", "update", "step"],
  activations: ["relu", "identity"],
  dtypes: ["float32", "float64"],
};

// Reading and writing. JSON.stringify would write -0 as 0, and NaN and infinity as null.

function read(name, value, shape, round) {
  if (!shape.length) return round(typeof value === "string" ? WORDS[value] : value);
  if (!Array.isArray(value) || value.length !== shape[0]) throw new Error(`${name} is not of shape (${shape})`);
  return value.map((part) => read(name, part, shape.slice(1), round));
}

function written(value) {
  if (Array.isArray(value)) return `[${value.map(written).join(", ")}]`;
  if (!Number.isFinite(value)) return `"${value}"`;
  return Object.is(value, -0) ? "-0.0" : String(value);
}

function line(found) {
  return `{${Object.entries(found).map(([key, value]) => `"${key}": ${written(value)}`).join(", ")}}`;
}

// Arithmetic: numbers of JavaScript are float64; Math.fround rounds one to float32.

const transposed = (a, columns) => Array.from({ length: columns }, (_, j) => a.map((row) => row[j]));

class Arithmetic {
  constructor(dtype) {
    this.round = dtype === "float32" ? Math.fround : (v) => v;
  }

  product(a, b, columns) {
    const flipped = transposed(b, columns);
    return a.map((row) => flipped.map((column) => this.sum(row.map((v, k) => this.round(v * column[k])))));
  }

  sum(terms) {
    let total = 0;
    for (const term of terms) total = this.round(total + term);
    return total;
  }

  // Combine arrays of one shape, number by number.
  each(f, a, ...others) {
    if (!Array.isArray(a)) return this.round(f(a, ...others));
    return a.map((part, i) => this.each(f, part, ...others.map((other) => other[i])));
  }
}

// The network.

function layers(m, { w1, b1, w2, b2 }, x, relu) {
  const h = m.product(x, w1, b1.length).map((row) => m.each((v, b) => v + b, row, b1));
  const a = relu ? h.map((row) => row.map((v) => (v < 0 ? 0 : v))) : h;
  const yPred = m.product(a, w2, b2.length).map((row) => m.each((v, b) => v + b, row, b2));
  return { h, a, yPred };
}

function gradient(m, p, x, { h, a }, r, relu) {
  const [D, H, O] = [p.w1.length, p.b1.length, p.b2.length];
  const factor = wrong ? 2 / (r.length * O) : 2;
  const g = m.each((v) => factor * v, r);
  const ga = m.product(g, transposed(p.w2, O), H);
  const gh = relu ? ga.map((row, n) => row.map((v, j) => (h[n][j] < 0 ? 0 : v))) : ga;
  return {
    w1: m.product(transposed(x, D), gh, H),
    b1: transposed(gh, H).map((column) => m.sum(column)),
    w2: m.product(transposed(a, H), g, O),
    b2: transposed(g, O).map((column) => m.sum(column)),
  };
}

function answer(asked) {
  const { op, activation, dtype, n, d, h: units, o } = asked;
  const m = new Arithmetic(dtype);
  const relu = activation === "relu";
  // A bias may also be a row, [[...]]: it is computed with as a vector, and its gradient is made a row again.
  const rows = { b1: Array.isArray(asked.b1[0]), b2: Array.isArray(asked.b2[0]) };
  const four = (prefix) => {
    const vector = (key, size) => read(key, rows[key] ? asked[prefix + key][0] : asked[prefix + key], [size], m.round);
    const matrix = (key, ...shape) => read(key, asked[prefix + key], shape, m.round);
    return { w1: matrix("w1", d, units), b1: vector("b1", units), w2: matrix("w2", units, o), b2: vector("b2", o) };
  };
  const p = four("");
  const shaped = (found) => ({
    ...found,
    b1: rows.b1 ? [found.b1] : found.b1,
    b2: rows.b2 ? [found.b2] : found.b2,
  });
  const descended = (g) =>
    Object.fromEntries(
      Object.keys(p).map((key) => [key, m.each((v, slope) => v - m.round(m.round(asked.lr) * slope), p[key], g[key])]),
    );
  if (op === "update") return shaped(descended(four("g")));
  const x = read("x", asked.x, [n, d], m.round);
  const found = layers(m, p, x, relu);
  if (op === "forward") return { y_pred: found.yPred };
  const r = m.each((v, target) => v - target, found.yPred, read("y", asked.y, [n, o], m.round));
  if (op === "loss") return { loss: m.round(m.sum(r.flat().map((v) => m.round(v * v))) / (wrong ? n * o : 1)) };
  const g = gradient(m, p, x, found, r, relu);
  return shaped(op === "step" ? descended(g) : g);
}

require("readline")
  .createInterface({ input: process.stdin })
  .on("line", (text) => {
    const asked = JSON.parse(text);
    try {
      console.log(asked.op === "describe" ? JSON.stringify(DESCRIPTION) : line(answer(asked)));
    } catch (error) {
      console.log(JSON.stringify({ error: error.message }));
    }
  });
