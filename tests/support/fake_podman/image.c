// SPDX-License-Identifier: MIT
// Images: a file each in images/, holding the id and the labels. What lies in registry/ can be
// pulled; nothing else can.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_podman.h"

static char *image_file(const char *ref) { return path_of("images/%s", encoded(ref)); }

bool has_image(const char *ref) { return exists(image_file(ref)); }

// Differs for every reference; podman's is the hash of the content.
static void id_of(const char *ref, char id[65]) {
  unsigned long long hash = 1469598103934665603ULL;
  for (; *ref; ref++)
    hash = (hash ^ (unsigned char)*ref) * 1099511628211ULL;
  snprintf(id, 65, "%016llx%016llx%016llx%016llx", hash, ~hash, hash * 31, hash * 131);
}

static const char *only_argument(const struct call *call) {
  if (call->nargs != 1)
    fail("accepts 1 arg(s), received %d", call->nargs);
  return call->args[0];
}

static void store(const char *ref, const struct call *call) {
  char id[65], *text;
  size_t len;
  id_of(ref, id);
  FILE *out = open_memstream(&text, &len);
  fprintf(out, "%s\n", id);
  for (size_t i = 0; call && i < call->noptions; i++)
    if (strcmp(call->options[i].name, "label") == 0)
      fprintf(out, "%s\n", call->options[i].value);
  fclose(out);
  write_text(image_file(ref), text, len);
  free(text);
}

int image_exists(const struct call *call) { return has_image(only_argument(call)) ? 0 : 1; }

// The one thing specs ask for: a label of an image.
int inspect_image(const struct call *call) {
  const char *ref = only_argument(call), *format = option_of(call, "format");
  static const char before[] = "{{index .Labels \"";
  if (!has_image(ref))
    fail("%s: image not known", ref);
  if (!format || strncmp(format, before, sizeof before - 1) != 0)
    fail("this double prints a label only");
  const char *name = format + sizeof before - 1, *value = "";
  size_t len = strcspn(name, "\"");
  char *text = read_text(image_file(ref));
  for (char *line; (line = strsep(&text, "\n"));)
    if (strncmp(line, name, len) == 0 && line[len] == '=')
      value = line + len + 1;
  puts(value);
  return 0;
}

int show_history(const struct call *call) {
  if (!has_image(only_argument(call)))
    fail("%s: image not known", call->args[0]);
  puts("[{\"size\":1000000},{\"size\":0}]");
  return 0;
}

// Which containers there are a spec says; by itself there is none.
int list_containers(const struct call *call) {
  const char *format = option_of(call, "format");
  if (!format || strcmp(format, "json") != 0)
    fail("this double prints JSON only");
  play_script("ps");
  if (!exists(path_of("ps.stdout")))
    puts("[]");
  return 0;
}

int remove_image(const struct call *call) {
  const char *ref = only_argument(call);
  play_script("rmi");
  if (!has_image(ref))
    fail("%s: image not known", ref);
  unlink(image_file(ref));
  printf("Untagged: %s\n", ref);
  return 0;
}

// --- images -----------------------------------------------------------------------------------

// "label=NAME" or "label=NAME=VALUE" against the lines after the id.
static bool fits(const char *text, const char *filter) {
  if (!filter)
    return true;
  if (strncmp(filter, "label=", 6) != 0)
    fail("unsupported image filter \"%s\"", filter);
  filter += 6;
  size_t len = strlen(filter);
  for (const char *line = strchr(text, '\n'); line && line[1]; line = strchr(line + 1, '\n'))
    if (strncmp(line + 1, filter, len) == 0 && strchr("=\n", line[1 + len]))
      return true;
  return false;
}

static void print_json(const char *ref, char *text, bool first) {
  char *id = strsep(&text, "\n"), *line;
  printf("%s{\"Id\":\"%s\",\"Names\":[\"%s\"],\"Size\":1000000,\"Created\":1700000000,\"Labels\":{",
         first ? "" : ",", id, ref);
  for (int n = 0; (line = strsep(&text, "\n")) && *line; n++) {
    char *value = strchr(line, '=');
    *value++ = '\0';
    printf("%s\"%s\":\"%s\"", n ? "," : "", line, value);
  }
  fputs("}}", stdout);
}

