/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured in turn: nothing, the floor's programs, sonde's, a peer's. */
#ifndef BENCH_SYSCALLS_SUBJECTS_H
#define BENCH_SYSCALLS_SUBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "../../plugins/input/syscalls/probe.h"

#define FLOOR_RING_BYTES (16u << 20)

/* Loads the floor's programs and sonde's; says why on stderr and returns false where they cannot.
 */
bool subjects_open(void);
void subjects_close(void);

/* Attaches the two floor programs (NULL: none at that hook). */
void floor_attach(const char *enter, const char *exit);
void floor_detach(void);

struct sonde_ring *floor_ring(uint32_t cpu);

struct probe *sonde_probe(void);
void sonde_attach(const struct probe_settings *settings);
void sonde_detach(void);

/* Starts libbpf-tools' syscount -L and waits until it has attached; false: it cannot be had. */
bool peer_attach(void);
void peer_detach(void);
bool peer_exists(void);

#endif
