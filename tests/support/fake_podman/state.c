// SPDX-License-Identifier: MIT
// What the double keeps in $FAKE_PODMAN_DIR: a record of every call (calls.jsonl, one line an
// event, bytes above 127 written as \u00XX), and the scripts that tell it how to behave.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fake_podman.h"

extern char **environ;
int version = V5;
static const char *dir;

static const struct {
  const char *word;
  int number;
} signals[] = {
    {"HUP", SIGHUP}, {"INT", SIGINT}, {"QUIT", SIGQUIT}, {"KILL", SIGKILL}, {"TERM", SIGTERM},
    {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"WINCH", SIGWINCH}, {"CONT", SIGCONT},
};

int signal_number(const char *name) {
  if (strncmp(name, "SIG", 3) == 0)
    name += 3;
  for (size_t i = 0; i < COUNT(signals); i++)
    if (strcmp(signals[i].word, name) == 0)
      return signals[i].number;
  return 0;
}

const char *signal_word(int signo) {
  for (size_t i = 0; i < COUNT(signals); i++)
    if (signals[i].number == signo)
      return signals[i].word;
  return "?";
}

const char *version_text(void) { return version == V4 ? "4.3.1" : "5.4.2"; }

static _Noreturn void refuse_setup(const char *what) {
  fprintf(stderr, "fake_podman: %s: %s\n", what, strerror(errno));
  exit(99);
}

void open_state(void) {
  dir = getenv("FAKE_PODMAN_DIR");
  const char *wanted = getenv("FAKE_PODMAN_VERSION");
  if (!dir || dir[0] != '/') {
    errno = EINVAL;
    refuse_setup("FAKE_PODMAN_DIR");
  }
  if (wanted && strcmp(wanted, "4.3.1") == 0) {
    version = V4;
  } else if (wanted && strcmp(wanted, "5.4.2") != 0) {
    errno = EINVAL;
    refuse_setup("FAKE_PODMAN_VERSION");
  }
  static const char *const parts[] = {"images", "registry", "containers"};
  for (size_t i = 0; i < COUNT(parts); i++)
    mkdir(path_of("%s", parts[i]), 0700);
}

char *path_of(const char *fmt, ...) {
  char *name, *path;
  va_list ap;
  va_start(ap, fmt);
  int n = vasprintf(&name, fmt, ap);
  va_end(ap);
  if (n < 0 || asprintf(&path, "%s/%s", dir, name) < 0)
    abort();
  free(name);
  return path;
}

bool exists(const char *path) { return access(path, F_OK) == 0; }

char *read_text(const char *path) {
  FILE *file = fopen(path, "re");
  char *text = NULL;
  size_t size = 0;
  if (!file)
    return NULL;
  if (getdelim(&text, &size, EOF, file) < 0) {
    free(text);
    text = strdup("");
  }
  fclose(file);
  return text;
}

void write_text(const char *path, const char *text, size_t len) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || write(fd, text, len) != (ssize_t)len)
    refuse_setup(path);
  close(fd);
}

char *encoded(const char *name) {
  char *copy = strdup(name);
  for (char *c = copy; *c; c++)
    if (*c == '/')
      *c = '!'; // no reference and no name holds one
  return copy;
}

int lock_state(void) {
  int fd = open(path_of("lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || flock(fd, LOCK_EX) < 0)
    refuse_setup("lock");
  return fd;
}

void unlock_state(int fd) { close(fd); }

// --- the record -------------------------------------------------------------------------------

static void put_json(FILE *out, const char *text) {
  fputc('"', out);
  for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
    if (*c == '"' || *c == '\\')
      fprintf(out, "\\%c", *c);
    else if (*c < 32 || *c > 126)
      fprintf(out, "\\u%04x", *c);
    else
      fputc(*c, out);
  }
  fputc('"', out);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static FILE *begin_event(const char *event, char **text, size_t *len) {
  FILE *out = open_memstream(text, len);
  if (!out)
    abort();
  fprintf(out, "{\"event\":\"%s\",\"pid\":%d,\"time\":%.6f", event, (int)getpid(), now());
  return out;
}

// One write a line: lines of several calls never mix.
static void end_event(FILE *out, char **text, size_t *len) {
  fputs("}\n", out);
  fclose(out);
  int fd = open(path_of("calls.jsonl"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0 || write(fd, *text, *len) != (ssize_t)*len)
    refuse_setup("calls.jsonl");
  close(fd);
  free(*text);
}

void record_start(char **argv) {
  char *text;
  size_t len;
  FILE *out = begin_event("start", &text, &len);
  fprintf(out, ",\"ppid\":%d,\"argv\":[", (int)getppid());
  for (size_t i = 0; argv[i]; i++) {
    if (i > 0)
      fputc(',', out);
    put_json(out, argv[i]);
  }
  fputs("],\"env\":[", out);
  for (size_t i = 0; environ[i]; i++) {
    if (i > 0)
      fputc(',', out);
    put_json(out, environ[i]);
  }
  fputc(']', out);
  end_event(out, &text, &len);
}

void record_signal(int signo, int sender) {
  char *text;
  size_t len;
  FILE *out = begin_event("signal", &text, &len);
  fprintf(out, ",\"signal\":\"%s\",\"sender\":%d", signal_word(signo), sender);
  end_event(out, &text, &len);
}

void finish(int status) {
  char *text;
  size_t len;
  FILE *out = begin_event("end", &text, &len);
  fprintf(out, ",\"code\":%d", status);
  end_event(out, &text, &len);
  fflush(stdout);
  _exit(status);
}

// In one write, as podman does.
void fail(const char *fmt, ...) {
  char *text, *line;
  va_list ap;
  va_start(ap, fmt);
  int n = vasprintf(&text, fmt, ap);
  va_end(ap);
  if (n < 0 || (n = asprintf(&line, "Error: %s\n", text)) < 0)
    abort();
  ssize_t ignored = write(STDERR_FILENO, line, (size_t)n);
  (void)ignored;
  finish(FAILED);
}

// --- scripts ----------------------------------------------------------------------------------

long script_number(const char *verb, const char *what, long absent) {
  char *text = read_text(path_of("%s.%s", verb, what));
  long number = text ? strtol(text, NULL, 10) : absent;
  free(text);
  return number;
}

static void copy_script(const char *verb, const char *what, FILE *to) {
  char *text = read_text(path_of("%s.%s", verb, what));
  if (text)
    fputs(text, to);
  fflush(to);
  free(text);
}

void play_script(const char *verb) {
  char *go = path_of("%s.go", verb);
  int fd = exists(go) ? open(go, O_RDONLY | O_CLOEXEC) : -1; // waits for a writer
  if (fd >= 0)
    close(fd);
  copy_script(verb, "stdout", stdout);
  copy_script(verb, "stderr", stderr);
  long status = script_number(verb, "exit", -1);
  if (status >= 0)
    finish((int)status);
}
