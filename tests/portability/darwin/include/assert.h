// SPDX-License-Identifier: MIT
#define assert(e) ((void)(e))
