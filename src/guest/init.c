// SPDX-License-Identifier: MIT
// wrapix-init: PID 1 of every sandbox. It starts one command, passes signals and the terminal on to
// it, reaps what is orphaned, and ends with the command's status.
// It must not depend on /proc, on anything of the image, or on a privilege; it must not die once the
// command runs; and only as PID 1 may it signal processes it did not start.
//
// Theory of operation. All signals are blocked from the first line on and read through a signalfd,
// so nothing is lost between fork and loop, and whatever else is to be waited for joins the same
// poll. PID 1 has the uid of the agent it guards: not being dumpable is what keeps the agent from
// tracing it, reading its memory and taking its descriptors. execve makes the command an ordinary,
// traceable process again. The command leads a process group of its own and is the terminal's
// foreground, so the keys of the terminal reach it and never its parent.
//
// The lease is a connection to the launcher's socket, made before anything else runs. It says
// "start" and "exit N" in one direction; in the other each byte is the number of a signal for the
// command. When it closes the launcher is dead, and the sandbox ends within LEASE_MS + GRACE_MS.
// So it does when the engine's monitor dies, which is the parent: nobody would carry the output out
// or learn of the end, and not every engine notices. The launcher is told "orphan".
// One more command in a running sandbox has a lease of its own, named by its environment. So has
// PID 1 where no socket of the host can be mounted: an address, and a token to be said first.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef WX_VERSION
#define WX_VERSION "unversioned"
#endif

#define HELPERS "/run/wrapix/bin"
#define LEASE "/run/wrapix/lease.sock"
#define LEASE_NAME "WRAPIX_LEASE"
#define LEASE_TOKEN "WRAPIX_LEASE_TOKEN"
#define TCP "tcp:"
#define SKELETON "/run/wrapix/skel"
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// How long processes that outlive the command get between SIGTERM and the end of the sandbox.
#define GRACE_MS 1000
// How long the command gets for its own end when the launcher is dead.
#define LEASE_MS 800
// How long the host's address may take to be there, once its virtual machine is.
#define CONNECT_MS 10000
#define RETRY_NS 100000000
// A skeleton is a few settings files; a deeper one is a mistake.
#define SKELETON_DEPTH 16

// What the kernel sends when the parent dies. Nothing else has a use for it in a container.
#define ORPHANED SIGPWR

// No execve fails with this, so it can stand for a file that is there but whose #! line or ELF
// header names an interpreter that is not; execve itself says ENOENT for both.
#define MISSING_INTERPRETER ELIBACC

enum { EXIT_USAGE = 2, EXIT_WRAPIX = 125, EXIT_NOEXEC = 126, EXIT_NOTFOUND = 127 };

struct init {
  pid_t child;     // the command and its process group; 0 once it has ended
  int status;      // what the command ended with, as a shell counts it
  int signals;     // signalfd  /* owned */
  int exec_report; // an errno arrives here when the command could not be executed, else its end
                   // tells that it runs; -1 once that is known  /* owned */
  int exec_errno;  // 0: it runs
  int tty;         // the terminal handed to the command, or -1  /* owned */
  int lease;       // the connection to the launcher, or -1  /* owned */
  long long end;   // when the command is killed because nobody wants it any more; 0: not yet
  bool childless;  // nothing is left to reap
};

extern char **environ;

// One write for one line, so that lines of the command never mix with it.
__attribute__((format(printf, 1, 2))) static void warn(const char *fmt, ...) {
  static const char prefix[] = "wrapix: run: ";
  char line[PATH_MAX + 256];
  size_t used = sizeof prefix - 1;
  memcpy(line, prefix, used);
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(line + used, sizeof line - used - 1, fmt, ap);
  va_end(ap);
  if (n < 0)
    return;
  size_t room = sizeof line - used - 2;
  used += (size_t)n < room ? (size_t)n : room;
  line[used++] = '\n';
  // Nobody is left to tell when stderr itself is gone.
  ssize_t ignored = write(STDERR_FILENO, line, used);
  (void)ignored;
}

// Only before the command runs: the end of PID 1 is the end of everything in the sandbox.
// Before the end of a PID 1 that has run nothing: an engine on a busy machine may lose what a
// container says in its first milliseconds if they are its last too (seen with Podman 4.3).
static void let_read(void) {
  if (getpid() == 1)
    nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
}

