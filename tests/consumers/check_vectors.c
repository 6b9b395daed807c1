/* Checks a small network in C against refnet's test vectors: no library, no Python, no tolerance.

   cc -std=c99 -O2 -o check_vectors check_vectors.c -lm
   ./check_vectors spec/vectors/[0-9]*.json                          a line for each vector that fails; exit status 0, 1 or 2
   ./check_vectors --mistake mask-missing spec/vectors/01-tiny.json    the same with a mistake built in

   Replace what stands under "The network" by calls of yours. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void stop(const char *why, const char *what) { fprintf(stderr, "check_vectors: %s: %s\n", what, why); exit(2); }
static void *space(size_t n) { void *p = calloc(n ? n : 1, 1); if (!p) stop("no memory", "calloc"); return p; }

/* JSON: a tree of nodes. Numbers stay text, to be read into their own format. */
typedef struct Node { char type, *key, *text; struct Node *child, *next; } Node; /* type: { [ " n(umber) or t f 0 */
static char *at;
static void blank(void) { while (*at && strchr(" \t\r\n", *at)) at++; }
static char *string(void) {
    char *from = ++at, *to = from;
    for (; *at && *at != '"'; *to++ = *at++) if (*at == '\\') at++; /* of escapes, only \" and \\ occur */
    if (!*at) stop("a string does not end", "JSON");
    at++, *to = 0;
    return from;
}
static Node *value(void) {
    Node *node = space(sizeof *node), **last = &node->child;
    blank();
    node->type = *at;
    if (*at == '"') { node->text = string(); return node; }
    if (*at == '{' || *at == '[') {
        char close = *at++ == '{' ? '}' : ']', *key = NULL;
        for (blank(); *at != close; blank()) {
            if (close == '}') { key = string(); blank(); if (*at++ != ':') stop("no colon after a key", "JSON"); }
            *last = value(), (*last)->key = key, last = &(*last)->next;
            blank();
            if (*at == ',') at++; else if (*at != close) stop("no comma between members", "JSON");
        }
        at++;
        return node;
    }
    node->text = at, at += strcspn(at, ",]} \t\r\n");
    if (!strchr("tf-0123456789", node->type) || node->text == at) stop("no value where one should be", "JSON");
    if (!strchr("tf", node->type)) node->type = 'n';
    return node;
}
static Node *get(const Node *node, const char *key) {
    for (Node *child = node->child; child; child = child->next) if (!strcmp(child->key, key)) return child;
    stop("is missing", key);
    return NULL;
}

/* Arrays: doubles, which hold every float, and a letter where a word stands in place of a number. */
typedef struct { size_t n; double *v; char *word; } Array;
static int single; /* whether the format at hand is float32 */
static double store(double v) { return single ? (double)(float)v : v; }
static char *slurp(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) stop("cannot be opened", path);
    if (fgetc(file) == EOF && ferror(file)) stop("cannot be read: name each file, not the folder", path);
    fseek(file, 0, SEEK_END), *size = (size_t)ftell(file), rewind(file);
    char *text = space(*size + 1);
    if (fread(text, 1, *size, file) != *size) stop("cannot be read", path);
    fclose(file);
    return text;
}
static void leaves(const Node *node, Array *a) {
    for (const Node *child = node->child; child; child = child->next) leaves(child, a);
    if (node->type == '[') return;
    if (a->v) a->word[a->n] = node->type == '"' ? node->text[0] + (node->text[1] == 'o') : 0; /* N, a, I, and o: not finite */
    if (a->v) a->v[a->n] = single ? strtof(node->text, NULL) : strtod(node->text, NULL);
    a->n++;
}
static const char *folder;
static Array array(const Node *node) {
    Array a = {0, NULL, NULL};
    if (node->type != '{') {
        leaves(node, &a); /* counts */
        a.v = space(a.n * sizeof *a.v), a.word = space(a.n), a.n = 0;
        return leaves(node, &a), a;
    }
    char path[4096];
    size_t size, width = single ? 4 : 8;
    snprintf(path, sizeof path, "%s%s", folder, get(node, "file")->text);
    unsigned char *raw = (unsigned char *)slurp(path, &size);
    a.n = size / width, a.v = space(a.n * sizeof *a.v), a.word = space(a.n);
    for (size_t i = 0; i < a.n; i++) {
        uint64_t bits = 0;
        for (size_t k = width; k--;) bits = bits << 8 | raw[i * width + k]; /* little-endian, on any machine */
        uint32_t half = (uint32_t)bits;
        float f;
        if (single) memcpy(&f, &half, 4), a.v[i] = f; else memcpy(&a.v[i], &bits, 8);
    }
    free(raw);
    return a;
}

