// Checks a small network in JavaScript against refnet's test vectors: Node, no packages, no tolerance.
//
//   node check_vectors.js spec/vectors                            the verdict, and a line for each vector that fails
//   node check_vectors.js --mistake mask-missing spec/vectors     the same with a mistake built in
//
// Exit status 0: conforms, 1: does not, 2: could not be checked. Replace what stands under "The network" by calls of
// yours.
"use strict";
const fs = require("fs");
const path = require("path");

const arguments_ = process.argv.slice(2);
const mistake = arguments_[0] === "--mistake" ? arguments_.splice(0, 2)[1] : "";
if (arguments_.length !== 1) {
  console.error("check_vectors: expected [--mistake NAME] FOLDER");
  process.exit(2);
}
const folder = arguments_[0];

// The network, on flat arrays of doubles; `store` rounds to the format.

function layers({ N, D, H, O }, relu, { w1, b1, w2, b2 }, x, store) {
  const h = new Float64Array(N * H);
  const a = new Float64Array(N * H);
  const y_pred = new Float64Array(N * O);
  for (let n = 0; n < N; n++) {
    for (let j = 0; j < H; j++) {
      let s = mistake === "b1-missing" ? 0 : b1[j];
      for (let d = 0; d < D; d++) s += x[n * D + d] * w1[d * H + j];
      h[n * H + j] = s = store(s);
      if (mistake === "leaky-relu" && s < 0) s *= 0.01;
      else if (relu && s < 0) s = 0;
      a[n * H + j] = s;
    }
    for (let o = 0; o < O; o++) {
      let s = b2[o];
      for (let j = 0; j < H; j++) s += a[n * H + j] * w2[j * O + o];
      y_pred[n * O + o] = store(s);
    }
  }
  return { h, a, y_pred };
}

function loss({ N, O }, y_pred, y, store) {
  let s = 0;
  for (let i = 0; i < N * O; i++) s += (y_pred[i] - y[i]) ** 2;
  return store(mistake === "half-loss" ? s / 2 : s);
}

function grads({ N, D, H, O }, relu, { w2 }, { h, a, y_pred }, x, y, store) {
  const g = { w1: new Float64Array(D * H), b1: new Float64Array(H), w2: new Float64Array(H * O), b2: new Float64Array(O) };
  for (let n = 0; n < N; n++) {
    const r = Array.from({ length: O }, (_, o) => store(2 * (y_pred[n * O + o] - y[n * O + o])));
    for (let o = 0; o < O; o++) {
      g.b2[o] += r[o];
      for (let j = 0; j < H; j++) g.w2[j * O + o] += a[n * H + j] * r[o];
    }
    for (let j = 0; j < H; j++) {
      let s = 0;
      for (let o = 0; o < O; o++) s += r[o] * w2[j * O + o];
      const off = mistake === "mask-inverted" ? h[n * H + j] > 0 : h[n * H + j] <= 0; // slope 0 at the kink
      if (relu && off && mistake !== "mask-missing") s = 0;
      g.b1[j] += s;
      for (let d = 0; d < D; d++) g.w1[d * H + j] += x[n * D + d] * s;
    }
  }
  if (mistake === "bias-gradient-averaged") g.b1 = g.b1.map((v) => v / N);
  for (const key in g) g[key] = g[key].map(store);
  return g;
}

function update(params, g, lr, store) {
  const sign = mistake === "update-sign-flipped" ? 1 : -1;
  const parts = Object.entries(params).map(([key, p]) => [key, p.map((v, i) => store(v + sign * lr * g[key][i]))]);
  return Object.fromEntries(parts);
}

// Reading: a flat array of doubles, or of words among them.

