// SPDX-License-Identifier: MIT
#ifndef STUB_PTHREAD_H
#define STUB_PTHREAD_H
#include <sys/types.h>
#define PTHREAD_ONCE_INIT {{0}}
#endif
