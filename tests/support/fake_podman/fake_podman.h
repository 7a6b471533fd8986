// SPDX-License-Identifier: MIT
// A strict double of podman, for specs: it knows the options of 4.3.1 and 5.4.2, refuses what they
// refuse in their words, and runs a container's command as a plain process of this host. It gives
// no isolation whatsoever. $FAKE_PODMAN_DIR holds all it keeps; README.md there is its manual.
#ifndef FAKE_PODMAN_H
#define FAKE_PODMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define FAILED 125
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

enum { V4 = 1, V5 = 2 };

// kind: 'b' switch, 's' text, 'l' comma-separated texts, 'i' 'u' 'f' numbers, 'o' text only with =
struct known {
  const char *verb, *name;
  char brief, kind4, kind5;
  int versions;
};
extern const struct known known_options[];
extern const size_t known_options_count;

struct option {
  const char *name, *value;
};

struct call {
  const char *verb;
  struct option *options;
  size_t noptions;
  char **args; // positional words, NULL at the end
  int nargs;
};

// --- state.c: what is kept and recorded -------------------------------------------------------
extern int version; // V4 or V5
const char *version_text(void);
void open_state(void);
char *path_of(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *read_text(const char *path); // NULL when it is not there
void write_text(const char *path, const char *text, size_t len);
bool exists(const char *path);
char *encoded(const char *name); // as a file name
int lock_state(void);
void unlock_state(int fd);
void record_start(char **argv);
void record_signal(int signo, int sender);
_Noreturn void finish(int status);
_Noreturn void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
long script_number(const char *verb, const char *what, long absent);
void play_script(const char *verb); // waits for .go, then .stdout, .stderr, .exit

// --- options.c, check.c -----------------------------------------------------------------------
struct call parse_call(char **argv);
const char *option_of(const struct call *call, const char *name); // the last one, or NULL
bool switch_of(const struct call *call, const char *name, bool absent);
void check_run(const struct call *call);
// The host's directory mounted at a place, or NULL.
const char *mounted_at(const struct call *call, const char *dest);

// --- container.c ------------------------------------------------------------------------------
int run_container(const struct call *call);
int exec_in_container(const struct call *call);
int stop_container(const struct call *call);
int kill_container(const struct call *call);
int remove_container(const struct call *call);
_Noreturn void become_command(char **words);

// --- image.c ----------------------------------------------------------------------------------
bool has_image(const char *ref);
int image_exists(const struct call *call);
int inspect_image(const struct call *call);
int show_history(const struct call *call);
int remove_image(const struct call *call);
int list_containers(const struct call *call);
int list_images(const struct call *call);
int build_image(const struct call *call);
int pull_image(const struct call *call);
int inspect_manifest(const struct call *call);
int import_image(const struct call *call);
int tag_image(const struct call *call);

int signal_number(const char *name);
const char *signal_word(int signo);

#endif
