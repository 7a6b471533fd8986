// SPDX-License-Identifier: MIT
typedef int sem_t;
