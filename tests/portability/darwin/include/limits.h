// SPDX-License-Identifier: MIT
// The compiler's own has the sizes of types.
#ifndef STUB_LIMITS_H
#define STUB_LIMITS_H
#include_next <limits.h>
#include <sys/syslimits.h>
#endif
