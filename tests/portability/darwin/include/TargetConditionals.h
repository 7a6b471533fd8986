// SPDX-License-Identifier: MIT
#define TARGET_OS_IPHONE 0
#define TARGET_OS_MAC 1
