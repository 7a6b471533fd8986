// SPDX-License-Identifier: MIT
// The only program of some test images, linked as each of them needs it: tells what it sees in a
// sandbox, ends with a status, waits for a signal, leaves an orphan. It judges nothing, the specs do.
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FAILED = 99, PARTS = 500 };

static int fail(const char *what) {
  fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
  return FAILED;
}

// Prints the lines of a file that begin with one of the words, all without words.
static void show_lines(const char *title, const char *path, const char *const *words) {
  char line[512];
  FILE *file = fopen(path, "re");
  if (!file) {
    printf("%s=!%s\n", title, strerror(errno));
    return;
  }
  while (fgets(line, sizeof line, file)) {
    for (const char *const *word = words; *word; word++)
      if (strncmp(line, *word, strlen(*word)) == 0)
        printf("%s.%s", title, line);
  }
  fclose(file);
}

static void show_writable(const char *dir) {
  char path[512];
  snprintf(path, sizeof path, "%s/written", dir);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  printf("write.%s=%s\n", dir, fd < 0 ? strerror(errno) : "yes");
  if (fd >= 0)
    close(fd);
}

static void show_home(void) {
  const char *home = getenv("HOME");
  struct stat st;
  if (!home || stat(home, &st) < 0)
    return;
  printf("home=%s %o %d\n", home, (unsigned)st.st_mode & 07777, (int)st.st_uid);
  char path[512];
  snprintf(path, sizeof path, "%s/.probe/settings", home);
  static const char *const first[] = { "skeleton", NULL };
  show_lines("settings", path, first);
  show_writable(home);
}

static int see(void) {
  static const char *const status[] = { "Cap", "NoNewPrivs", "Seccomp:", "Name", NULL };
  char cwd[512] = "";
  const struct passwd *entry = getpwuid(getuid());
  printf("uid=%d\ngid=%d\nppid=%d\n", (int)getuid(), (int)getgid(), (int)getppid());
  printf("user=%s\n", entry ? entry->pw_name : "none");
  printf("cwd=%s\n", getcwd(cwd, sizeof cwd) ? cwd : "none");
  printf("path=%s\n", getenv("PATH") ? getenv("PATH") : "none");
  show_home();
  show_lines("self", "/proc/self/status", status);
  show_lines("init", "/proc/1/status", status);
  show_writable(".");
  show_writable("/tmp");
  show_writable("");
  show_writable("/etc");
  return 0;
}

// The handler's default would end the program before it could say anything.
static int wait_for_signal(void) {
  sigset_t set;
  int signo;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, NULL);
  puts("up");
  fflush(stdout);
  if (sigwait(&set, &signo) != 0)
    return fail("sigwait");
  printf("got %d\n", signo);
  return 40 + signo;
}

// Ends once a process whose parent has ended is no longer there, not even as a zombie.
static int leave_orphan(void) {
  int ends[2];
  if (pipe(ends) < 0)
    return fail("pipe");
  pid_t middle = fork();
  if (middle == 0) {
    pid_t orphan = fork();
    if (orphan == 0)
      _exit(0);
    _exit(write(ends[1], &orphan, sizeof orphan) == sizeof orphan ? 0 : FAILED);
  }
  pid_t orphan;
  if (middle < 0 || read(ends[0], &orphan, sizeof orphan) != sizeof orphan)
    return fail("fork");
  waitpid(middle, NULL, 0);
  for (int i = 0; i < PARTS; i++) {
    if (kill(orphan, 0) < 0)
      return 0;
    nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
  }
  return FAILED;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "exit";
  if (strcmp(what, "exit") == 0)
    return argc > 2 ? atoi(argv[2]) : 0;
  if (strcmp(what, "see") == 0)
    return see();
  if (strcmp(what, "signal") == 0)
    return wait_for_signal();
  if (strcmp(what, "orphan") == 0)
    return leave_orphan();
  fputs("usage: probe [exit [N] | see | signal | orphan]\n", stderr);
  return 2;
}
