// SPDX-License-Identifier: MIT
#ifndef STUB_MATH_H
#define STUB_MATH_H
#define HUGE_VAL __builtin_huge_val()
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define isnan(x) __builtin_isnan(x)
#define isinf(x) __builtin_isinf(x)
#define isfinite(x) __builtin_isfinite(x)
double ceil(double);
double fabs(double);
double floor(double);
double fmod(double, double);
double pow(double, double);
#endif
