// SPDX-License-Identifier: MIT
// What init_test.sh cannot do from a shell: runs as the command under wrapix-init and reports what
// it sees there, or runs around it as a terminal. It judges little: it prints, the script compares.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROBE_FAILED = 99, TIMEOUT_MS = 10000, MAX_ORPHANS = 64 };

static _Noreturn void die(const char *what) {
  fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
  exit(PROBE_FAILED);
}

static void sleep_ms(long ms) {
  nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static long long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

// -- attack PID: what a process of the same user can take from PID ------------------------------

static void show(const char *name, int got) {
  printf("%s: %s\n", name, got ? "taken" : "refused");
}

static int read_proc(pid_t pid, const char *name, uintptr_t offset) {
  char path[64];
  char byte;
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return 0;
  ssize_t n = pread(fd, &byte, 1, (off_t)offset);
  close(fd);
  return n == 1;
}

static int list_fds(pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
  DIR *dir = opendir(path);
  if (dir)
    closedir(dir);
  return dir != NULL;
}

static int take_fd(pid_t pid) {
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (pidfd < 0)
    return 0;
  int fd = (int)syscall(SYS_pidfd_getfd, pidfd, STDERR_FILENO, 0);
  if (fd >= 0)
    close(fd);
  close(pidfd);
  return fd >= 0;
}

static int trace(pid_t pid, int how) {
  if (ptrace(how, pid, NULL, NULL) < 0)
    return 0;
  if (how == PTRACE_ATTACH)
    waitpid(pid, NULL, __WALL);
  else if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0)
    waitpid(pid, NULL, __WALL);
  ptrace(PTRACE_DETACH, pid, NULL, NULL);
  return 1;
}

static int attack(pid_t pid) {
  static char secret = 's';
  pid_t victim = -1;
  if (pid == 0) { // the control: a copy of ourselves, which can be read just as we could be
    victim = pid = fork();
    if (victim == 0) {
      pause();
      _exit(0);
    }
  }
  char byte = 0;
  struct iovec mine = { &byte, 1 };
  struct iovec theirs = { &secret, 1 };
  // For another program the address means nothing, but the right to read is checked first: EFAULT
  // and EIO would be "refused" for the wrong reason, so they count as taken.
  ssize_t n = process_vm_readv(pid, &mine, 1, &theirs, 1, 0);
  show("process_vm_readv", n == 1 || errno == EFAULT);
  show("environ", read_proc(pid, "environ", 0));
  show("maps", read_proc(pid, "maps", 0));
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
  int mem = open(path, O_RDWR | O_CLOEXEC);
  show("mem", mem >= 0);
  if (mem >= 0)
    close(mem);
  show("fd directory", list_fds(pid));
  show("pidfd_getfd", take_fd(pid));
  show("ptrace attach", trace(pid, PTRACE_ATTACH));
  show("ptrace seize", trace(pid, PTRACE_SEIZE));
  if (victim > 0) {
    kill(victim, SIGKILL);
    waitpid(victim, NULL, 0);
  }
  return 0;
}

// -- orphans N: N processes whose parent has ended must not stay as zombies ---------------------

static void start_orphan(int report) {
  pid_t middle = fork();
  if (middle < 0)
    die("fork");
  if (middle > 0) {
    waitpid(middle, NULL, 0);
    return;
  }
  pid_t before = getpid();
  if (fork() > 0)
    _exit(0);
  while (getppid() == before)
    sleep_ms(5);
  pid_t pids[2] = { getpid(), getppid() };
  _exit(write(report, pids, sizeof pids) == sizeof pids ? 0 : 1);
}

static int orphans(int count) {
  int report[2];
  pid_t pids[MAX_ORPHANS][2];
  if (count > MAX_ORPHANS || pipe2(report, O_CLOEXEC) < 0)
    die("pipe");
  for (int i = 0; i < count; i++)
    start_orphan(report[1]);
  for (int i = 0; i < count; i++)
    if (read(report[0], pids[i], sizeof pids[i]) != sizeof pids[i])
      die("read");
  long long deadline = now_ms() + TIMEOUT_MS;
  for (int i = 0; i < count; i++) {
    if (pids[i][1] != getppid())
      return 2; // adopted by somebody else
    while (kill(pids[i][0], 0) == 0) {
      if (now_ms() > deadline)
        return 1;
      sleep_ms(5);
    }
  }
  return 0;
}

// -- signals, dirty: what a command inherits ----------------------------------------------------

