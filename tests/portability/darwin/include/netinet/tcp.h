// SPDX-License-Identifier: MIT
#define TCP_NODELAY 0x01