static _Noreturn void die(const char *what) {
  warn("wrapix-init: %s: %s", what, strerror(errno));
  let_read();
  exit(EXIT_WRAPIX);
}

static long long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

// -- Before the command ------------------------------------------------------------------------

// An inherited SIG_IGN would survive execve, and for SIGCHLD it would take the statuses away.
static void own_signals(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  for (int signo = 1; signo < NSIG; signo++)
    signal(signo, SIG_DFL);
}

static void harden(void) {
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
    die("make itself unreadable");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    die("give up new privileges");
  // The runtime that made the container has gone before it was started, so the parent of PID 1 is
  // the engine's monitor from the first line on. That of another is still the runtime, maybe.
  if (getpid() == 1)
    prctl(PR_SET_PDEATHSIG, ORPHANED, 0, 0, 0);
  else
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

// A closed standard descriptor would go to the signalfd or the pipe, and a message into it.
static void ensure_stdio(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
      die("open /dev/null");
}

static int open_signals(void) {
  static const int wanted[] = {
    SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT,
    ORPHANED,
  };
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
    sigaddset(&set, wanted[i]);
  int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0)
    die("open a signalfd");
  return fd;
}

// The helpers go first and stand there once, whatever the image or the profile says. Empty entries
// are kept: they mean the working directory, and somebody asked for that.
static void set_path(void) {
  const char *rest = getenv("PATH");
  if (!rest || !*rest)
    rest = DEFAULT_PATH;
  char *path = malloc(sizeof HELPERS + 1 + strlen(rest));
  if (!path)
    die("set PATH");
  char *end = stpcpy(path, HELPERS);
  while (rest) {
    const char *stop = strchrnul(rest, ':');
    size_t length = (size_t)(stop - rest);
    if (length != sizeof HELPERS - 1 || memcmp(rest, HELPERS, length) != 0) {
      *end++ = ':';
      end = mempcpy(end, rest, length);
    }
    rest = *stop ? stop + 1 : NULL;
  }
  *end = '\0';
  if (setenv("PATH", path, 1) < 0)
    die("set PATH");
  free(path);
}

static bool is_dir(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

// Only warns: many commands do not care for a home.
static void ensure_home(void) {
  const char *home = getenv("HOME");
  char path[PATH_MAX];
  if (!home || !*home || is_dir(home))
    return;
  if (home[0] != '/' || strlen(home) >= sizeof path) {
    warn("home %s: not an absolute path", home);
    return;
  }
  int err = 0;
  strcpy(path, home);
  for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(path, 0755) < 0 && errno != EEXIST && !err)
      err = errno;
    *slash = '/';
  }
  if (mkdir(path, 0700) < 0 && !is_dir(path))
    warn("home %s: %s", path, strerror(err ? err : errno)); // the first failure is the reason
}

// O_EXCL: what the image or a mount has put into the home stays as it is.
static void copy_file(int from, int to, const char *name, mode_t mode) {
  int in = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  int out = in < 0 ? -1 : openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 0777);
  ssize_t n = -1;
  while (out >= 0 && (n = sendfile(out, in, NULL, 1 << 20)) > 0)
    continue;
  if (n < 0 && errno != EEXIST)
    warn("home: %s: %s", name, strerror(errno));
  close(in); // -1 is refused, and harmless
  close(out);
}

// Takes both descriptors. Only files and directories: a link could lead anywhere.
static void copy_dir(int from, int to, int depth) {
  DIR *dir = from < 0 ? NULL : fdopendir(from);
  for (struct dirent *entry; dir && to >= 0 && (entry = readdir(dir));) {
    const char *name = entry->d_name;
    struct stat st;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
      continue;
    if (S_ISREG(st.st_mode))
      copy_file(from, to, name, st.st_mode);
    if (!S_ISDIR(st.st_mode) || depth == 0)
      continue;
    mkdirat(to, name, st.st_mode & 0777);
    copy_dir(openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW),
             openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), depth - 1);
  }
  if (dir)
    closedir(dir);
  close(to);
}

static void fill_home(void) {
  const char *home = getenv("HOME");
  int to = home ? open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  copy_dir(open(SKELETON, O_RDONLY | O_DIRECTORY | O_CLOEXEC), to, SKELETON_DEPTH);
}

// -- The lease ---------------------------------------------------------------------------------

static _Noreturn void die_of_lease(int err) {
  errno = err;
  die("reach the launcher");
}

