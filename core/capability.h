/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of capabilities as bits, and their names: "bpf" is CAP_BPF. */
#ifndef SONDE_CAPABILITY_H
#define SONDE_CAPABILITY_H

#include <stddef.h>
#include <stdint.h>
#include <linux/capability.h>

#define CAPABILITY(number_) (UINT64_C(1) << (number_))

enum { CAPABILITY_LIMIT = 64, CAPABILITY_NAME_BYTES = 32, CAPABILITY_TEXT_BYTES = 1024 };

/* How many capabilities the running kernel has, numbered from 0. */
uint32_t capability_count(void);

/* The number of "bpf", "cap_bpf" or "CAP_BPF". -ENOENT: this kernel has none of that name. */
int capability_find(const char *name, uint32_t *ret_number);

/* "bpf"; a number that has no name as such. Into the buffer, which it returns. */
const char *capability_name(uint32_t number, char buffer[CAPABILITY_NAME_BYTES]);

/* ` (did you mean "perfmon"?)`, or nothing where no name is near; into the buffer, which it
 * returns. */
const char *capability_hint(const char *name, char *buffer, size_t size);

/* "bpf, perfmon", or "none"; into the buffer, which it returns. */
const char *capabilities_print(uint64_t set, char buffer[CAPABILITY_TEXT_BYTES]);

/* What of `needed` `held` does not serve: CAP_SYS_ADMIN does for CAP_BPF and CAP_PERFMON. */
uint64_t capabilities_lacking(uint64_t needed, uint64_t held);

/* The least of `held` that serves as much of `needed` as it can. */
uint64_t capabilities_serving(uint64_t needed, uint64_t held);

/* What this thread may hold; 0 where that cannot be read. */
uint64_t capabilities_permitted(void);

/* Makes this thread hold and use exactly `set`, with nothing left to inherit. -EPERM: it does not
 * have all of it. */
int capabilities_hold(uint64_t set);

#endif