static int show_signals(void) {
  sigset_t mask;
  sigprocmask(SIG_SETMASK, NULL, &mask);
  for (int signo = 1; signo < NSIG; signo++) {
    struct sigaction action;
    if (sigismember(&mask, signo) == 1)
      printf("%d blocked\n", signo);
    if (sigaction(signo, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
      printf("%d not default\n", signo);
  }
  printf("group leader: %s\n", getpgrp() == getpid() ? "yes" : "no");
  return 0;
}

static _Noreturn void run_dirty(char **argv) {
  static const int ignored[] = { SIGCHLD, SIGPIPE, SIGINT, SIGTERM, SIGHUP };
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigaddset(&set, SIGALRM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
    signal(ignored[i], SIG_IGN);
  execvp(argv[0], argv);
  die(argv[0]);
}

// -- job: something that can be stopped and continued at any moment --------------------------------
// A shell cannot: stopped between its vfork and execve, the child leaves the shell waiting.

static void say_continued(int signo) {
  static const char text[] = "continued\n";
  (void)signo;
  if (write(STDOUT_FILENO, text, sizeof text - 1) < 0)
    _exit(PROBE_FAILED);
}

static _Noreturn void run_job(void) {
  signal(SIGCONT, say_continued);
  puts("started");
  fflush(stdout);
  for (;;)
    pause();
}

// -- pty STEP... -- COMMAND: a person at a terminal ----------------------------------------------
// Steps: expect=TEXT (in what came after the last match), send=TEXT, size=ROWSxCOLS.
// A first step `loose` leaves the terminal without a session it controls.

struct screen {
  int master;
  size_t used, matched;
  char text[65536];
};

// Returns 0 at the end of the terminal, -1 when the time is over.
static int fill(struct screen *s, long long deadline) {
  struct pollfd p = { .fd = s->master, .events = POLLIN };
  long long left = deadline - now_ms();
  if (left <= 0 || poll(&p, 1, (int)left) <= 0)
    return -1;
  ssize_t n = read(s->master, s->text + s->used, sizeof s->text - 1 - s->used);
  if (n <= 0)
    return 0;
  s->used += (size_t)n;
  s->text[s->used] = '\0';
  return 1;
}

static int expect(struct screen *s, const char *text, long long deadline) {
  for (;;) {
    char *found = strstr(s->text + s->matched, text);
    if (found) {
      s->matched = (size_t)(found - s->text) + strlen(text);
      return 0;
    }
    if (fill(s, deadline) <= 0) {
      fprintf(stderr, "probe: terminal: did not show '%s'\n", text);
      return -1;
    }
  }
}

static void resize(int master, const char *size) {
  struct winsize w = { 0 };
  if (sscanf(size, "%hux%hu", &w.ws_row, &w.ws_col) != 2 || ioctl(master, TIOCSWINSZ, &w) < 0)
    die("size");
}

static pid_t open_pty(int *master, int loose, char **argv) {
  *master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (*master < 0 || grantpt(*master) < 0 || unlockpt(*master) < 0)
    die("pty");
  resize(*master, "24x80");
  const char *name = ptsname(*master);
  pid_t pid = fork();
  if (pid != 0)
    return pid;
  setsid();
  int tty = open(name, O_RDWR | O_NOCTTY);
  if (tty < 0 || (!loose && ioctl(tty, TIOCSCTTY, 0) < 0))
    die("terminal");
  for (int fd = 0; fd <= 2; fd++)
    dup2(tty, fd);
  if (tty > 2)
    close(tty);
  execvp(argv[0], argv);
  die(argv[0]);
}

static int play(struct screen *s, char **step, long long deadline) {
  for (; strcmp(*step, "--") != 0; step++) {
    if (strncmp(*step, "expect=", 7) == 0) {
      if (expect(s, *step + 7, deadline) < 0)
        return -1;
    } else if (strncmp(*step, "send=", 5) == 0) {
      if (write(s->master, *step + 5, strlen(*step + 5)) < 0)
        die("send");
    } else if (strncmp(*step, "size=", 5) == 0) {
      resize(s->master, *step + 5);
    } else {
      errno = EINVAL;
      die(*step);
    }
  }
  int more;
  while ((more = fill(s, deadline)) > 0)
    ;
  return more;
}

static int run_pty(char **steps) {
  static struct screen s;
  char **command = steps;
  while (*command && strcmp(*command, "--") != 0)
    command++;
  if (!*command || !command[1]) {
    errno = EINVAL;
    die("pty");
  }
  int loose = strcmp(*steps, "loose") == 0;
  pid_t pid = open_pty(&s.master, loose, command + 1);
  steps += loose;
  int failed = play(&s, steps, now_ms() + TIMEOUT_MS) < 0;
  fputs(s.text, stdout);
  if (failed) {
    close(s.master); // hangs up, which ends whatever sits at the terminal
    kill(pid, SIGKILL);
  }
  int status;
  waitpid(pid, &status, 0);
  if (failed)
    return PROBE_FAILED;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (argc == 3 && strcmp(what, "attack") == 0)
    return attack((pid_t)atoi(argv[2]));
  if (argc == 3 && strcmp(what, "orphans") == 0)
    return orphans(atoi(argv[2]));
  if (argc == 2 && strcmp(what, "signals") == 0)
    return show_signals();
  if (argc == 2 && strcmp(what, "job") == 0)
    run_job();
  if (argc > 2 && strcmp(what, "dirty") == 0)
    run_dirty(argv + 2);
  if (argc > 2 && strcmp(what, "pty") == 0)
    return run_pty(argv + 2);
  fputs("usage: init_probe attack PID | orphans N | signals | job | dirty COMMAND... |"
        " pty STEP... -- COMMAND...\n", stderr);
  return 2;
}
