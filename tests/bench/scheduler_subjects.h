/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured in turn: nothing, the floor's programs, sonde's, a peer's. */
#ifndef BENCH_SCHEDULER_SUBJECTS_H
#define BENCH_SCHEDULER_SUBJECTS_H

#include <stdbool.h>

#include "../../plugins/input/scheduler/probe.h"

/* Loads the floor's programs and sonde's; says why on stderr and returns false where they cannot.
 */
bool subjects_open(void);
void subjects_close(void);

void floor_attach(void);
void floor_detach(void);

void sonde_attach(const struct probe_settings *settings);
void sonde_detach(void);

/* Starts libbpf-tools' runqlat and waits until it has attached; false: it cannot be had. */
bool peer_attach(void);
void peer_detach(void);
bool peer_exists(void);

#endif
