// SPDX-License-Identifier: MIT
// SHA-256 (FIPS 180-4) of a block of memory. For names that follow from content
// and for chains of lines; never the place for a secret, it takes no care of time.
#ifndef WX_CORE_SHA256_H
#define WX_CORE_SHA256_H

#include <stddef.h>

#define WX_SHA256_SIZE 32

void wx_sha256(const void *data, size_t len, unsigned char out[WX_SHA256_SIZE]);

#endif