function array(value, family, format) {
  if (typeof value === "number" && format === "float32") return [Math.fround(value)];
  if (typeof value !== "object") return [value];
  if (Array.isArray(value)) return value.flat(2).map((v) => array(v, family, format)[0]);
  const { bytes, dtype } = family.files[value.file];
  const raw = fs.readFileSync(path.join(folder, value.file));
  if (raw.length !== bytes) throw new Error(`${value.file} has ${raw.length} bytes, expected ${bytes}`);
  const width = dtype === "float32" ? 4 : 8;
  return Float64Array.from({ length: bytes / width }, (_, i) =>
    width === 4 ? raw.readFloatLE(4 * i) : raw.readDoubleLE(8 * i),
  );
}

const number = (word) => (typeof word === "string" ? Number(word) : word); // "NaN", "Infinity", "-Infinity"

// Judging: this is all that a consumer has to do.

function right(v, low, high) {
  if (low === "any") return true;
  if (low === "NaN") return Number.isNaN(v);
  if (low === "not finite") return !Number.isFinite(v);
  return low <= v && v <= high;
}

function wrong(family, group, vector) {
  const { sizes, format, activation } = group;
  const store = format === "float32" ? Math.fround : (v) => v;
  const read = (value) => array(value, family, format);
  const four = (named) => Object.fromEntries(["w1", "b1", "w2", "b2"].map((key) => [key, read(named[key]).map(number)]));
  const params = four(group.params);
  const { op, inputs } = vector;
  let result;
  if (op === "update") {
    result = update(params, four(inputs.grads), number(read(inputs.lr)[0]), store);
  } else {
    const x = read(inputs.x).map(number);
    const passed = layers(sizes, activation === "relu", params, x, store);
    if (op === "forward") result = { y_pred: passed.y_pred };
    else {
      const y = read(inputs.y).map(number);
      if (op === "loss") result = { loss: [loss(sizes, passed.y_pred, y, store)] };
      else result = grads(sizes, activation === "relu", params, passed, x, y, store);
      if (op === "step") result = update(params, result, number(read(inputs.lr)[0]), store);
    }
  }
  for (const key in vector.low) {
    const low = read(vector.low[key]);
    const high = read(vector.high[key]);
    if (result[key].length !== low.length) return `${key} has ${result[key].length} numbers, expected ${low.length}`;
    for (let i = 0; i < low.length; i++) {
      if (!right(result[key][i], low[i], high[i])) return `${key}[${i}] = ${result[key][i]}, outside [${low[i]}, ${high[i]}]`;
    }
  }
  return "";
}

let count = 0;
const lines = { MUST: [], SHOULD: [] };
const said = new Set();
try {
  for (const name of fs.readdirSync(folder).filter((file) => /^[0-9].*\.json$/.test(file)).sort()) {
    const family = JSON.parse(fs.readFileSync(path.join(folder, name), "utf8"));
    if (family.version !== 1) throw new Error(`${name} is of version ${family.version} of the layout, expected 1`);
    for (const group of family.groups) {
      for (const vector of group.vectors) {
        count++;
        const why = wrong(family, group, vector);
        if (!why) continue;
        lines[vector.level].push(`${vector.level === "MUST" ? "FAIL" : "WARN"} ${vector.id} ${vector.op}: ${why}`);
        for (const flag of vector.flags) {
          lines[vector.level].push(said.has(flag) ? `  ${flag}` : `  ${flag}: ${family.notes[flag].says}`);
          said.add(flag);
        }
      }
    }
  }
  if (!count) throw new Error(`there are no vectors in ${folder}`);
} catch (error) {
  console.error(`check_vectors: ${error.message}`);
  process.exit(2);
}
const fails = (level) => lines[level].filter((line) => !line.startsWith(" ")).length;
const verdict = fails("MUST") ? "DOES NOT CONFORM" : "CONFORMS";
console.log(`${verdict}: ${fails("MUST")} of ${count} vectors fail, ${fails("SHOULD")} more warn`);
for (const line of [...lines.MUST, ...lines.SHOULD]) console.log(line);
process.exitCode = fails("MUST") ? 1 : 0;
