// SPDX-License-Identifier: MIT
// No pipe2, dup3, execvpe, getresuid, syscall or environ.
#ifndef STUB_UNISTD_H
#define STUB_UNISTD_H
#include <sys/types.h>
#define STDIN_FILENO 0
#define STDOUT_FILENO 1
#define STDERR_FILENO 2
#define F_OK 0
#define X_OK 1
#define W_OK 2
#define R_OK 4
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define _SC_OPEN_MAX 5
int access(const char *, int);
int faccessat(int, const char *, int, int);
int chdir(const char *);
int fchdir(int);
int chown(const char *, uid_t, gid_t);
int lchown(const char *, uid_t, gid_t);
int fchown(int, uid_t, gid_t);
int fchownat(int, const char *, uid_t, gid_t, int);
int close(int);
int dup(int);
int dup2(int, int);
int execve(const char *, char *const[], char *const[]);
_Noreturn void _exit(int);
pid_t fork(void);
int fsync(int);
int ftruncate(int, off_t);
char *getcwd(char *, size_t);
int getdtablesize(void);
uid_t getuid(void);
uid_t geteuid(void);
gid_t getgid(void);
int gethostname(char *, size_t);
int getpeereid(int, uid_t *, gid_t *);
pid_t getpid(void);
pid_t getppid(void);
pid_t getpgrp(void);
int isatty(int);
int ttyname_r(int, char *, size_t);
int link(const char *, const char *);
int linkat(int, const char *, int, const char *, int);
off_t lseek(int, off_t, int);
int pipe(int[2]);
ssize_t pread(int, void *, size_t, off_t);
ssize_t read(int, void *, size_t);
ssize_t readlink(const char *, char *, size_t);
ssize_t readlinkat(int, const char *, char *, size_t);
int rmdir(const char *);
int setpgid(pid_t, pid_t);
pid_t setsid(void);
int symlink(const char *, const char *);
int symlinkat(const char *, int, const char *);
long sysconf(int);
pid_t tcgetpgrp(int);
int tcsetpgrp(int, pid_t);
int unlink(const char *);
int unlinkat(int, const char *, int);
ssize_t write(int, const void *, size_t);
#endif
