// SPDX-License-Identifier: MIT
// No secure_getenv or qsort_r as glibc has it.
#ifndef STUB_STDLIB_H
#define STUB_STDLIB_H
#include <sys/types.h>
void *malloc(size_t);
void *calloc(size_t, size_t);
void *realloc(void *, size_t);
void free(void *);
char *getenv(const char *);
int setenv(const char *, const char *, int);
int unsetenv(const char *);
_Noreturn void abort(void);
_Noreturn void exit(int);
int atexit(void (*)(void));
long strtol(const char *, char **, int);
unsigned long strtoul(const char *, char **, int);
long long strtoll(const char *, char **, int);
unsigned long long strtoull(const char *, char **, int);
double strtod(const char *, char **);
char *realpath(const char *, char *);
char *mkdtemp(char *);
int mkstemp(char *);
int posix_openpt(int);
int grantpt(int);
int unlockpt(int);
int ptsname_r(int, char *, size_t);
void *bsearch(const void *, const void *, size_t, size_t, int (*)(const void *, const void *));
void qsort(void *, size_t, size_t, int (*)(const void *, const void *));
#endif
