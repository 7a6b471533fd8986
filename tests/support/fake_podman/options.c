// SPDX-License-Identifier: MIT
// The options podman 4.3.1 and 5.4.2 know, and the reading of a command line as podman does it.
// The table is what their --help prints; fake_podman_spec compares it with a real one.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_podman.h"

const struct known known_options[] = {
    {"", "cgroup-manager", 0, 's', 's', 3},
    {"", "conmon", 0, 's', 's', 3},
    {"", "connection", 'c', 's', 's', 3},
    {"", "events-backend", 0, 's', 's', 3},
    {"", "hooks-dir", 0, 'l', 's', 3},
    {"", "identity", 0, 's', 's', 3},
    {"", "log-level", 0, 's', 's', 3},
    {"", "namespace", 0, 's', 's', 1},
    {"", "network-cmd-path", 0, 's', 's', 3},
    {"", "network-config-dir", 0, 's', 's', 3},
    {"", "noout", 0, 'b', 'b', 1},
    {"", "remote", 'r', 'b', 'b', 3},
    {"", "root", 0, 's', 's', 3},
    {"", "runroot", 0, 's', 's', 3},
    {"", "runtime", 0, 's', 's', 3},
    {"", "runtime-flag", 0, 's', 's', 3},
    {"", "ssh", 0, 's', 's', 3},
    {"", "storage-driver", 0, 's', 's', 3},
    {"", "storage-opt", 0, 's', 's', 3},
    {"", "syslog", 0, 'b', 'b', 3},
    {"", "tmpdir", 0, 's', 's', 3},
    {"", "url", 0, 's', 's', 3},
    {"", "version", 'v', 'b', 'b', 3},
    {"", "volumepath", 0, 's', 's', 3},
    {"", "config", 0, 's', 's', 2},
    {"", "imagestore", 0, 's', 's', 2},
    {"", "module", 0, 's', 's', 2},
    {"", "out", 0, 's', 's', 2},
    {"", "transient-store", 0, 'b', 'b', 2},
    {"run", "add-host", 0, 'l', 'l', 3},
    {"run", "annotation", 0, 'l', 's', 3},
    {"run", "arch", 0, 's', 's', 3},
    {"run", "attach", 'a', 'l', 'l', 3},
    {"run", "authfile", 0, 's', 's', 3},
    {"run", "blkio-weight", 0, 's', 's', 3},
    {"run", "blkio-weight-device", 0, 's', 's', 3},
    {"run", "cap-add", 0, 'l', 'l', 3},
    {"run", "cap-drop", 0, 'l', 'l', 3},
    {"run", "cgroup-conf", 0, 'l', 'l', 3},
    {"run", "cgroup-parent", 0, 's', 's', 3},
    {"run", "cgroupns", 0, 's', 's', 3},
    {"run", "cgroups", 0, 's', 's', 3},
    {"run", "chrootdirs", 0, 'l', 's', 3},
    {"run", "cidfile", 0, 's', 's', 3},
    {"run", "conmon-pidfile", 0, 's', 's', 3},
    {"run", "cpu-period", 0, 'u', 'u', 3},
    {"run", "cpu-quota", 0, 'i', 'i', 3},
    {"run", "cpu-rt-period", 0, 'u', 'u', 3},
    {"run", "cpu-rt-runtime", 0, 'i', 'i', 3},
    {"run", "cpu-shares", 'c', 'u', 'u', 3},
    {"run", "cpus", 0, 'f', 'f', 3},
    {"run", "cpuset-cpus", 0, 's', 's', 3},
    {"run", "cpuset-mems", 0, 's', 's', 3},
    {"run", "detach", 'd', 'b', 'b', 3},
    {"run", "detach-keys", 0, 's', 's', 3},
    {"run", "device", 0, 'l', 's', 3},
    {"run", "device-cgroup-rule", 0, 'l', 'l', 3},
    {"run", "device-read-bps", 0, 'l', 's', 3},
    {"run", "device-read-iops", 0, 'l', 's', 3},
    {"run", "device-write-bps", 0, 'l', 's', 3},
    {"run", "device-write-iops", 0, 'l', 's', 3},
    {"run", "disable-content-trust", 0, 'b', 'b', 3},
    {"run", "dns", 0, 'l', 'l', 3},
    {"run", "dns-option", 0, 'l', 'l', 3},
    {"run", "dns-search", 0, 'l', 'l', 3},
    {"run", "entrypoint", 0, 's', 's', 3},
    {"run", "env", 'e', 's', 's', 3},
    {"run", "env-file", 0, 'l', 's', 3},
    {"run", "env-host", 0, 'b', 'b', 3},
    {"run", "env-merge", 0, 's', 's', 3},
    {"run", "expose", 0, 'l', 'l', 3},
    {"run", "gidmap", 0, 'l', 'l', 3},
    {"run", "group-add", 0, 'l', 'l', 3},
    {"run", "health-cmd", 0, 's', 's', 3},
    {"run", "health-interval", 0, 's', 's', 3},
    {"run", "health-on-failure", 0, 's', 's', 3},
    {"run", "health-retries", 0, 'u', 'u', 3},
    {"run", "health-start-period", 0, 's', 's', 3},
    {"run", "health-timeout", 0, 's', 's', 3},
    {"run", "hostname", 'h', 's', 's', 3},
    {"run", "hostuser", 0, 'l', 'l', 3},
    {"run", "http-proxy", 0, 'b', 'b', 3},
    {"run", "image-volume", 0, 's', 's', 3},
    {"run", "init", 0, 'b', 'b', 3},
    {"run", "init-path", 0, 's', 's', 3},
    {"run", "interactive", 'i', 'b', 'b', 3},
    {"run", "ip", 0, 's', 's', 3},
    {"run", "ip6", 0, 's', 's', 3},
    {"run", "ipc", 0, 's', 's', 3},
    {"run", "label", 'l', 's', 's', 3},
    {"run", "label-file", 0, 'l', 's', 3},
    {"run", "log-driver", 0, 's', 's', 3},
    {"run", "log-opt", 0, 'l', 's', 3},
    {"run", "mac-address", 0, 's', 's', 3},
    {"run", "memory", 'm', 's', 's', 3},
    {"run", "memory-reservation", 0, 's', 's', 3},
    {"run", "memory-swap", 0, 's', 's', 3},
    {"run", "memory-swappiness", 0, 'i', 'i', 3},
    {"run", "mount", 0, 's', 's', 3},
    {"run", "name", 0, 's', 's', 3},
    {"run", "network", 0, 's', 's', 3},
    {"run", "network-alias", 0, 'l', 'l', 3},
    {"run", "no-healthcheck", 0, 'b', 'b', 3},
    {"run", "no-hosts", 0, 'b', 'b', 3},
    {"run", "oom-kill-disable", 0, 'b', 'b', 3},
    {"run", "oom-score-adj", 0, 'i', 'i', 3},
    {"run", "os", 0, 's', 's', 3},
    {"run", "passwd", 0, 'b', 'b', 3},
    {"run", "passwd-entry", 0, 's', 's', 3},
    {"run", "personality", 0, 's', 's', 3},
    {"run", "pid", 0, 's', 's', 3},
    {"run", "pidfile", 0, 's', 's', 3},
    {"run", "pids-limit", 0, 'i', 'i', 3},
    {"run", "platform", 0, 's', 's', 3},
    {"run", "pod", 0, 's', 's', 3},
    {"run", "pod-id-file", 0, 's', 's', 3},
    {"run", "preserve-fds", 0, 'u', 'u', 3},
    {"run", "privileged", 0, 'b', 'b', 3},
    {"run", "publish", 'p', 'l', 'l', 3},
    {"run", "publish-all", 'P', 'b', 'b', 3},
    {"run", "pull", 0, 's', 's', 3},
    {"run", "quiet", 'q', 'b', 'b', 3},
    {"run", "read-only", 0, 'b', 'b', 3},
    {"run", "read-only-tmpfs", 0, 'b', 'b', 3},
    {"run", "replace", 0, 'b', 'b', 3},
    {"run", "requires", 0, 'l', 'l', 3},
    {"run", "restart", 0, 's', 's', 3},
    {"run", "rm", 0, 'b', 'b', 3},
    {"run", "rmi", 0, 'b', 'b', 3},
    {"run", "rootfs", 0, 'b', 'b', 3},
    {"run", "sdnotify", 0, 's', 's', 3},
    {"run", "seccomp-policy", 0, 's', 's', 3},
    {"run", "secret", 0, 's', 's', 3},
    {"run", "security-opt", 0, 's', 's', 3},
    {"run", "shm-size", 0, 's', 's', 3},
    {"run", "sig-proxy", 0, 'b', 'b', 3},
    {"run", "stop-signal", 0, 's', 's', 3},
    {"run", "stop-timeout", 0, 'u', 'u', 3},
    {"run", "subgidname", 0, 's', 's', 3},
    {"run", "subuidname", 0, 's', 's', 3},
    {"run", "sysctl", 0, 'l', 'l', 3},
    {"run", "systemd", 0, 's', 's', 3},
    {"run", "timeout", 0, 'u', 'u', 3},
    {"run", "tls-verify", 0, 'b', 'b', 3},
    {"run", "tmpfs", 0, 's', 's', 3},
    {"run", "tty", 't', 'b', 'b', 3},
    {"run", "tz", 0, 's', 's', 3},
    {"run", "uidmap", 0, 'l', 'l', 3},
    {"run", "ulimit", 0, 'l', 'l', 3},
    {"run", "umask", 0, 's', 's', 3},
    {"run", "unsetenv", 0, 's', 's', 3},
    {"run", "unsetenv-all", 0, 'b', 'b', 3},
    {"run", "user", 'u', 's', 's', 3},
    {"run", "userns", 0, 's', 's', 3},
    {"run", "uts", 0, 's', 's', 3},
    {"run", "variant", 0, 's', 's', 3},
    {"run", "volume", 'v', 's', 's', 3},
    {"run", "volumes-from", 0, 's', 's', 3},
    {"run", "workdir", 'w', 's', 's', 3},
    {"run", "decryption-key", 0, 's', 's', 2},
    {"run", "gpus", 0, 'l', 'l', 2},
    {"run", "group-entry", 0, 's', 's', 2},
    {"run", "health-log-destination", 0, 's', 's', 2},
    {"run", "health-max-log-count", 0, 'u', 'u', 2},
    {"run", "health-max-log-size", 0, 'u', 'u', 2},
    {"run", "health-startup-cmd", 0, 's', 's', 2},
    {"run", "health-startup-interval", 0, 's', 's', 2},
    {"run", "health-startup-retries", 0, 'u', 'u', 2},
    {"run", "health-startup-success", 0, 'u', 'u', 2},
    {"run", "health-startup-timeout", 0, 's', 's', 2},
    {"run", "hosts-file", 0, 's', 's', 2},
    {"run", "no-hostname", 0, 'b', 'b', 2},
    {"run", "preserve-fd", 0, 'l', 'l', 2},
    {"run", "rdt-class", 0, 's', 's', 2},
    {"run", "retry", 0, 'u', 'u', 2},
    {"run", "retry-delay", 0, 's', 's', 2},
    {"run", "shm-size-systemd", 0, 's', 's', 2},
    {"exec", "detach", 'd', 'b', 'b', 3},
    {"exec", "detach-keys", 0, 's', 's', 3},
    {"exec", "env", 'e', 's', 's', 3},
    {"exec", "env-file", 0, 'l', 's', 3},
    {"exec", "interactive", 'i', 'b', 'b', 3},
    {"exec", "latest", 'l', 'b', 'b', 3},
    {"exec", "preserve-fds", 0, 'u', 'u', 3},
    {"exec", "privileged", 0, 'b', 'b', 3},
    {"exec", "tty", 't', 'b', 'b', 3},
    {"exec", "user", 'u', 's', 's', 3},
    {"exec", "workdir", 'w', 's', 's', 3},
    {"exec", "preserve-fd", 0, 'l', 'l', 2},
    {"build", "add-host", 0, 's', 's', 3},
    {"build", "all-platforms", 0, 'b', 'b', 3},
    {"build", "annotation", 0, 's', 's', 3},
    {"build", "arch", 0, 's', 's', 3},
    {"build", "authfile", 0, 's', 's', 3},
    {"build", "build-arg", 0, 's', 's', 3},
    {"build", "build-context", 0, 's', 's', 3},
    {"build", "cache-from", 0, 's', 's', 3},
    {"build", "cache-to", 0, 's', 's', 3},
    {"build", "cache-ttl", 0, 's', 's', 3},
    {"build", "cap-add", 0, 'l', 'l', 3},
    {"build", "cap-drop", 0, 'l', 'l', 3},
    {"build", "cert-dir", 0, 's', 's', 3},
    {"build", "cgroup-parent", 0, 's', 's', 3},
    {"build", "cgroupns", 0, 's', 's', 3},
    {"build", "compress", 0, 'b', 'b', 3},
    {"build", "cpp-flag", 0, 's', 's', 3},
    {"build", "cpu-period", 0, 'u', 'u', 3},
    {"build", "cpu-quota", 0, 'i', 'i', 3},
    {"build", "cpu-shares", 'c', 'u', 'u', 3},
    {"build", "cpuset-cpus", 0, 's', 's', 3},
    {"build", "cpuset-mems", 0, 's', 's', 3},
    {"build", "creds", 0, 's', 's', 3},
    {"build", "decryption-key", 0, 'l', 'l', 3},
    {"build", "device", 0, 's', 's', 3},
    {"build", "disable-compression", 'D', 'b', 'b', 3},
    {"build", "disable-content-trust", 0, 'b', 'b', 3},
    {"build", "dns", 0, 's', 's', 3},
    {"build", "dns-option", 0, 'l', 'l', 3},
    {"build", "dns-search", 0, 'l', 'l', 3},
    {"build", "env", 0, 's', 's', 3},
    {"build", "file", 'f', 's', 's', 3},
    {"build", "force-rm", 0, 'b', 'b', 3},
    {"build", "format", 0, 's', 's', 3},
    {"build", "from", 0, 's', 's', 3},
    {"build", "hooks-dir", 0, 's', 's', 3},
    {"build", "http-proxy", 0, 'b', 'b', 3},
    {"build", "identity-label", 0, 'b', 'b', 3},
    {"build", "ignorefile", 0, 's', 's', 3},
    {"build", "iidfile", 0, 's', 's', 3},
    {"build", "ipc", 0, 's', 's', 3},
    {"build", "isolation", 0, 's', 's', 3},
    {"build", "jobs", 0, 'i', 'i', 3},
    {"build", "label", 0, 's', 's', 3},
    {"build", "layers", 0, 'b', 'b', 3},
    {"build", "logfile", 0, 's', 's', 3},
    {"build", "logsplit", 0, 'b', 'b', 3},
    {"build", "manifest", 0, 's', 's', 3},
    {"build", "memory", 'm', 's', 's', 3},
    {"build", "memory-swap", 0, 's', 's', 3},
    {"build", "network", 0, 's', 's', 3},
    {"build", "no-cache", 0, 'b', 'b', 3},
    {"build", "no-hosts", 0, 'b', 'b', 3},
    {"build", "omit-history", 0, 'b', 'b', 3},
    {"build", "os", 0, 's', 's', 3},
    {"build", "os-feature", 0, 's', 's', 3},
    {"build", "os-version", 0, 's', 's', 3},
    {"build", "output", 'o', 's', 's', 3},
    {"build", "pid", 0, 's', 's', 3},
    {"build", "platform", 0, 's', 's', 3},
    {"build", "pull", 0, 'o', 'o', 3},
    {"build", "quiet", 'q', 'b', 'b', 3},
    {"build", "retry", 0, 'i', 'i', 3},
    {"build", "retry-delay", 0, 's', 's', 3},
    {"build", "rm", 0, 'b', 'b', 3},
    {"build", "runtime-flag", 0, 'l', 'l', 3},
    {"build", "secret", 0, 's', 's', 3},
    {"build", "security-opt", 0, 's', 's', 3},
    {"build", "shm-size", 0, 's', 's', 3},
    {"build", "sign-by", 0, 's', 's', 3},
    {"build", "skip-unused-stages", 0, 'b', 'b', 3},
    {"build", "squash", 0, 'b', 'b', 3},
    {"build", "squash-all", 0, 'b', 'b', 3},
    {"build", "ssh", 0, 's', 's', 3},
    {"build", "stdin", 0, 'b', 'b', 3},
    {"build", "tag", 't', 's', 's', 3},
    {"build", "target", 0, 's', 's', 3},
    {"build", "timestamp", 0, 'i', 'i', 3},
    {"build", "tls-verify", 0, 'b', 'b', 3},
    {"build", "ulimit", 0, 'l', 'l', 3},
    {"build", "unsetenv", 0, 'l', 'l', 3},
    {"build", "userns", 0, 's', 's', 3},
    {"build", "userns-gid-map", 0, 's', 's', 3},
    {"build", "userns-gid-map-group", 0, 's', 's', 3},
    {"build", "userns-uid-map", 0, 's', 's', 3},
    {"build", "userns-uid-map-user", 0, 's', 's', 3},
    {"build", "uts", 0, 's', 's', 3},
    {"build", "variant", 0, 's', 's', 3},
    {"build", "volume", 'v', 's', 's', 3},
    {"build", "build-arg-file", 0, 's', 's', 2},
    {"build", "compat-volumes", 0, 'b', 'b', 2},
    {"build", "cw", 0, 's', 's', 2},
    {"build", "group-add", 0, 'l', 'l', 2},
    {"build", "layer-label", 0, 's', 's', 2},
    {"build", "no-hostname", 0, 'b', 'b', 2},
    {"build", "sbom", 0, 's', 's', 2},
    {"build", "sbom-image-output", 0, 's', 's', 2},
    {"build", "sbom-image-purl-output", 0, 's', 's', 2},
    {"build", "sbom-merge-strategy", 0, 's', 's', 2},
    {"build", "sbom-output", 0, 's', 's', 2},
    {"build", "sbom-purl-output", 0, 's', 's', 2},
    {"build", "sbom-scanner-command", 0, 's', 's', 2},
    {"build", "sbom-scanner-image", 0, 's', 's', 2},
    {"build", "unsetlabel", 0, 'l', 'l', 2},
    {"image inspect", "format", 'f', 's', 's', 3},
    {"history", "format", 0, 's', 's', 3},
    {"images", "all", 'a', 'b', 'b', 3},
    {"images", "digests", 0, 'b', 'b', 3},
    {"images", "filter", 'f', 'l', 's', 3},
    {"images", "format", 0, 's', 's', 3},
    {"images", "history", 0, 'b', 'b', 3},
    {"images", "no-trunc", 0, 'b', 'b', 3},
    {"images", "noheading", 'n', 'b', 'b', 3},
    {"images", "quiet", 'q', 'b', 'b', 3},
    {"images", "sort", 0, 's', 's', 3},
    {"info", "format", 'f', 's', 's', 3},
    {"pull", "all-tags", 'a', 'b', 'b', 3},
    {"pull", "arch", 0, 's', 's', 3},
    {"pull", "authfile", 0, 's', 's', 3},
    {"pull", "cert-dir", 0, 's', 's', 3},
    {"pull", "creds", 0, 's', 's', 3},
    {"pull", "disable-content-trust", 0, 'b', 'b', 3},
    {"pull", "os", 0, 's', 's', 3},
    {"pull", "platform", 0, 's', 's', 3},
    {"pull", "quiet", 'q', 'b', 'b', 3},
    {"pull", "tls-verify", 0, 'b', 'b', 3},
    {"pull", "variant", 0, 's', 's', 3},
    {"pull", "decryption-key", 0, 's', 's', 2},
    {"pull", "retry", 0, 'u', 'u', 2},
    {"pull", "retry-delay", 0, 's', 's', 2},
    {"manifest inspect", "authfile", 0, 's', 's', 2},
    {"manifest inspect", "tls-verify", 0, 'b', 'b', 2},
    {"import", "arch", 0, 's', 's', 3},
    {"import", "change", 'c', 's', 's', 3},
    {"import", "message", 'm', 's', 's', 3},
    {"import", "os", 0, 's', 's', 3},
    {"import", "quiet", 'q', 'b', 'b', 3},
    {"import", "variant", 0, 's', 's', 3},
    {"stop", "all", 'a', 'b', 'b', 3},
    {"stop", "cidfile", 0, 's', 's', 3},
    {"stop", "filter", 'f', 'l', 's', 3},
    {"stop", "ignore", 'i', 'b', 'b', 3},
    {"stop", "latest", 'l', 'b', 'b', 3},
    {"stop", "time", 't', 'u', 'i', 3},
    {"kill", "all", 'a', 'b', 'b', 3},
    {"kill", "cidfile", 0, 's', 's', 3},
    {"kill", "latest", 'l', 'b', 'b', 3},
    {"kill", "signal", 's', 's', 's', 3},
    {"rm", "all", 'a', 'b', 'b', 3},
    {"rm", "cidfile", 0, 's', 's', 3},
    {"rm", "depend", 0, 'b', 'b', 3},
    {"rm", "filter", 0, 'l', 's', 3},
    {"rm", "force", 'f', 'b', 'b', 3},
    {"rm", "ignore", 'i', 'b', 'b', 3},
    {"rm", "latest", 'l', 'b', 'b', 3},
    {"rm", "time", 't', 'u', 'i', 3},
    {"rm", "volumes", 'v', 'b', 'b', 3},
    {"ps", "all", 'a', 'b', 'b', 3},
    {"ps", "external", 0, 'b', 'b', 3},
    {"ps", "filter", 'f', 'l', 's', 3},
    {"ps", "format", 0, 's', 's', 3},
    {"ps", "last", 'n', 'i', 'i', 3},
    {"ps", "latest", 'l', 'b', 'b', 3},
    {"ps", "no-trunc", 0, 'b', 'b', 3},
    {"ps", "noheading", 0, 'b', 'b', 3},
    {"ps", "ns", 0, 'b', 'b', 3},
    {"ps", "pod", 'p', 'b', 'b', 3},
    {"ps", "quiet", 'q', 'b', 'b', 3},
    {"ps", "size", 's', 'b', 'b', 3},
    {"ps", "sort", 0, 's', 's', 3},
    {"ps", "sync", 0, 'b', 'b', 3},
    {"ps", "watch", 'w', 'u', 'u', 3},
    {"logs", "color", 0, 'b', 'b', 3},
    {"logs", "follow", 'f', 'b', 'b', 3},
    {"logs", "latest", 'l', 'b', 'b', 3},
    {"logs", "names", 'n', 'b', 'b', 3},
    {"logs", "since", 0, 's', 's', 3},
    {"logs", "tail", 0, 'i', 'i', 3},
    {"logs", "timestamps", 't', 'b', 'b', 3},
    {"logs", "until", 0, 's', 's', 3},
    {"inspect", "format", 'f', 's', 's', 3},
    {"inspect", "latest", 'l', 'b', 'b', 3},
    {"inspect", "size", 's', 'b', 'b', 3},
    {"inspect", "type", 't', 's', 's', 3},
    {"version", "format", 'f', 's', 's', 3},
};
const size_t known_options_count = COUNT(known_options);

