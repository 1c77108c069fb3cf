/* SPDX-License-Identifier: Apache-2.0 */
/* An input that does what a test of the test host says, and what it saw. */
#ifndef SONDE_KIT_PROBE_H
#define SONDE_KIT_PROBE_H

#include <sonde/test.h>

struct probe {
	int64_t interval_ns;
	const char *name;
	uint32_t mode, count;
	uint64_t ticks;
	int starts; /* of this struct: zero again after a failed start */
	struct sonde_groups friends;
};

struct friend
{
	const char *name;
	uint32_t age;
};

struct probe_row {
	int64_t time_ns;
	uint64_t number;
	uint32_t name;
};

enum { TICK, ONCE, AGAIN };
enum { TOKEN = 7 };

struct probe_seen {
	int start_error, stop_count, fd;
	int64_t timer_now_ns[16];
	int timer_id[16];
	uint32_t timer_count, woken_count, ready_events, room_count;
	uint64_t token;
	struct sonde_settlement settlement;
	bool waking_itself, drain_later;
};

extern struct probe_seen seen;

/* An instance that is started, with an option more ("count=2") or NULL; nothing is seen yet. */
struct sonde_test *started(const char *option);

/* A batch of its rows, all zeros. */
struct sonde_batch *probe_batch(struct sonde_test *test, uint32_t row_count);

#endif
