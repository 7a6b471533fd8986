// SPDX-License-Identifier: MIT
#ifndef STUB_STDIO_H
#define STUB_STDIO_H
#include <stdarg.h>
#include <sys/types.h>
typedef struct stub_file FILE;
extern FILE *__stdinp, *__stdoutp, *__stderrp;
#define stdin __stdinp
#define stdout __stdoutp
#define stderr __stderrp
#define EOF (-1)
#define BUFSIZ 1024
int rename(const char *, const char *);
int renameat(int, const char *, int, const char *);
int fprintf(FILE *, const char *, ...) __attribute__((format(printf, 2, 3)));
int snprintf(char *, size_t, const char *, ...) __attribute__((format(printf, 3, 4)));
int vsnprintf(char *, size_t, const char *, va_list) __attribute__((format(printf, 3, 0)));
int sscanf(const char *, const char *, ...) __attribute__((format(scanf, 2, 3)));
int fflush(FILE *);
size_t fwrite(const void *, size_t, size_t, FILE *);
size_t fread(void *, size_t, size_t, FILE *);
FILE *fopen(const char *, const char *);
int fclose(FILE *);
int fputs(const char *, FILE *);
int fputc(int, FILE *);
int puts(const char *);
int ferror(FILE *);
#endif
