/* SPDX-License-Identifier: Apache-2.0 */
/* Inside lib/kernel: what the iterator and /proc tell of processes that run already. */
#ifndef PROCESSES_SCAN_H
#define PROCESSES_SCAN_H

#include "processes_table.h"

/* All that the iterator writes, in memory that the caller frees. */
int scan_read(int iterator_fd, unsigned char **ret_bytes, size_t *ret_count);

/* The arguments of a process that runs, up to the bound of an exec's; the caller frees them. 0
 * bytes with success: it has none, as kernel threads. */
int scan_arguments(uint32_t pid, char **ret_arguments, uint32_t *ret_bytes, bool *ret_truncated);

#endif
