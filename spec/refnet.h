/* The functions that refnet looks for in a shared library: library.md explains them. Have those that you have.

   Matrices lie in C order, one row behind the other; nothing overlaps. w1 is (d, h), b1 (h), w2 (h, o), b2 (o),
   x (n, d), y and y_pred (n, o). n may be 0. What is const is not written to; the last arguments are what is written.
   Each returns 0, or any other number where it cannot do what is asked.

   These compute with the activation max(h, 0). For the linear network write _identity_ into the name:
   forward_identity_float32, loss_identity_float32, grads_identity_float32, step_identity_float32. */
#ifndef REFNET_H
#define REFNET_H
#ifdef __cplusplus
extern "C" {
#endif

int forward_float32(int n, int d, int h, int o, const float *w1, const float *b1, const float *w2, const float *b2,
                    const float *x, float *y_pred);
int loss_float32(int n, int d, int h, int o, const float *w1, const float *b1, const float *w2, const float *b2,
                 const float *x, const float *y, float *loss);
int grads_float32(int n, int d, int h, int o, const float *w1, const float *b1, const float *w2, const float *b2,
                  const float *x, const float *y, float *gw1, float *gb1, float *gw2, float *gb2);
int update_float32(int d, int h, int o, const float *w1, const float *b1, const float *w2, const float *b2,
                   const float *gw1, const float *gb1, const float *gw2, const float *gb2, float lr,
                   float *new_w1, float *new_b1, float *new_w2, float *new_b2);
int step_float32(int n, int d, int h, int o, const float *w1, const float *b1, const float *w2, const float *b2,
                 const float *x, const float *y, float lr, float *new_w1, float *new_b1, float *new_w2, float *new_b2);

int forward_float64(int n, int d, int h, int o, const double *w1, const double *b1, const double *w2, const double *b2,
                    const double *x, double *y_pred);
int loss_float64(int n, int d, int h, int o, const double *w1, const double *b1, const double *w2, const double *b2,
                 const double *x, const double *y, double *loss);
int grads_float64(int n, int d, int h, int o, const double *w1, const double *b1, const double *w2, const double *b2,
                  const double *x, const double *y, double *gw1, double *gb1, double *gw2, double *gb2);
int update_float64(int d, int h, int o, const double *w1, const double *b1, const double *w2, const double *b2,
                   const double *gw1, const double *gb1, const double *gw2, const double *gb2, double lr,
                   double *new_w1, double *new_b1, double *new_w2, double *new_b2);
int step_float64(int n, int d, int h, int o, const double *w1, const double *b1, const double *w2, const double *b2,
                 const double *x, const double *y, double lr, double *new_w1, double *new_b1, double *new_w2,
                 double *new_b2);

#ifdef __cplusplus
}
#endif
#endif
