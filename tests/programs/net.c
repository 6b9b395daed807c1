/* A two-layer network that speaks JSON lines (spec/protocol.md): a model for programs in C.
   cc -std=c99 -O2 -o net net.c -lm && refnet check --command ./net
   It computes in float64, with -DREAL=float in float32. -DNO_MASK makes it wrong: units that are off pass gradients. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef REAL
#define REAL double
#endif
typedef REAL real;
typedef struct { int rows, cols, nested; real *at; } Array; /* not nested: a vector, of one row */

static char problem[80]; /* why the request cannot be met, or "" */
static void *owned[64];  /* what the request has allocated */
static int owns;

static Array make(int rows, int cols, int nested) {
    Array a = {rows, cols, nested, calloc((size_t)rows * cols + 1, sizeof(real))};
    if (!a.at) exit(1);
    owned[owns++] = a.at;
    return a;
}

/* Reading. All keys are at the top level, and no string holds one in quotes: a search finds it. */
static const char *value_of(const char *line, const char *key) {
    char quoted[16];
    const char *at = strstr(line, (sprintf(quoted, "\"%s\":", key), quoted));
    return at ? at + strlen(quoted) + strspn(at + strlen(quoted), " ") : "";
}

static int take(const char **at, char c) {
    *at += strspn(*at, " ");
    return **at == c ? (*at)++, 1 : 0;
}

static int number(const char **at, real *value) {
    const char *start = (take(at, '"'), *at);
    *value = (real)strtod(start, (char **)at); /* which knows the words NaN, Infinity and -Infinity too */
    return *at != start && (take(at, '"'), 1);
}

static Array array(const char *line, const char *key, int rows, int cols, int nested) {
    const char *at = value_of(line, key);
    Array a = make(rows, cols, nested);
    int good = !nested || take(&at, '[');
    for (int i = 0; i < rows; i++) {
        good = good && (!i || take(&at, ',')) && take(&at, '[');
        for (int j = 0; j < cols; j++) good = good && (!j || take(&at, ',')) && number(&at, &a.at[i * cols + j]);
        good = good && take(&at, ']');
    }
    if (!good || (nested && !take(&at, ']'))) sprintf(problem, "%s is not of shape (%d, %d)", key, rows, cols);
    return a;
}

static void four(const char *line, const char *keys[4], Array into[4]) { /* biases may be vectors or rows */
    int d = atoi(value_of(line, "d")), h = atoi(value_of(line, "h")), o = atoi(value_of(line, "o"));
    into[0] = array(line, keys[0], d, h, 1);
    into[1] = array(line, keys[1], 1, h, !strncmp(value_of(line, keys[1]), "[[", 2));
    into[2] = array(line, keys[2], h, o, 1);
    into[3] = array(line, keys[3], 1, o, !strncmp(value_of(line, keys[3]), "[[", 2));
}

/* Writing. */
static void print_number(real v) {
    if (isfinite(v)) printf("%.*g", sizeof(real) == 4 ? 9 : 17, (double)v);
    else fputs(isnan(v) ? "\"NaN\"" : v > 0 ? "\"Infinity\"" : "\"-Infinity\"", stdout);
}

static void print_array(Array a) {
    if (a.nested) putchar('[');
    for (int i = 0; i < a.rows * a.cols; i++) {
        fputs(i % a.cols ? ", " : i ? ", [" : "[", stdout);
        print_number(a.at[i]);
        if (i % a.cols == a.cols - 1) putchar(']');
    }
    if (a.nested) putchar(']');
}

/* The network. */
static Array product(Array a, int flip_a, Array b, int flip_b) {
    Array c = make(flip_a ? a.cols : a.rows, flip_b ? b.rows : b.cols, 1);
    for (int i = 0; i < c.rows; i++)
        for (int k = 0; k < (flip_a ? a.rows : a.cols); k++)
            for (int j = 0; j < c.cols; j++)
                c.at[i * c.cols + j] += a.at[flip_a ? k * a.cols + i : i * a.cols + k]
                                      * b.at[flip_b ? j * b.cols + k : k * b.cols + j];
    return c;
}

static void answer(const char *line) {
    static const char *names[] = {"w1", "b1", "w2", "b2"}, *slopes[] = {"gw1", "gb1", "gw2", "gb2"};
    char op = value_of(line, "op")[1]; /* the first letter tells the operations apart */
    int relu = value_of(line, "activation")[1] == 'r', n = atoi(value_of(line, "n"));
    Array p[4], g[4];
    four(line, names, p);
    if (op == 'u') four(line, slopes, g);
    else {
        Array x = array(line, "x", n, p[0].rows, 1), y = make(n, p[2].cols, 1);
        if (op != 'f') y = array(line, "y", n, p[2].cols, 1);
        Array h = product(x, 0, p[0], 0), a = make(n, h.cols, 1);
        for (int i = 0; i < n * h.cols; i++) h.at[i] += p[1].at[i % h.cols];
        for (int i = 0; i < n * h.cols; i++) a.at[i] = relu && h.at[i] < 0 ? 0 : h.at[i];
        Array out = product(a, 0, p[2], 0);
        real sum = 0, r;
        g[1] = make(1, h.cols, p[1].nested), g[3] = make(1, out.cols, p[3].nested);
        for (int i = 0; i < n * out.cols; i++) {
            r = (out.at[i] += p[3].at[i % out.cols]) - y.at[i];
            sum += r * r;
            g[3].at[i % out.cols] += y.at[i] = 2 * r; /* y holds g from here on */
        }
        Array gh = product(y, 0, p[2], 1);
        for (int i = 0; i < n * h.cols; i++) {
#ifndef NO_MASK
            if (relu && h.at[i] < 0) gh.at[i] = 0;
#endif
            g[1].at[i % h.cols] += gh.at[i];
        }
        g[0] = product(x, 1, gh, 0), g[2] = product(a, 1, y, 0);
        if (op == 'f' && !*problem) fputs("{\"y_pred\": ", stdout), print_array(out);
        if (op == 'l' && !*problem) fputs("{\"loss\": ", stdout), print_number(sum);
    }
    if (*problem) printf("{\"error\": \"%s\"", problem);
    real lr = (real)strtod(value_of(line, "lr"), NULL);
    for (int k = 0; k < 4 && op != 'f' && op != 'l' && !*problem; k++) {
        for (int i = 0; i < p[k].rows * p[k].cols && op != 'g'; i++) g[k].at[i] = p[k].at[i] - lr * g[k].at[i];
        printf("%s\"%s\": ", k ? ", " : "{", names[k]), print_array(g[k]);
    }
    *problem = 0;
    while (owns) free(owned[--owns]);
    puts("}");
}

int main(void) {
    size_t size = 1 << 16, length = 0;
    char *line = malloc(size);
    while (line && fgets(line + length, (int)(size - length), stdin)) {
        length += strlen(line + length);
        if (line[length - 1] == '\n') {
            if (value_of(line, "op")[1] != 'd') answer(line);
            else printf("{\"name\": \"net.c\", \"operations\": [\"forward\", \"loss\", \"grads\", \"update\", \"step\"], "
                        "\"activations\": [\"relu\", \"identity\"], \"dtypes\": [\"float%d\"]}\n", 8 * (int)sizeof(real));
            fflush(stdout);
            length = 0;
        } else line = realloc(line, size *= 2);
    }
    return 0;
}
