// SPDX-License-Identifier: MIT
// The values of `podman run`: what the real one refuses, in its words. The order of the checks is
// not podman's.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_podman.h"

#define MOST_FIELDS 64
#define WRONG_MOUNT                                                                                \
  "incorrect mount format: should be --mount type=<bind|tmpfs|volume>,[src=<host-dir|volume-name>" \
  ",]target=<ctr-dir>[,options]"

static bool in_list(const char *word, const char *const *list) {
  for (; *list; list++)
    if (strcmp(*list, word) == 0)
      return true;
  return false;
}

// --- --mount ----------------------------------------------------------------------------------

// One field of CSV, its quotes taken away. Returns where the next one starts, NULL after the last.
static const char *read_field(const char *whole, const char *at, char *into) {
  bool quoted = *at == '"';
  for (at += quoted; *at; at++) {
    if (quoted && at[0] == '"' && at[1] == '"')
      at++;
    else if (quoted && *at == '"') {
      at++;
      if (*at != '\0' && *at != ',')
        fail("parse error on line 1, column %d: extraneous or missing \" in quoted-field",
             (int)(at - whole));
      quoted = false;
      break;
    } else if (!quoted && *at == ',') {
      break;
    } else if (!quoted && *at == '"') {
      fail("parse error on line 1, column %d: bare \" in non-quoted-field", (int)(at - whole) + 1);
    } else if (!quoted && (*at == '\n' || *at == '\r')) {
      fail("parse error: a line ends in a field without quotes");
    }
    *into++ = *at;
  }
  if (quoted)
    fail("parse error on line 1, column %d: extraneous or missing \" in quoted-field",
         (int)(at - whole) + 1);
  *into = '\0';
  return *at == ',' ? at + 1 : NULL;
}

struct mount {
  char *fields[MOST_FIELDS];
  int n;
  const char *type, *source, *dest;
};

static struct mount read_mount(const char *text) {
  struct mount m = {0};
  for (const char *at = text; at; m.n++) {
    if (m.n == MOST_FIELDS)
      fail("too many mount options");
    m.fields[m.n] = malloc(strlen(at) + 1);
    at = read_field(text, at, m.fields[m.n]);
  }
  if (m.n < 2 && strchr(m.fields[0], '=') == NULL)
    fail(WRONG_MOUNT);
  for (int i = 0; i < m.n; i++) {
    char *equals = strchr(m.fields[i], '=');
    size_t len = equals ? (size_t)(equals - m.fields[i]) : 0;
    if (len == 4 && strncmp(m.fields[i], "type", len) == 0)
      m.type = equals + 1;
    else if (len > 0 && (!strncmp(m.fields[i], "source=", 7) || !strncmp(m.fields[i], "src=", 4)))
      m.source = equals + 1;
    else if (len > 0 && (!strncmp(m.fields[i], "destination=", 12) ||
                         !strncmp(m.fields[i], "dst=", 4) || !strncmp(m.fields[i], "target=", 7)))
      m.dest = equals + 1;
  }
  return m;
}