// Verbs of two words, and those whose options end at the first plain word.
static const char *const verbs[] = {
    "run",  "exec", "build",  "image exists", "image inspect", "images", "info", "pull",
    "manifest inspect", "history", "rmi", "tag", "kill", "import",
    "stop", "rm", "ps", "logs", "inspect", "version",
};

static bool ends_at_plain_word(const char *verb) {
  return strcmp(verb, "run") == 0 || strcmp(verb, "exec") == 0;
}

static const struct known *find_option(const char *verb, const char *name, size_t len, char brief) {
  for (size_t i = 0; i < known_options_count; i++) {
    const struct known *k = &known_options[i];
    bool same = brief ? k->brief == brief : strlen(k->name) == len && !strncmp(k->name, name, len);
    if (same && (k->versions & version) && (!strcmp(k->verb, verb) || k->verb[0] == '\0'))
      return k;
  }
  return NULL;
}

static char kind_of(const struct known *k) { return version == V4 ? k->kind4 : k->kind5; }

static bool is_bool(const char *text) {
  static const char *const words[] = {"true", "True", "TRUE", "t", "T", "1",
                                      "false", "False", "FALSE", "f", "F", "0"};
  for (size_t i = 0; i < COUNT(words); i++)
    if (strcmp(words[i], text) == 0)
      return true;
  return false;
}

