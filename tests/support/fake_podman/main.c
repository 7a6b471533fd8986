// SPDX-License-Identifier: MIT
// The program: records the call, reads it as podman does, and goes to the command.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_podman.h"

static int print_info(const struct call *call) {
  play_script("info");
  const char *rootless = getenv("FAKE_PODMAN_ROOTLESS"), *format = option_of(call, "format");
  if (!format || strcmp(format, "json") != 0)
    fail("this double prints JSON only");
  printf("{\"host\":{\"cgroupManager\":\"systemd\",\"ociRuntime\":{\"name\":\"runc\","
         "\"path\":\"/usr/bin/runc\",\"version\":\"runc version 1.1.5\"},"
         "\"security\":{\"rootless\":%s,\"seccompEnabled\":true,\"selinuxEnabled\":false,"
         "\"seccompProfilePath\":\"%s\"},\"serviceIsRemote\":false},"
         "\"store\":{\"graphDriverName\":\"overlay\"},\"version\":{\"Version\":\"%s\"}}\n",
         rootless && *rootless == '1' ? "true" : "false", path_of("seccomp.json"), version_text());
  return 0;
}

static int print_version(const struct call *call) {
  (void)call;
  printf("Client:       Podman Engine\nVersion:      %s\n", version_text());
  return 0;
}

static const struct {
  const char *verb;
  int (*go)(const struct call *call);
} commands[] = {
    {"run", run_container},       {"exec", exec_in_container},
    {"stop", stop_container},     {"kill", kill_container},
    {"rm", remove_container},     {"build", build_image},
    {"image exists", image_exists}, {"images", list_images},
    {"image inspect", inspect_image}, {"history", show_history},
    {"rmi", remove_image},        {"ps", list_containers},
    {"pull", pull_image},         {"manifest inspect", inspect_manifest},
    {"import", import_image},     {"tag", tag_image},
    {"info", print_info},         {"version", print_version},
};

int main(int argc, char **argv) {
  (void)argc;
  open_state();
  record_start(argv);
  struct call call = parse_call(argv);
  for (size_t i = 0; i < COUNT(commands); i++)
    if (strcmp(commands[i].verb, call.verb) == 0)
      finish(commands[i].go(&call));
  fail("this double cannot do `podman %s`", call.verb);
}