static void check_switch(const char *names, const char *value) {
  if (value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
    fail("%s must be set to true or false, instead received \"%s\": must provide an argument for "
         "option", names, value);
}

static void check_field(const struct mount *m, const char *field, int *times) {
  static const char *const places[] = {"type", "source", "src", "destination", "dst", "target", NULL};
  static const char *const plain[] = {"nosuid", "suid", "nodev", "dev", "noexec", "exec", NULL};
  static const char *const tmpfs[] = {"tmpfs-size", "tmpfs-mode", "tmpcopyup", "notmpcopyup",
                                      "U", "chown", "noatime", NULL};
  static const char *const bind[] = {"bind-propagation", "relabel", "U", "chown", "idmap",
                                     "bind-nonrecursive", "z", "Z", "consistency", NULL};
  char *name = strdup(field), *value = strchr(name, '=');
  if (value)
    *value++ = '\0';
  if (strcmp(name, "ro") == 0 || strcmp(name, "rw") == 0 || strcmp(name, "readonly") == 0) {
    if (times[0]++ > 0)
      fail("cannot pass 'readonly', 'ro', or 'rw' options more than once: must provide an argument "
           "for option");
    check_switch("'readonly', 'ro', or 'rw'", value);
  } else if (in_list(name, plain)) {
    const char *stem = strncmp(name, "no", 2) == 0 ? name + 2 : name;
    int *seen = &times[stem[0] == 's' ? 1 : stem[0] == 'd' ? 2 : 3];
    if ((*seen)++ > 0)
      fail("cannot pass 'no%s' and '%s' options more than once: must provide an argument for option",
           stem, stem);
  } else if (strcmp(name, "U") == 0 || strcmp(name, "chown") == 0) {
    check_switch("'U' or 'chown'", value);
  } else if (!in_list(name, places) &&
             !in_list(name, strcmp(m->type, "tmpfs") == 0 ? tmpfs : bind)) {
    fail("%s: invalid mount option", name);
  }
  free(name);
}

static struct mount check_mount(const char *text) {
  struct mount m = read_mount(text);
  int times[4] = {0};
  if (!m.type) // 4.3.1 wants it first or says so; nobody relies on the default of later ones
    fail(WRONG_MOUNT);
  if (strcmp(m.type, "bind") != 0 && strcmp(m.type, "tmpfs") != 0)
    fail("invalid filesystem type \"%s\"", m.type);
  if (strcmp(m.type, "tmpfs") == 0 && m.source)
    fail("source is not supported with tmpfs mounts");
  for (int i = 0; i < m.n; i++)
    check_field(&m, m.fields[i], times);
  if (!m.dest || !*m.dest)
    fail("must set volume destination");
  if (m.dest[0] != '/')
    fail("invalid container path \"%s\", must be an absolute path", m.dest);
  if (strcmp(m.type, "bind") == 0 && !exists(m.source ? m.source : m.dest))
    fail("statfs %s: no such file or directory", m.source ? m.source : m.dest);
  return m;
}

static void check_mounts(const struct call *call) {
  const char **dests = calloc(call->noptions + 1, sizeof *dests);
  size_t n = 0;
  for (size_t i = 0; i < call->noptions; i++) {
    if (strcmp(call->options[i].name, "mount") != 0)
      continue;
    const char *dest = check_mount(call->options[i].value).dest;
    if (in_list(dest, dests))
      fail("%s: duplicate mount destination", dest);
    dests[n++] = dest;
  }
  free(dests);
}

const char *mounted_at(const struct call *call, const char *dest) {
  for (size_t i = 0; dest && i < call->noptions; i++) {
    if (strcmp(call->options[i].name, "mount") != 0)
      continue;
    struct mount m = read_mount(call->options[i].value);
    if (m.dest && m.source && strcmp(m.dest, dest) == 0)
      return m.source;
  }
  return NULL;
}

// --- the others -------------------------------------------------------------------------------

static void check_ulimit(const char *text) {
  static const char *const names[] = {"nofile", "nproc", "core", "cpu", "data", "fsize", "memlock",
                                      "stack", "as", "rss", "locks", "msgqueue", "nice", NULL};
  char name[32];
  long soft, hard;
  if (sscanf(text, "%31[a-z]=%ld:%ld", name, &soft, &hard) != 3 || !in_list(name, names))
    fail("ulimit option \"%s\" requires name=SOFT:HARD, failed to be parsed", text);
  if (soft > hard)
    fail("ulimit option \"%s\" requires name=SOFT:HARD, failed to be parsed: ulimit soft limit must "
         "be less than or equal to hard limit: %ld > %ld", text, soft, hard);
}

static void check_security(const char *text) {
  if (strncmp(text, "seccomp=", 8) == 0) {
    if (strcmp(text + 8, "unconfined") != 0 && access(text + 8, R_OK) != 0)
      fail("opening seccomp profile failed: open %s: no such file or directory", text + 8);
    return;
  }
  static const char *const prefixes[] = {"label=", "apparmor=", "mask=", "unmask=", "proc-opts="};
  for (size_t i = 0; i < COUNT(prefixes); i++)
    if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0)
      return;
  if (strcmp(text, "no-new-privileges") != 0)
    fail("invalid --security-opt 2: \"%s\"", text);
}