static void check_value(const struct call *call, const struct known *k, const char *value) {
  char *end = (char *)value;
  const char *reader = NULL;
  errno = 0;
  switch (kind_of(k)) {
  case 'b': reader = is_bool(value) ? NULL : "ParseBool"; break;
  case 'i': strtol(value, &end, 10); reader = *value && !*end && !errno ? NULL : "ParseInt"; break;
  case 'u':
    strtoul(value, &end, 10);
    reader = *value && *value != '-' && !*end && !errno ? NULL : "ParseUint";
    break;
  case 'f': strtod(value, &end); reader = *value && !*end ? NULL : "ParseFloat"; break;
  default: break;
  }
  if (reader)
    fail("invalid argument \"%s\" for \"--%s\" flag: strconv.%s: parsing \"%s\": invalid syntax\n"
         "See 'podman %s --help'", value, k->name, reader, value, call->verb);
}

static void add_option(struct call *call, const struct known *k, const char *value) {
  check_value(call, k, value);
  call->options[call->noptions++] = (struct option){k->name, value};
}

static const char *next_word(const struct call *call, const char *word, char ***rest) {
  if (!**rest)
    fail("flag needs an argument: %s\nSee 'podman %s --help'", word, call->verb);
  return *(*rest)++;
}

static void take_long(struct call *call, const char *word, char ***rest) {
  const char *name = word + 2, *equals = strchr(name, '=');
  size_t len = equals ? (size_t)(equals - name) : strlen(name);
  const struct known *k = find_option(call->verb, name, len, 0);
  if (!k)
    fail("unknown flag: --%.*s\nSee 'podman %s --help'", (int)len, name, call->verb);
  if (equals)
    add_option(call, k, equals + 1);
  else if (kind_of(k) == 'b' || kind_of(k) == 'o')
    add_option(call, k, "true");
  else
    add_option(call, k, next_word(call, word, rest));
}

