// SPDX-License-Identifier: MIT
typedef unsigned semaphore_t;
