// SPDX-License-Identifier: MIT
// measure COUNT PROGRAM [ARG...]: runs a program COUNT times, one after the
// other, its standard streams on /dev/null, and prints a line for each run:
// wall seconds, CPU seconds, peak resident kilobytes, wait status.
// Small and static, because the kernel counts the memory of whoever forks as
// the child's own until its exec. Judges nothing.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_seconds(const struct rusage *r) {
  return (double)(r->ru_utime.tv_sec + r->ru_stime.tv_sec) +
         (double)(r->ru_utime.tv_usec + r->ru_stime.tv_usec) / 1e6;
}

static void become(char **argv) {
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; null >= 0 && fd <= 2; fd++)
    dup2(null, fd);
  if (null > 2)
    close(null);
  execv(argv[0], argv);
  _exit(127);
}

static int run_once(char **argv) {
  double start = seconds();
  pid_t pid = fork();
  if (pid < 0) {
    fprintf(stderr, "measure: fork: %s\n", strerror(errno));
    return 1;
  }
  if (pid == 0)
    become(argv);
  int status;
  struct rusage usage;
  while (wait4(pid, &status, 0, &usage) < 0)
    if (errno != EINTR)
      return 1;
  printf("%.6f %.6f %ld %d\n", seconds() - start, cpu_seconds(&usage), usage.ru_maxrss, status);
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fputs("usage: measure COUNT PROGRAM [ARG...]\n", stderr);
    return 2;
  }
  int failed = 0;
  for (long left = strtol(argv[1], NULL, 10); left > 0 && !failed; left--)
    failed = run_once(argv + 2);
  return failed || fflush(stdout) != 0;
}
