/* A two-layer network behind the C interface of spec/refnet.h: a model for shared libraries (spec/library.md).
   cc -std=c99 -O2 -shared -fPIC -I spec -o libnet.so tests/programs/library.c && refnet check ./libnet.so

   The functions are in network.inc, once for each format and activation. It is wrong with -DHALF (the factor 2 of the
   gradient is lost), -DSEGFAULT (where n is 1), -DBEYOND (it writes a number too many), -DUNWRITTEN (it forgets the
   last bias), -DREFUSES (it returns an error). */
#include "refnet.h"

#include <signal.h>
#include <stdlib.h>

#ifdef FLUSH /* what -ffast-math links in with some compilers: subnormal numbers are 0 for whoever loads the library */
#include <xmmintrin.h>
__attribute__((constructor)) static void flush(void) { _mm_setcsr(_mm_getcsr() | 0x8040); }
#endif

#ifndef ONLY_FLOAT64
#define REAL float
#define RELU 1
#define NAME(operation) operation##_float32
#include "network.inc"
#undef RELU
#undef NAME
#define RELU 0
#define NAME(operation) operation##_identity_float32
#include "network.inc"
#undef REAL
#undef RELU
#undef NAME
#endif

#define REAL double
#define RELU 1
#define NAME(operation) operation##_float64
#include "network.inc"
#undef RELU
#undef NAME
#define RELU 0
#define NAME(operation) operation##_identity_float64
#include "network.inc"
