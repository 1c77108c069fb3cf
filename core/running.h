/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon while it runs: what its parts share. All on the main thread. */
#ifndef SONDE_RUNNING_H
#define SONDE_RUNNING_H

#include "control.h"
#include "graph.h"
#include "knob.h"
#include "pressure.h"
#include "privilege.h"
#include "state.h"
#include "taps.h"
#include "watch.h"

struct daemon {
	struct catalog *catalog;
	struct loop *loop; /* the main thread's: signals, control socket, knobs */
	struct state *state;
	struct ledger *ledger;
	struct graph *graph;
	struct watch *watch;
	struct knobs *knobs;
	struct pressure *pressure;
	struct control *control;
	struct taps *taps; /* NULL: none was asked for yet */
	struct loop_fd *signals;
	struct loop_timer end;
	struct loop_timer leaving; /* while something leaves */
	int64_t reloaded_ns;       /* monotonic */
	struct loop_task ready;    /* every start() has returned */
	struct loop_task ending;   /* an input has come to its end */
	struct privilege privilege;
	struct loop_timer drop; /* of privileges, where some start() does not return */
	int signal_fd;
	bool all_started;
	bool failed; /* it ends, as it could not go on */
	int64_t started_ns;
	uint64_t lost_before; /* rows by shutdown, in earlier runs */
};

static inline const struct config *daemon_config(const struct daemon *daemon)
{
	return daemon->graph->config;
}

/* Answers a request on the control socket. */
uint16_t daemon_answer(void *daemon, char *const *words, uint32_t count, FILE *reply);

/* Reads the config again and puts it to work; the log tells how it went, and so does the reply, if
 * it is not NULL. Returns an exit code. */
uint16_t daemon_reload(struct daemon *daemon, FILE *reply);

/* Looks after what a reload took out, now and until it has left. */
void daemon_leave(void *daemon);

#endif
