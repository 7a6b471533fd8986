// SPDX-License-Identifier: MIT
#ifndef STUB_LOCALE_H
#define STUB_LOCALE_H
#define LC_ALL 0
#define LC_NUMERIC 4
struct lconv {
  char *decimal_point;
};
char *setlocale(int, const char *);
struct lconv *localeconv(void);
#endif