// PID 1 has one place to look, unless it is given an address. A session has a launcher, so without
// its socket nothing is run: nobody would end it. Of another the caller says it, and the command
// need not know.
static const char *lease_path(void) {
  const char *given = getenv(LEASE_NAME);
  if (getpid() != 1 || (given && strncmp(given, TCP, sizeof TCP - 1) == 0))
    return given;
  return !getenv("WRAPIX_SESSION_ID") && access(LEASE, F_OK) < 0 ? NULL : LEASE;
}

// tcp:ADDRESS:PORT, in numbers.
static struct sockaddr_in parse_address(const char *text) {
  struct sockaddr_in addr = { .sin_family = AF_INET };
  char host[INET_ADDRSTRLEN] = "", *end = NULL;
  const char *colon = strchr(text += sizeof TCP - 1, ':');
  if (colon && (size_t)(colon - text) < sizeof host)
    memcpy(host, text, (size_t)(colon - text));
  long port = colon && colon[1] >= '0' && colon[1] <= '9' ? strtol(colon + 1, &end, 10) : 0;
  if (port < 1 || port > 65535 || *end || inet_pton(AF_INET, host, &addr.sin_addr) != 1)
    die_of_lease(EINVAL);
  addr.sin_port = htons((unsigned short)port);
  return addr;
}

// Returns a connection, or -1. Packets to an address that nobody has yet are not answered, so the
// time of one attempt is limited too.
static int try_tcp(const struct sockaddr_in *addr) {
  int err = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    die_of_lease(errno);
  if (connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0)
    return fd;
  err = errno;
  struct pollfd wait = { .fd = fd, .events = POLLOUT };
  if (err == EINPROGRESS && poll(&wait, 1, 1000) == 1)
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &(socklen_t){ sizeof err });
  if (err == 0)
    return fd;
  close(fd);
  errno = err == EINPROGRESS ? ETIMEDOUT : err;
  return -1;
}

// The token is the first line; whoever does not know it is not heard.
static int open_tcp_lease(const char *where) {
  struct sockaddr_in addr = parse_address(where);
  const char *token = getenv(LEASE_TOKEN);
  char line[160];
  int n = snprintf(line, sizeof line, "token %s\n", token ? token : "");
  if (!token || !*token || n >= (int)sizeof line)
    die_of_lease(EINVAL);
  long long end = now_ms() + CONNECT_MS;
  int fd;
  while ((fd = try_tcp(&addr)) < 0) {
    if (now_ms() >= end)
      die_of_lease(errno);
    nanosleep(&(struct timespec){ .tv_nsec = RETRY_NS }, NULL);
  }
  if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n)
    die_of_lease(errno);
  return fd;
}

static int open_unix_lease(const char *path) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  if (strlen(path) >= sizeof addr.sun_path)
    die_of_lease(ENAMETOOLONG);
  memcpy(addr.sun_path, path, strlen(path) + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0)
    die_of_lease(errno);
  return fd;
}

// No socket and no session: nobody to be reached. One that nobody serves: its launcher is dead already.
static int open_lease(void) {
  const char *path = lease_path();
  if (!path)
    return -1;
  bool is_tcp = strncmp(path, TCP, sizeof TCP - 1) == 0;
  int fd = is_tcp ? open_tcp_lease(path) : open_unix_lease(path);
  unsetenv(LEASE_NAME);
  unsetenv(LEASE_TOKEN);
  return fd;
}

// The launcher is told what it cannot see by itself; it need not listen.
__attribute__((format(printf, 2, 3))) static void tell(const struct init *in, const char *fmt, ...) {
  if (in->lease < 0)
    return;
  va_list ap;
  va_start(ap, fmt);
  char line[64];
  int n = vsnprintf(line, sizeof line, fmt, ap);
  va_end(ap);
  ssize_t ignored = send(in->lease, line, (size_t)n, MSG_NOSIGNAL);
  (void)ignored;
}

// -- The command -------------------------------------------------------------------------------

// Returns why the file could not be executed: an errno, made more exact than execve's own.
static int try_exec(const char *file, char **argv) {
  execve(file, argv, environ);
  int err = errno;
  if (err == EACCES && is_dir(file))
    return EISDIR;
  if (err == ENOENT && access(file, F_OK) == 0)
    return MISSING_INTERPRETER;
  return err;
}