static char *decoded(const char *name) {
  char *ref = strdup(name);
  for (char *c = ref; *c; c++)
    *c = *c == '!' ? '/' : *c;
  return ref;
}

int list_images(const struct call *call) {
  play_script("images");
  const char *format = option_of(call, "format");
  DIR *dir = opendir(path_of("images"));
  bool first = true;
  if (format)
    fputs("[", stdout);
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    char *text = entry->d_name[0] == '.' ? NULL : read_text(path_of("images/%s", entry->d_name));
    if (!text || !fits(text, option_of(call, "filter")))
      continue;
    if (format)
      print_json(decoded(entry->d_name), text, first);
    else
      printf("sha256:%.64s\n", text);
    first = false;
  }
  if (format)
    fputs("]\n", stdout);
  closedir(dir);
  return 0;
}

// --- making them ------------------------------------------------------------------------------

static char *base_of(const char *file) {
  char *text = read_text(file), *line = text;
  if (!text)
    fail("the specified Containerfile or Dockerfile does not exist, checked: %s", file);
  while (line && strncmp(line, "FROM ", 5) != 0) {
    line = strchr(line, '\n');
    line = line ? line + 1 : NULL;
  }
  if (!line)
    fail("no FROM statement found");
  line += 5;
  line[strcspn(line, "\n ")] = '\0';
  return line;
}

int build_image(const struct call *call) {
  const char *file = option_of(call, "file"), *ref = option_of(call, "tag");
  if (call->nargs > 1)
    fail("accepts at most 1 arg(s), received %d", call->nargs);
  if (!file || !ref || call->nargs < 1 || !exists(call->args[0]))
    fail("no context directory and no Containerfile specified");
  char *base = base_of(file);
  printf("STEP 1/2: FROM %s\n", base);
  fflush(stdout);
  if (!has_image(base))
    fail("creating build container: %s: image not known", base);
  play_script("build");
  printf("COMMIT %s\n", ref);
  store(ref, call);
  return 0;
}

static void need_registry(const char *ref) {
  if (!exists(path_of("registry/%s", encoded(ref))))
    fail("initializing source docker://%s: reading manifest: manifest unknown", ref);
}

int pull_image(const struct call *call) {
  const char *ref = only_argument(call);
  play_script("pull");
  fprintf(stderr, "Trying to pull %s...\n", ref);
  need_registry(ref);
  store(ref, NULL);
  char id[65];
  id_of(ref, id);
  puts(id);
  return 0;
}

int inspect_manifest(const struct call *call) {
  play_script("manifest");
  need_registry(only_argument(call));
  puts("{\"schemaVersion\":2}");
  return 0;
}

int import_image(const struct call *call) {
  play_script("import");
  if (call->nargs != 2)
    fail("accepts between 1 and 2 arg(s), received %d", call->nargs);
  if (!exists(call->args[0]))
    fail("lstat %s: no such file or directory", call->args[0]);
  store(call->args[1], NULL);
  return 0;
}

static char *find_image(const char *word) {
  if (has_image(word))
    return read_text(image_file(word));
  DIR *dir = opendir(path_of("images"));
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    char *text = entry->d_name[0] == '.' ? NULL : read_text(path_of("images/%s", entry->d_name));
    if (text && strncmp(text, word, strlen(word)) == 0) {
      closedir(dir);
      return text;
    }
  }
  fail("%s: image not known", word);
}

int tag_image(const struct call *call) {
  if (call->nargs < 2)
    fail("requires at least 2 arg(s), only received %d", call->nargs);
  play_script("tag");
  char *text = find_image(call->args[0]);
  for (int i = 1; i < call->nargs; i++)
    write_text(image_file(call->args[i]), text, strlen(text));
  return 0;
}
