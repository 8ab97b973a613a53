#pragma once
// exp, log, sin, cos, pow, sqrt whose bits are ours: only IEEE +, -, *, /, fma and exact tables, so
// the result depends on no processor and no C library (which picks variants by processor). Double
// precision, error below 1 ulp (sin, cos: below 1 ulp for |x| <= 2^20; pow: below 2 ulp). Used by
// rope tables, schedules, bias correction and initialisation; kernels have their own vector forms
// (kernels/vec.h).
namespace retort::exact {

double exp(double x);            // overflow -> inf, underflow -> 0, nan -> nan
double log(double x);            // x < 0 -> nan, 0 -> -inf
double sin(double x);            // |x| <= 2^20 (checked)
double cos(double x);            // |x| <= 2^20 (checked)
double pow(double x, double y);  // x > 0, or x == 0 with y > 0
double sqrt(double x);           // IEEE, correctly rounded

}  // namespace retort::exact