// Errors that say no more than: not in this directory of PATH.
static bool is_absence(int err) {
  return err == ENOENT || err == ENOTDIR || err == EISDIR || err == ELOOP || err == ENAMETOOLONG;
}

// By hand, because execvp of some libraries gives a file without #! to a shell, which then runs
// whatever it can make of it, and because "found, but not allowed" must differ from "not found".
static int search_exec(char **argv) {
  const char *name = argv[0];
  const char *dir = getenv("PATH");
  int result = ENOENT;
  if (strchr(name, '/'))
    return try_exec(name, argv);
  while (dir && *name) {
    const char *stop = strchrnul(dir, ':');
    char file[PATH_MAX];
    int n = snprintf(file, sizeof file, "%.*s%s%s", (int)(stop - dir), dir, stop > dir ? "/" : "./",
                     name);
    int err = n < (int)sizeof file ? try_exec(file, argv) : ENOENT;
    if (err == EACCES) {
      // Else it is the directory that cannot be searched, which says nothing of the command.
      if (access(file, F_OK) == 0)
        result = EACCES;
    } else if (!is_absence(err)) {
      return err;
    }
    dir = *stop ? stop + 1 : NULL;
  }
  return result;
}

// Stands in for a command in a sandbox that is there for later ones: does nothing until a signal.
static _Noreturn void hold(int report) {
  close(report);
  for (;;)
    pause();
}

// Between fork and execve. The terminal is taken while SIGTTOU is still blocked, because a process
// that is not in the foreground yet would be stopped for doing so.
static _Noreturn void become_command(const struct init *in, char **argv, int report) {
  setpgid(0, 0);
  if (in->tty >= 0)
    tcsetpgrp(in->tty, getpid());
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (!argv)
    hold(report);
  int err = search_exec(argv);
  ssize_t ignored = write(report, &err, sizeof err);
  (void)ignored;
  _exit(EXIT_NOTFOUND);
}

// The terminal to hand on: the controlling one, whichever standard descriptor leads to it, and only
// when it is ours to give, that is when we are its foreground. Outside a container a shell may have
// started us in the background. In a PID namespace entered without a new session both numbers are 0.
static int open_terminal(void) {
  // An engine may give PID 1 a terminal as stdin and leave it to PID 1 to make it the controlling
  // one. This never takes a terminal from another session.
  if (getpid() == 1 && isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) < 0)
    ioctl(STDIN_FILENO, TIOCSCTTY, 0);
  for (int fd = 0; fd <= 2; fd++)
    if (isatty(fd) && tcgetpgrp(fd) == getpgrp()) {
      int tty = fcntl(fd, F_DUPFD_CLOEXEC, 3);
      if (tty < 0)
        die("keep the terminal");
      return tty;
    }
  return -1;
}

static void start_command(struct init *in, char **argv) {
  int report[2];
  in->tty = open_terminal();
  if (pipe2(report, O_CLOEXEC) < 0)
    die("open a pipe");
  in->child = fork();
  if (in->child < 0)
    die("fork");
  if (in->child == 0)
    become_command(in, argv, report[1]);
  close(report[1]);
  in->exec_report = report[0];
  // The child does this too: whoever comes first, a signal that arrives now finds the group. It
  // fails with EACCES when the child is past execve, so past its own setpgid.
  setpgid(in->child, in->child);
}

// The command must be the only holder of its input and output in here: one that closes them early
// would otherwise leave the other side writing into a pipe that nobody reads. stderr stays, for
// warnings.
static void leave_stdio(void) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0)
    return;
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  close(null);
}

// -- While it runs -----------------------------------------------------------------------------

// A command that stopped itself or was stopped by Ctrl-Z has no shell above it that could resume
// it: the person would sit before a dead terminal. So with a terminal it is continued at once, in
// the foreground (one that stopped for reading from the background would only stop again). A shell
// never gets here for its jobs, since those are its own children. Without a terminal whoever sent
// the signal meant it, and can send SIGCONT.
static void resume(const struct init *in) {
  if (in->tty < 0)
    return;
  tcsetpgrp(in->tty, in->child);
  kill(-in->child, SIGCONT);
}

static void reap(struct init *in) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
    if (pid != in->child)
      continue;
    if (WIFSTOPPED(status)) {
      resume(in);
      continue;
    }
    in->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    in->child = 0;
  }
  in->childless = pid < 0 && errno == ECHILD;
}