static void take_brief(struct call *call, const char *word, char ***rest) {
  for (const char *c = word + 1; *c; c++) {
    const struct known *k = find_option(call->verb, NULL, 0, *c);
    if (!k)
      fail("unknown shorthand flag: '%c' in %s\nSee 'podman %s --help'", *c, word, call->verb);
    if (kind_of(k) == 'b') {
      add_option(call, k, "true");
      continue;
    }
    if (c[1])
      add_option(call, k, c[1] == '=' ? c + 2 : c + 1);
    else
      add_option(call, k, next_word(call, word, rest));
    return;
  }
}

static void choose_verb(struct call *call, char ***rest) {
  const char *word = **rest;
  if (!word)
    fail("missing command 'podman COMMAND'");
  const char *second = (*rest)[1] ? (*rest)[1] : "";
  char *both = NULL;
  if (asprintf(&both, "%s %s", word, second) < 0)
    abort();
  for (size_t i = 0; i < COUNT(verbs); i++) {
    bool is_two = strcmp(verbs[i], both) == 0;
    if (!is_two && strcmp(verbs[i], word) != 0)
      continue;
    call->verb = verbs[i];
    *rest += is_two ? 2 : 1;
    free(both);
    return;
  }
  fail("unrecognized command `podman %s`\nTry 'podman --help' for more information", word);
}