/* The network: sums in double, each result rounded to the format. */
static const char *mistake = "";
static int is(const char *name) { return !strcmp(mistake, name); }
typedef struct { size_t N, D, H, O; double *w[4], *x, *y, lr; int relu; } Problem;
static const char *const names[4] = {"w1", "b1", "w2", "b2"};
static size_t size_of(const Problem *p, int i) { size_t s[4] = {p->D * p->H, p->H, p->H * p->O, p->O}; return s[i]; }

static void layers(const Problem *p, double *h, double *a, double *y_pred) {
    for (size_t n = 0; n < p->N; n++) {
        for (size_t j = 0; j < p->H; j++) {
            double s = is("b1-missing") ? 0 : p->w[1][j];
            for (size_t d = 0; d < p->D; d++) {
                s += p->x[n * p->D + d] * p->w[0][d * p->H + j];
                if (is("float32-accumulation")) s = (float)s;
            }
            h[n * p->H + j] = s = store(s);
            a[n * p->H + j] = p->relu && s < 0 ? 0 : s;
        }
        for (size_t o = 0; o < p->O; o++) {
            double s = p->w[3][o];
            for (size_t j = 0; j < p->H; j++) s += a[n * p->H + j] * p->w[2][j * p->O + o];
            y_pred[n * p->O + o] = store(s);
        }
    }
}
static double loss(const Problem *p, const double *y_pred) {
    double s = 0;
    for (size_t i = 0; i < p->N * p->O; i++) s += (y_pred[i] - p->y[i]) * (y_pred[i] - p->y[i]);
    return store(is("empty-batch-nan") ? s / p->N * p->N : is("mean-over-elements") ? s / (p->N * p->O) : s);
}
static void grads(const Problem *p, const double *h, const double *a, const double *y_pred, double *g[4]) {
    for (size_t n = 0; n < p->N; n++) {
        double *r = space(p->O * sizeof *r); /* g of one sample */
        for (size_t o = 0; o < p->O; o++) {
            r[o] = store((is("missing-factor-2") ? 1 : 2) * (y_pred[n * p->O + o] - p->y[n * p->O + o]));
            g[3][o] += r[o];
            for (size_t j = 0; j < p->H; j++) g[2][j * p->O + o] += a[n * p->H + j] * r[o];
        }
        for (size_t j = 0; j < p->H; j++) {
            double s = 0, at_h = h[n * p->H + j];
            for (size_t o = 0; o < p->O; o++) s += r[o] * p->w[2][j * p->O + o];
            if (p->relu && at_h < 0 && !is("mask-missing")) s = 0;
            if (p->relu && at_h == 0 && is("slope-2-at-kink")) s *= 2;
            g[1][j] += s;
            for (size_t d = 0; d < p->D; d++) g[0][d * p->H + j] += p->x[n * p->D + d] * s;
        }
        free(r);
    }
}
static void descend(const Problem *p, double *g[4]) {
    for (int i = 0; i < 4; i++) for (size_t k = 0; k < size_of(p, i); k++)
        g[i][k] = store(p->w[i][k] - (is("rate-missing") ? 1 : p->lr) * g[i][k]);
}

