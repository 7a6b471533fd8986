// SPDX-License-Identifier: MIT
#ifndef STUB_SYS_IOCTL_H
#define STUB_SYS_IOCTL_H
#include <sys/types.h>
struct winsize {
  unsigned short ws_row, ws_col, ws_xpixel, ws_ypixel;
};
#define TIOCGWINSZ 0x40087468ul
#define TIOCSWINSZ 0x80087467ul
#define TIOCSCTTY 0x20007461ul
#define TIOCPKT 0x80047470ul
#define TIOCPKT_DATA 0x00
#define FIONREAD 0x4004667ful
int ioctl(int, unsigned long, ...);
#endif
