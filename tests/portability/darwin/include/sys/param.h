// SPDX-License-Identifier: MIT
#ifndef STUB_SYS_PARAM_H
#define STUB_SYS_PARAM_H
#include <limits.h>
#define MAXPATHLEN PATH_MAX
#define NODEV ((dev_t)-1)
#endif
