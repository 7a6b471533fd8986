// SPDX-License-Identifier: MIT
#define PATH_MAX 1024
#define NAME_MAX 255
#define PIPE_BUF 512