static void forward(const struct init *in, int signo) {
  pid_t group = in->child;
  // Whoever draws on the terminal wants to know its size, and that may be a job of a shell.
  if (signo == SIGWINCH && in->tty >= 0) {
    pid_t foreground = tcgetpgrp(in->tty);
    if (foreground > 1)
      group = foreground;
  }
  // A command that moved to another group is still the one to be told.
  if (kill(-group, signo) < 0 && errno == ESRCH)
    kill(in->child, signo);
}

// Nobody is left who wants the command's work: it is asked to end, and killed if it does not.
static void end_command(struct init *in) {
  if (in->end)
    return;
  in->end = now_ms() + LEASE_MS;
  if (in->child <= 0)
    return;
  // A shell at a terminal ignores SIGTERM; its terminal is gone.
  forward(in, in->tty >= 0 ? SIGHUP : SIGTERM);
  forward(in, SIGCONT);
}

// Everybody in here may signal PID 1, but only what is outside of the container has no number here.
// The monitor also holds the other side of a terminal, which hangs up just before the parent's end
// is told, and PID 1 may be gone by then: nothing else makes the kernel send it SIGHUP.
static bool is_orphaned(const struct signalfd_siginfo *info) {
  if (getpid() != 1 || info->ssi_pid != 0)
    return false;
  return info->ssi_signo == ORPHANED || (info->ssi_signo == SIGHUP && info->ssi_code == SI_KERNEL);
}

static void take_signals(struct init *in) {
  struct signalfd_siginfo info;
  while (read(in->signals, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) {
      reap(in);
    } else if (is_orphaned(&info)) {
      tell(in, "orphan\n");
      end_command(in);
    } else if (info.ssi_signo != ORPHANED && in->child > 0) {
      forward(in, (int)info.ssi_signo);
    }
  }
}

static void check_lease(struct init *in) {
  unsigned char orders[64];
  ssize_t n;
  while ((n = read(in->lease, orders, sizeof orders)) > 0)
    for (ssize_t i = 0; i < n && in->child > 0; i++)
      if (orders[i] > 0 && orders[i] < NSIG)
        forward(in, orders[i]);
  if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    close(in->lease);
    in->lease = -1;
    end_command(in);
  }
}

// Read once; blocks only while the command is between fork and execve.
static void check_exec(struct init *in) {
  if (in->exec_report < 0)
    return;
  if (read(in->exec_report, &in->exec_errno, sizeof in->exec_errno) != sizeof in->exec_errno)
    in->exec_errno = 0;
  close(in->exec_report);
  in->exec_report = -1;
  if (!in->exec_errno)
    tell(in, "start\n");
}

// Waits until something happens, at most `timeout` ms (-1: for ever), and deals with it.
static void wait_and_act(struct init *in, int timeout) {
  struct pollfd fds[] = { { .fd = in->signals, .events = POLLIN },
                          { .fd = in->lease, .events = POLLIN },
                          { .fd = in->exec_report, .events = POLLIN } };
  // poll fails only for want of memory; PID 1 may neither end nor spin because of that.
  if (poll(fds, 3, timeout) < 0 && errno != EINTR)
    nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
  if (fds[2].revents)
    check_exec(in);
  take_signals(in);
  if (in->lease >= 0 && fds[1].revents)
    check_lease(in);
}

static void run_to_end(struct init *in) {
  while (in->child > 0) {
    long long left = in->end ? in->end - now_ms() : -1;
    if (in->end && left <= 0) {
      // Another than PID 1 may end what it started, and nothing beside it.
      if (getpid() == 1)
        kill(-1, SIGKILL);
      else
        forward(in, SIGKILL);
      left = GRACE_MS;
    }
    wait_and_act(in, (int)left);
  }
}

// -- The end -----------------------------------------------------------------------------------

// The kernel kills what is left of a PID namespace when PID 1 ends; this gives it a chance to
// clean up first. SIGCONT, because a stopped process does not see SIGTERM.
static void end_others(struct init *in) {
  reap(in);
  if (getpid() != 1 || in->childless)
    return;
  kill(-1, SIGTERM);
  kill(-1, SIGCONT);
  long long deadline = now_ms() + GRACE_MS;
  for (long long left = GRACE_MS; left > 0 && !in->childless; left = deadline - now_ms())
    wait_and_act(in, (int)left);
}

