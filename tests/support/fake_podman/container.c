// SPDX-License-Identifier: MIT
// Containers: a keeper (podman's conmon) starts the command in a session of its own, ends what the
// command leaves behind, and outlives the engine's `run`, which passes bytes and signals on. A
// container is a directory with the pids of both; a pid is only ever signalled while the state is
// locked, and the keeper reaps only while it holds that lock, so no other process can have got the
// number.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "fake_podman.h"

extern char **environ;

static const int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT};

struct engine {
  const struct call *call;
  const char *name;
  bool tty, interactive, detach;
  int in, out, err; // our ends of the command's pipes, -1 once closed
  int status;       // the keeper's pipe
  int signals;
  char buffer[65536];
  size_t used, sent; // of what stdin gave
};

static void block_signals(sigset_t *set) {
  sigemptyset(set);
  for (size_t i = 0; i < COUNT(handled); i++)
    sigaddset(set, handled[i]);
  sigprocmask(SIG_BLOCK, set, NULL);
}

static void default_signals(void) {
  sigset_t none;
  sigemptyset(&none);
  for (int signo = 1; signo < 32; signo++)
    signal(signo, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

// --- state ------------------------------------------------------------------------------------

static char *part_of(const char *name, const char *part) {
  return path_of("containers/%s/%s", name, part);
}

static pid_t pid_in(const char *name, const char *part) {
  char *text = read_text(part_of(name, part));
  long pid = text ? strtol(text, NULL, 10) : 0;
  free(text);
  return pid > 1 ? (pid_t)pid : 0;
}

static void write_pid(const char *name, const char *part, pid_t pid) {
  char text[32];
  int n = snprintf(text, sizeof text, "%d", (int)pid);
  write_text(part_of(name, part), text, (size_t)n);
}

static void forget(const char *name) {
  static const char *const parts[] = {"command", "keeper", "workdir", "exited", "labels"};
  for (size_t i = 0; i < COUNT(parts); i++)
    unlink(part_of(name, parts[i]));
  rmdir(path_of("containers/%s", name));
}

static bool is_container(const char *name) { return exists(path_of("containers/%s", name)); }

// Signals the command; false when it has ended. Fills in descriptors of both processes.
static bool signal_command(const char *name, int signo, int *command, int *keeper) {
  int lock = lock_state();
  pid_t pid = pid_in(name, "command");
  if (command)
    *command = pid ? pidfd_open(pid, 0) : -1;
  if (keeper)
    *keeper = pid ? pidfd_open(pid_in(name, "keeper"), 0) : -1;
  if (pid)
    kill(pid, signo);
  unlock_state(lock);
  return pid != 0;
}

static bool wait_for(int pidfd, int milliseconds) {
  struct pollfd fd = {.fd = pidfd, .events = POLLIN};
  return pidfd < 0 || poll(&fd, 1, milliseconds) > 0;
}

static long long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

// As wait_for, and as wrapix-init: each byte of the lease is a signal for the command.
static bool wait_with_lease(int pidfd, int lease, int milliseconds) {
  long long deadline = now_ms() + milliseconds;
  for (;;) {
    struct pollfd fds[] = {{.fd = pidfd, .events = POLLIN}, {.fd = lease, .events = POLLIN}};
    long long left = deadline - now_ms();
    int n = poll(fds, 2, milliseconds < 0 ? -1 : left > 0 ? (int)left : 0);
    if (fds[0].revents)
      return true;
    if (n <= 0 && errno != EINTR)
      return false;
    unsigned char signo;
    if (!fds[1].revents)
      continue;
    if (read(lease, &signo, 1) == 1)
      pidfd_send_signal(pidfd, signo, NULL, 0);
    else
      lease = -1;
  }
}

// --- the command ------------------------------------------------------------------------------

void become_command(char **words) {
  default_signals();
  execvp(words[0], words);
  int err = errno;
  fprintf(stderr, "wrapix: run: %s: %s\n", words[0], strerror(err));
  _exit(err == ENOENT ? 127 : 126);
}

static _Noreturn void hold(void) {
  default_signals();
  for (;;)
    pause();
}

// What wrapix-init makes of its words; any other entrypoint is started as it stands.
static _Noreturn void enter(char **words, const char *entrypoint) {
  static char *shell[] = {"/bin/sh", NULL};
  const char *base = entrypoint ? strrchr(entrypoint, '/') : NULL;
  if (!base || strcmp(base, "/wrapix-init") != 0)
    become_command(words);
  if (words[0] && strcmp(words[0], "--hold") == 0)
    hold();
  if (words[0] && strcmp(words[0], "--shell") == 0)
    become_command(shell);
  if (!words[0] || strcmp(words[0], "--") != 0 || !words[1])
    _exit(FAILED);
  become_command(words + 1);
}

// The environment of a container: what was given, and this host's PATH.
static void set_environment(const struct call *call) {
  char **env = calloc(call->noptions + 2, sizeof *env);
  size_t n = 0;
  char *path;
  if (asprintf(&path, "PATH=%s", getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin") < 0)
    abort();
  env[n++] = path;
  for (size_t i = 0; i < call->noptions; i++) {
    const struct option *o = &call->options[i];
    if (strcmp(o->name, "env") != 0)
      continue;
    char *text = NULL;
    if (strchr(o->value, '='))
      text = strdup(o->value);
    else if (getenv(o->value) && asprintf(&text, "%s=%s", o->value, getenv(o->value)) < 0)
      abort();
    if (text)
      env[n++] = text;
  }
  environ = env;
}

static _Noreturn void start_command(const struct call *call, const int ends[3]) {
  setsid();
  const char *place = mounted_at(call, option_of(call, "workdir"));
  if (place && chdir(place) < 0)
    _exit(126);
  for (int i = 0; i < 3; i++)
    dup2(ends[i], i);
  set_environment(call);
  enter(call->args + 1, option_of(call, "entrypoint"));
}

// --- the lease --------------------------------------------------------------------------------

// What wrapix-init does first: connects to the launcher's socket. -1 where there is none.
static int take_lease(const struct call *call) {
  const char *base = option_of(call, "entrypoint"), *dir = mounted_at(call, "/run/wrapix");
  struct sockaddr_un addr = {.sun_family = AF_UNIX};
  if (!base || !dir || !strstr(base, "/wrapix-init"))
    return -1;
  int n = snprintf(addr.sun_path, sizeof addr.sun_path, "%s/lease.sock", dir);
  if (n < 0 || (size_t)n >= sizeof addr.sun_path)
    return -1;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0) {
    close(fd);
    fd = -1;
  }
  return fd;
}

// Over it go the start and the end; nobody may be there any more to read it.
static void say(int lease, const char *text) {
  if (lease >= 0)
    send(lease, text, strlen(text), MSG_NOSIGNAL);
}

// --- the keeper -------------------------------------------------------------------------------

// With PID 1 the kernel ends all else in a container. Here the keeper, who inherits what the
// command leaves, does that: a child's own children are there once it has been waited for.
static void end_orphans(void) {
  for (;;) {
    char path[64], *text;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    text = read_text(path);
    for (char *at = text ? text : ""; *at;) {
      pid_t pid = (pid_t)strtol(at, &at, 10);
      if (pid > 1)
        kill(pid, SIGKILL);
      at += strspn(at, " \n");
    }
    free(text);
    if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
      return;
  }
}

static _Noreturn void keep(const struct call *call, const char *name, const int ends[3], int report) {
  setsid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int lease = take_lease(call);
  int lock = lock_state();
  pid_t pid = fork();
  if (pid == 0) {
    unlock_state(lock); // the lock is the file's, however many hold it open
    start_command(call, ends);
  }
  write_pid(name, "keeper", getpid());
  write_pid(name, "command", pid);
  unlock_state(lock);
  for (int i = 0; i < 3; i++) {
    close(ends[i]);
    dup2(open("/dev/null", O_RDWR | O_CLOEXEC), i);
  }
  const char *limit = option_of(call, "timeout");
  int pidfd = pidfd_open(pid, 0), status = 0;
  say(lease, "start\n");
  ssize_t ignored = write(report, &pid, sizeof pid);
  bool in_time = wait_with_lease(pidfd, lease, limit && atoi(limit) > 0 ? atoi(limit) * 1000 : -1);
  if (!in_time)
    pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
  wait_for(pidfd, -1);
  lock = lock_state();
  waitpid(pid, &status, 0);
  end_orphans();
  unlink(part_of(name, "command"));
  if (switch_of(call, "rm", false))
    forget(name);
  else
    write_text(part_of(name, "exited"), "", 0);
  unlock_state(lock);
  bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  code = in_time ? code : 255;
  char words[32];
  snprintf(words, sizeof words, "exit %d 0\n", code);
  if (!was_killed)
    say(lease, words);
  ignored = write(report, &code, sizeof code);
  (void)ignored;
  _exit(0);
}

// --- run --------------------------------------------------------------------------------------

static void die_by(int signo) {
  default_signals();
  raise(signo);
  _exit(128 + signo);
}

static bool is_ignored(int signo) {
  char *text = read_text(path_of("run.ignore"));
  bool found = text && strstr(text, signal_word(signo));
  free(text);
  return found;
}

// Without a terminal podman passes signals on; with one it has no hand in them.
static void take_signal(const struct engine *e) {
  struct signalfd_siginfo info;
  if (read(e->signals, &info, sizeof info) != sizeof info)
    return;
  int signo = (int)info.ssi_signo;
  record_signal(signo, info.ssi_code <= 0 ? (int)info.ssi_pid : 0);
  if (is_ignored(signo) || signo == SIGWINCH || signo == SIGCONT)
    return;
  if (e->tty)
    die_by(signo);
  signal_command(e->name, signo, NULL, NULL);
}

static bool copy_some(int *from, int to) {
  char buffer[65536];
  ssize_t n = *from < 0 ? 0 : read(*from, buffer, sizeof buffer);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return false;
  if (n <= 0) {
    if (*from >= 0)
      close(*from);
    *from = -1;
    return false;
  }
  for (ssize_t done = 0; done < n;) {
    ssize_t m = write(to, buffer + done, (size_t)(n - done));
    if (m < 0 && errno != EINTR)
      break; // whoever read it has gone
    done += m > 0 ? m : 0;
  }
  return true;
}

static void close_input(struct engine *e) {
  close(e->in);
  e->in = -1;
}

static void fill_input(struct engine *e) {
  ssize_t n = read(STDIN_FILENO, e->buffer, sizeof e->buffer);
  if (n <= 0) {
    close_input(e);
    return;
  }
  if (exists(path_of("run.keep_stdin"))) {
    int fd = open(path_of("stdin"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ssize_t ignored = write(fd, e->buffer, (size_t)n);
    (void)ignored;
    close(fd);
  }
  e->used = (size_t)n;
  e->sent = 0;
}

static void pass_input(struct engine *e) {
  ssize_t n = write(e->in, e->buffer + e->sent, e->used - e->sent);
  if (n < 0 && errno != EAGAIN && errno != EINTR) {
    close_input(e);
    return;
  }
  e->sent += n > 0 ? (size_t)n : 0;
  if (e->sent == e->used)
    e->sent = e->used = 0;
}

static int attend(struct engine *e) {
  for (;;) {
    bool full = e->used > 0;
    struct pollfd fds[] = {
        {.fd = e->signals, .events = POLLIN},
        {.fd = e->out, .events = POLLIN},
        {.fd = e->err, .events = POLLIN},
        {.fd = e->in >= 0 && !full ? STDIN_FILENO : -1, .events = POLLIN},
        {.fd = full ? e->in : -1, .events = POLLOUT},
        {.fd = e->status, .events = POLLIN},
    };
    if (poll(fds, COUNT(fds), -1) < 0)
      continue;
    if (fds[0].revents)
      take_signal(e);
    if (fds[1].revents)
      copy_some(&e->out, STDOUT_FILENO);
    if (fds[2].revents)
      copy_some(&e->err, STDERR_FILENO);
    if (fds[3].revents)
      fill_input(e);
    if (fds[4].revents)
      pass_input(e);
    int code = FAILED;
    if (fds[5].revents && read(e->status, &code, sizeof code) >= 0) {
      while (copy_some(&e->out, STDOUT_FILENO) || copy_some(&e->err, STDERR_FILENO))
        continue;
      return code;
    }
  }
}

static void raw_terminal(struct termios *saved, bool *is_raw) {
  struct termios raw;
  *is_raw = tcgetattr(STDIN_FILENO, saved) == 0;
  if (!*is_raw)
    return;
  raw = *saved;
  cfmakeraw(&raw);
  tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static void pipe_or_die(int ends[2]) {
  if (pipe2(ends, O_CLOEXEC) < 0)
    abort();
}

// The far ends go to the keeper, the near ones stay here.
static void open_pipes(struct engine *e, int far[3]) {
  int in[2], out[2], err[2];
  pipe_or_die(in);
  pipe_or_die(out);
  pipe_or_die(err);
  far[0] = in[0];
  far[1] = out[1];
  far[2] = err[1];
  e->in = in[1];
  e->out = out[0];
  e->err = err[0];
  if (!e->interactive) {
    far[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(in[0]);
    close_input(e);
  }
  fcntl(e->in, F_SETFL, O_NONBLOCK);
  fcntl(e->out, F_SETFL, O_NONBLOCK);
  fcntl(e->err, F_SETFL, O_NONBLOCK);
}

static void make_container(struct engine *e) {
  const char *name = e->name, *place = mounted_at(e->call, option_of(e->call, "workdir"));
  int lock = lock_state();
  if (mkdir(path_of("containers/%s", name), 0700) < 0)
    fail("creating container storage: the container name \"%s\" is already in use by %064d. You "
         "have to remove that container to be able to reuse that name: that name is already in use",
         name, 0);
  if (place)
    write_text(part_of(name, "workdir"), place, strlen(place));
  unlock_state(lock);
}

// Returns after the command has been started.
static void start_keeper(struct engine *e, sigset_t *set) {
  int report[2], far[3];
  pid_t pid;
  pipe_or_die(report);
  open_pipes(e, far);
  pid_t keeper = fork();
  if (keeper == 0) {
    close(report[0]);
    close(e->in);
    close(e->out);
    close(e->err);
    keep(e->call, e->name, far, report[1]);
  }
  close(report[1]);
  for (int i = 0; i < 3; i++)
    close(far[i]);
  e->status = report[0];
  if (read(e->status, &pid, sizeof pid) != sizeof pid)
    abort();
  e->signals = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int run_container(const struct call *call) {
  static struct engine e;
  sigset_t set;
  struct termios saved;
  bool is_raw = false;
  if (call->nargs < 1)
    fail("requires at least 1 arg(s), only received 0");
  if (!has_image(call->args[0]))
    fail("%s: image not known", call->args[0]);
  check_run(call);
  play_script("run");
  e.call = call;
  e.name = option_of(call, "name");
  e.tty = switch_of(call, "tty", false);
  e.detach = switch_of(call, "detach", false);
  e.interactive = switch_of(call, "interactive", false) && !e.detach;
  if (!e.name)
    fail("a container without a name is more than this double can do");
  make_container(&e);
  block_signals(&set);
  if (e.tty)
    raw_terminal(&saved, &is_raw);
  start_keeper(&e, &set);
  if (e.detach) {
    printf("%064d\n", 1);
    return 0;
  }
  long killer = script_number("run", "die", 0);
  if (killer > 0)
    die_by((int)killer);
  int code = attend(&e);
  if (is_raw)
    tcsetattr(STDIN_FILENO, TCSANOW, &saved);
  return code;
}

// --- about one that is there ------------------------------------------------------------------

static const char *named(const struct call *call) {
  if (call->nargs < 1)
    fail("you must provide at least one name or id");
  return call->args[0];
}

static void no_such(const char *name) {
  fail("no container with name or ID \"%s\" found: no such container", name);
}

int stop_container(const struct call *call) {
  const char *name = named(call), *grace = option_of(call, "time");
  int command, keeper;
  if (!is_container(name)) {
    if (!switch_of(call, "ignore", false))
      no_such(name);
    return 0;
  }
  play_script("stop");
  if (signal_command(name, SIGTERM, &command, &keeper)) {
    if (!wait_for(command, (grace ? atoi(grace) : 10) * 1000))
      signal_command(name, SIGKILL, NULL, NULL);
    wait_for(keeper, -1);
  }
  puts(name);
  return 0;
}

int kill_container(const struct call *call) {
  const char *name = named(call), *word = option_of(call, "signal");
  int signo = signal_number(word ? word : "KILL");
  if (signo == 0)
    fail("invalid signal: %s", word);
  if (!is_container(name))
    no_such(name);
  play_script("kill");
  if (!signal_command(name, signo, NULL, NULL))
    fail("can only kill running containers: container state improper");
  puts(name);
  return 0;
}

int remove_container(const struct call *call) {
  const char *name = named(call);
  int keeper;
  bool force = switch_of(call, "force", false);
  if (option_of(call, "time") && !force)
    fail("--force option must be specified to use the --time option");
  if (!is_container(name)) {
    if (!switch_of(call, "ignore", false) && !(force && version == V5))
      no_such(name);
    return 0;
  }
  play_script("rm");
  if (!force && pid_in(name, "command"))
    fail("cannot remove container %s as it is running - running or paused containers cannot be "
         "removed without force: container state improper", name);
  if (signal_command(name, SIGKILL, NULL, &keeper))
    wait_for(keeper, -1);
  forget(name);
  puts(name);
  return 0;
}

int exec_in_container(const struct call *call) {
  const char *name = named(call);
  if (call->nargs < 2)
    fail("must provide a non-empty command to start an exec session");
  if (!is_container(name))
    no_such(name);
  if (!pid_in(name, "command"))
    fail("can only create exec sessions on running containers: container state improper");
  play_script("exec");
  pid_t pid = fork();
  if (pid == 0) {
    char *place = read_text(part_of(name, "workdir"));
    if (place && chdir(place) < 0)
      _exit(126);
    if (!switch_of(call, "interactive", false))
      dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
    set_environment(call);
    enter(call->args + 2, call->args[1]);
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    continue;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
