// SPDX-License-Identifier: MIT
char ***_NSGetEnviron(void);
