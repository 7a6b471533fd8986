// SPDX-License-Identifier: MIT
// No getrandom.
#include <stddef.h>
int getentropy(void *, size_t);