/* One vector: run it, and compare each component with its interval. */
static int right(double v, Array low, Array high, size_t i) {
    char word = low.word[i]; /* of "any", "NaN", "not finite" */
    return word == 'a' || (word == 'N' ? v != v : word == 'o' ? !isfinite(v) : low.v[i] <= v && v <= high.v[i]);
}
static int passes(const Node *group, const Node *vector, char *said, size_t room) {
    const Node *sizes = get(group, "sizes"), *inputs = get(vector, "inputs"), *low = get(vector, "low");
    const char *op = get(vector, "op")->text;
    Problem p = {0};
    p.N = (size_t)atol(get(sizes, "N")->text), p.D = (size_t)atol(get(sizes, "D")->text);
    p.H = (size_t)atol(get(sizes, "H")->text), p.O = (size_t)atol(get(sizes, "O")->text);
    p.relu = !strcmp(get(group, "activation")->text, "relu");
    double *g[4], *h = space(p.N * p.H * sizeof *h), *a = space(p.N * p.H * sizeof *a), *y = space(p.N * p.O * sizeof *y), total;
    for (int i = 0; i < 4; i++) p.w[i] = array(get(get(group, "params"), names[i])).v, g[i] = space(size_of(&p, i) * sizeof **g);
    if (!strcmp(op, "update")) for (int i = 0; i < 4; i++) g[i] = array(get(get(inputs, "grads"), names[i])).v;
    else p.x = array(get(inputs, "x")).v;
    if (strcmp(op, "update") && strcmp(op, "forward")) p.y = array(get(inputs, "y")).v;
    if (!strcmp(op, "update") || !strcmp(op, "step")) p.lr = array(get(inputs, "lr")).v[0];
    if (p.x) layers(&p, h, a, y);
    if (!strcmp(op, "loss")) total = loss(&p, y);
    if (!strcmp(op, "grads") || !strcmp(op, "step")) grads(&p, h, a, y, g);
    for (int i = 0; i < 4; i++) for (size_t k = 0; k < size_of(&p, i); k++) g[i][k] = store(g[i][k]);
    if (!strcmp(op, "update") || !strcmp(op, "step")) descend(&p, g);
    for (const Node *end = low->child; end; end = end->next) {
        Array least = array(end), most = array(get(get(vector, "high"), end->key));
        double *result = !strcmp(end->key, "y_pred") ? y : !strcmp(end->key, "loss") ? &total : NULL;
        for (int i = 0; i < 4; i++) if (!strcmp(end->key, names[i])) result = g[i];
        for (size_t i = 0; i < least.n; i++)
            if (!right(result[i], least, most, i)) {
                snprintf(said, room, "%s[%zu] = %.17g, outside [%.17g, %.17g]", end->key, i, result[i], least.v[i], most.v[i]);
                return 0;
            }
    }
    return 1; /* the memory goes back with the process */
}

int main(int argc, char **argv) {
    int first = 1, count = 0, must = 0, should = 0;
    char *report = space(1 << 22), *end = report; /* the verdict comes first, so the rest waits */
    if (argc > 2 && !strcmp(argv[1], "--mistake")) mistake = argv[2], first = 3;
    if (first >= argc) stop("expected [--mistake NAME] FILE.json ...", "arguments");
    for (int i = first; i < argc; i++) {
        size_t size;
        char *slash = strrchr(argv[i], '/'), *path = space(strlen(argv[i]) + 1);
        if (slash) memcpy(path, argv[i], (size_t)(slash - argv[i]) + 1);
        folder = path, at = slurp(argv[i], &size);
        const Node *family = value();
        if (strncmp(get(family, "version")->text, "1,", 2)) stop("is of another version of the layout, expected 1", argv[i]);
        for (const Node *group = get(family, "groups")->child; group; group = group->next) {
            single = !strcmp(get(group, "format")->text, "float32");
            for (const Node *vector = get(group, "vectors")->child; vector; vector = vector->next, count++) {
                char said[256];
                if (passes(group, vector, said, sizeof said)) continue;
                int is_must = !strcmp(get(vector, "level")->text, "MUST");
                if (is_must) must++; else should++;
                if (end - report > (1 << 22) - 4096) continue;
                end += sprintf(end, "%s %s %s: %s\n", is_must ? "FAIL" : "WARN", get(vector, "id")->text, get(vector, "op")->text, said);
                for (const Node *flag = get(vector, "flags")->child; flag; flag = flag->next) {
                    Node *note = get(get(family, "notes"), flag->text);
                    end += sprintf(end, "  %s%s%s\n", flag->text, note->text ? "" : ": ", note->text ? note->text : get(note, "says")->text);
                    note->text = ""; /* said once a family */
                }
            }
        }
    }
    printf("%s: %d of %d vectors fail, %d more warn\n%s", must ? "DOES NOT CONFORM" : "CONFORMS", must, count, should, report);
    return must > 0;
}