// For a caller that goes on using the terminal. In a foreign PID namespace our own group may have
// no number, and then there is nothing to give it back to.
static void return_terminal(const struct init *in) {
  if (in->tty >= 0 && getpgrp() > 0)
    tcsetpgrp(in->tty, getpgrp());
}

// The most memory all processes of the sandbox used together, in bytes, where the kernel counts it;
// else what its largest process used.
static long long memory_peak(void) {
  static const char *const files[] = { "/sys/fs/cgroup/memory.peak",
                                       "/sys/fs/cgroup/memory/memory.max_usage_in_bytes" };
  char text[32] = "";
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    int fd = open(files[i], O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n > 0)
      return atoll(text);
  }
  struct rusage usage;
  return getrusage(RUSAGE_CHILDREN, &usage) < 0 ? 0 : usage.ru_maxrss * 1024LL;
}

static int exit_status(const struct init *in, const char *name) {
  int err = in->exec_errno;
  switch (err) {
  case 0:
    return in->status;
  case ENOENT:
  case ENOTDIR:
    if (strchr(name, '/'))
      warn("%s: %s", name, strerror(err));
    else
      warn("%s: command not found", name);
    return EXIT_NOTFOUND;
  case ENOEXEC:
    warn("%s: exec format error (no #! line, or built for another machine)", name);
    break;
  case MISSING_INTERPRETER:
    warn("%s: the interpreter or loader it names is not in the image", name);
    break;
  default:
    warn("%s: %s", name, strerror(err));
  }
  return EXIT_NOEXEC;
}

// -- The command line --------------------------------------------------------------------------

static _Noreturn void exit_usage(void) {
  static const char text[] = "usage: wrapix-init [--] COMMAND [ARG...]\n"
                             "       wrapix-init --shell | --hold | --version\n";
  ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
  (void)ignored;
  exit(EXIT_USAGE);
}

// For images of which nothing is known. An image may name nologin as the shell of its user.
static char *find_shell(void) {
  char *wanted = getenv("SHELL");
  char *shells[] = { wanted, "/bin/bash", "/bin/sh" };
  for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
    char *shell = shells[i];
    if (!shell || shell[0] != '/' || is_dir(shell) || access(shell, X_OK) < 0)
      continue;
    const char *base = strrchr(shell, '/') + 1;
    if (strcmp(base, "nologin") != 0 && strcmp(base, "false") != 0)
      return shell;
  }
  warn("shell: neither $SHELL nor /bin/bash nor /bin/sh is in the image");
  let_read();
  exit(EXIT_NOTFOUND);
}

// Interactive where a person sits; commands from a pipe must run without prompts.
static char **shell_command(void) {
  static char *argv[3];
  argv[0] = find_shell();
  argv[1] = isatty(STDIN_FILENO) ? "-i" : NULL;
  return argv;
}

// NULL stands for --hold.
static char **parse_command(int argc, char **argv) {
  if (argc < 2)
    exit_usage();
  if (strcmp(argv[1], "--") == 0) {
    if (argc < 3)
      exit_usage();
    return argv + 2;
  }
  if (argv[1][0] != '-')
    return argv + 1;
  if (argc > 2)
    exit_usage();
  if (strcmp(argv[1], "--shell") == 0)
    return shell_command();
  if (strcmp(argv[1], "--hold") == 0)
    return NULL;
  if (strcmp(argv[1], "--version") == 0) {
    puts("wrapix-init " WX_VERSION);
    exit(fflush(stdout) == 0 ? 0 : EXIT_WRAPIX);
  }
  exit_usage();
}

int main(int argc, char **argv) {
  struct init in = { .signals = -1, .exec_report = -1, .tty = -1, .lease = -1 };
  own_signals();
  harden();
  ensure_stdio();
  char **command = parse_command(argc, argv);
  in.lease = open_lease();
  set_path();
  ensure_home();
  if (getpid() == 1)
    fill_home();
  in.signals = open_signals();
  start_command(&in, command);
  leave_stdio();
  run_to_end(&in);
  check_exec(&in); // the command has ended, so this cannot block
  int status = exit_status(&in, command ? command[0] : "--hold");
  if (in.exec_errno)
    let_read();
  end_others(&in);
  tell(&in, "exit %d %lld\n", status, memory_peak());
  return_terminal(&in);
  return status;
}
