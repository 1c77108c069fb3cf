/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel holds for this process: the memory of its BPF maps and programs. */
#ifndef SONDE_KERNEL_MEMORY_H
#define SONDE_KERNEL_MEMORY_H

#include <stdint.h>

/* File descriptors that are looked at, from 0: inputs open their maps when they start, and
 * connections, of which there may be very many, come after them. */
enum { KERNEL_MEMORY_DESCRIPTORS = 1024 };

/* As the kernel accounts for it; 0: none, or it does not say. Takes some microseconds a descriptor.
 * Any thread. */
uint64_t kernel_memory_bytes(void);

/* The number behind "memlock:" in a file of /proc/self/fdinfo; 0: there is none. */
uint64_t kernel_memory_parse(const char *fdinfo);

#endif