struct call parse_call(char **argv) {
  size_t n = 0;
  while (argv[n])
    n++;
  struct call call = {.verb = "", .options = calloc(n + 1, sizeof *call.options),
                      .args = calloc(n + 1, sizeof *call.args)};
  char **rest = argv + 1;
  while (*rest && (*rest)[0] == '-') // the global ones
    take_long(&call, *rest++, &rest);
  choose_verb(&call, &rest);
  while (*rest) {
    char *word = *rest++;
    bool plain = word[0] != '-' || word[1] == '\0', dashes = strcmp(word, "--") == 0;
    if (plain)
      call.args[call.nargs++] = word;
    if (dashes || (plain && ends_at_plain_word(call.verb)))
      break;
    if (!plain && word[1] == '-')
      take_long(&call, word, &rest);
    else if (!plain)
      take_brief(&call, word, &rest);
  }
  while (*rest)
    call.args[call.nargs++] = *rest++;
  return call;
}

const char *option_of(const struct call *call, const char *name) {
  for (size_t i = call->noptions; i > 0; i--)
    if (strcmp(call->options[i - 1].name, name) == 0)
      return call->options[i - 1].value;
  return NULL;
}

bool switch_of(const struct call *call, const char *name, bool absent) {
  const char *value = option_of(call, name);
  return value ? strchr("tT1", value[0]) != NULL : absent;
}