static void check_memory(const char *text) {
  char *end;
  strtod(text, &end);
  if (end == text || (*end && (!strchr("bkmgtBKMGT", *end) || end[1])))
    fail("invalid value for memory: invalid size: '%s'", text);
}

static void check_name(const char *text) {
  bool good = isalnum((unsigned char)text[0]);
  for (const char *c = text; *c; c++)
    good = good && (isalnum((unsigned char)*c) || strchr("_.-", *c));
  if (!good)
    fail("running container create option: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid "
         "argument");
}

static void check_network(const char *text) {
  static const char *const known[] = {"none", "host", "bridge", "slirp4netns", "private", "podman",
                                      NULL};
  if (!in_list(text, known) && (version == V4 || strcmp(text, "pasta") != 0))
    fail("unable to find network with name or ID %s: network not found", text);
}

static void check_userns(const char *text) {
  const char *rootless = getenv("FAKE_PODMAN_ROOTLESS");
  if (strncmp(text, "keep-id", 7) == 0 && !(rootless && *rootless == '1') && version == V4)
    fail("keep-id is only supported in rootless mode");
}

static void check_pull(const char *text) {
  static const char *const known[] = {"always", "missing", "never", "newer", NULL};
  if (!in_list(text, known))
    fail("unsupported pull policy \"%s\"", text);
}

static void check_log_driver(const char *text) {
  static const char *const known[] = {"none", "k8s-file", "journald", "passthrough", "json-file",
                                      NULL};
  if (!in_list(text, known))
    fail("running container create option: invalid log driver: invalid argument");
}

static void check_systemd(const char *text) {
  static const char *const known[] = {"true", "false", "always", NULL};
  if (!in_list(text, known))
    fail("invalid config provided: --systemd values must be one of \"true, false, always\": invalid "
         "configuration");
}

static void check_image_volume(const char *text) {
  static const char *const known[] = {"bind", "tmpfs", "ignore", "anonymous", NULL};
  if (!in_list(text, known))
    fail("invalid image volume mode \"%s\" required value: bind, tmpfs, ignore", text);
}

static void check_sdnotify(const char *text) {
  static const char *const known[] = {"container", "conmon", "ignore", "healthy", NULL};
  if (!in_list(text, known))
    fail("invalid config provided: invalid argument: invalid sdnotify value \"%s\": must be "
         "container, conmon or ignore", text);
}

static void check_label(const char *text) {
  if (text[0] == '=')
    fail("unable to process labels: invalid label format: \"%s\"", text);
}

static void check_env(const char *text) {
  if (text[0] == '=')
    fail("invalid environment variable: \"%s\"", text);
}

static void check_caps(const char *text) {
  if (strcasecmp(text, "all") != 0 && strncasecmp(text, "cap_", 4) != 0)
    fail("\"CAP_%s\": unknown capability", text);
}

static void check_runtime(const char *text) {
  if (text[0] == '/' && access(text, X_OK) != 0)
    fail("no valid executable found for OCI runtime %s: invalid argument", text);
}

static const struct {
  const char *name;
  void (*check)(const char *value);
} checks[] = {
    {"ulimit", check_ulimit},   {"security-opt", check_security}, {"memory", check_memory},
    {"name", check_name},       {"network", check_network},       {"userns", check_userns},
    {"pull", check_pull},       {"log-driver", check_log_driver}, {"systemd", check_systemd},
    {"label", check_label},     {"image-volume", check_image_volume}, {"env", check_env},
    {"cap-drop", check_caps},   {"cap-add", check_caps},          {"sdnotify", check_sdnotify},
    {"runtime", check_runtime},
};

void check_run(const struct call *call) {
  for (size_t i = 0; i < call->noptions; i++)
    for (size_t j = 0; j < COUNT(checks); j++)
      if (strcmp(checks[j].name, call->options[i].name) == 0)
        checks[j].check(call->options[i].value);
  check_mounts(call);
  if (switch_of(call, "detach", false) && switch_of(call, "tty", false) &&
      switch_of(call, "rm", false) && option_of(call, "restart"))
    fail("the --rm option conflicts with --restart");
}
