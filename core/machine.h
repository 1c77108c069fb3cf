/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine has for this process: memory, by its cgroup's limits or by its RAM. */
#ifndef SONDE_MACHINE_H
#define SONDE_MACHINE_H

#include <stddef.h>

/* The least memory.max of the process's cgroup and all above it; SIZE_MAX: there is none.
 * `membership` is a file as /proc/self/cgroup, `mount` where the hierarchy is mounted. */
size_t machine_cgroup_bytes(const char *membership, const char *mount);

/* A bound for a daemon that was given none: half of the cgroup's limit, else a sixteenth of the RAM
 * from 64 MiB to 1 GiB. */
size_t machine_memory_share(size_t cgroup_bytes, size_t ram_bytes);

/* That of this process. */
size_t machine_memory_bytes(void);

#endif
