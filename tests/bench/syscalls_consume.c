// SPDX-License-Identifier: Apache-2.0
/* From the rings into batches: CPU time an event, and whether any is lost at the highest rate. */
#include "syscalls_consume.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../plugins/input/syscalls/events.h"
#include "../../plugins/input/syscalls/rows.h"
#include "batch.h"
#include "dictionary.h"
#include "middle.h"
#include "syscalls_measure.h"
#include "syscalls_subjects.h"

#define CALLS         100000
#define ROUNDS        15
#define FLOOR_ROWS    1024
#define FLOOR_BATCHES 16
#define FLOOD_CALLS   6000000

/* ---- a host of a few services, on the core's own batches --------------------------------- */

static struct sonde_dictionary *bound[4][32];
static uint64_t emitted_rows;

static struct sonde_dictionary *host_dictionary_create(struct sonde_instance *instance,
						       bool distinct)
{
	return dictionary_create(distinct);
}

static int host_bind(struct sonde_instance *instance, uint32_t schema, uint32_t field,
		     struct sonde_dictionary *dictionary)
{
	bound[schema][field] = dictionary;
	return 0;
}

static struct sonde_batch *host_batch_create(struct sonde_instance *instance, uint32_t schema,
					     uint32_t capacity)
{
	return batch_create(&rows_schemas[schema], capacity, bound[schema]);
}

static struct sonde_column *host_batch_constant(struct sonde_instance *instance,
						struct sonde_batch *batch,
						const struct sonde_field *field,
						struct sonde_dictionary *dictionary,
						const void *value)
{
	return batch_constant(batch, field, dictionary, value);
}

static int host_batch_emit(struct sonde_instance *instance, struct sonde_batch *batch,
			   const uint64_t *token)
{
	batch_finish(batch);
	emitted_rows += batch->row_count;
	batch_release(batch);
	return 0;
}

static const struct sonde_host host = {
	.size = sizeof(host),
	.dictionary_create = host_dictionary_create,
	.dictionary_add = dictionary_add,
	.dictionary_release = dictionary_release,
	.bind = host_bind,
	.batch_create = host_batch_create,
	.batch_rows = batch_rows,
	.batch_constant = host_batch_constant,
	.batch_valid = batch_valid,
	.batch_resize = batch_resize,
	.batch_release = batch_release,
	.batch_emit = host_batch_emit,
};

static struct sonde_instance instance = { .size = sizeof(instance),
					  .name = "bench",
					  .host = &host };
static struct events events;

static bool reader_open(void)
{
	events = (struct events){ .instance = &instance,
				  .kernel = sonde_probe()->kernel,
				  .plain_schema = SCHEMA_EVENT,
				  .detail_schema = SCHEMA_DETAIL,
				  .text_field = DETAIL_TEXT,
				  .error_field = EVENT_ERROR,
				  .duration_field = EVENT_DURATION };
	if (events_open(&events))
		return false;
	host_bind(&instance, SCHEMA_EVENT, EVENT_CALL, events.calls);
	host_bind(&instance, SCHEMA_EVENT, EVENT_ERROR, events.errors);
	return true;
}

/* ---- the floor: an own loop that copies events into rows --------------------------------- */

static struct sonde_syscall_event (*floor_batches)[FLOOR_ROWS];
static uint32_t floor_batch, floor_row;

static uint64_t floor_read(void)
{
	uint64_t count = 0;
	uint32_t bytes;

	for (uint32_t cpu = 0; cpu < sonde_kernel_cpu_count(); cpu++) {
		struct sonde_ring *ring = floor_ring(cpu);
		const void *event;

		while ((event = sonde_ring_next(ring, &bytes))) {
			memcpy(&floor_batches[floor_batch][floor_row], event,
			       sizeof(struct sonde_syscall_event));
			count++;
			if (++floor_row < FLOOR_ROWS)
				continue;
			floor_row = 0;
			floor_batch = (floor_batch + 1) % FLOOR_BATCHES;
		}
		sonde_ring_release(ring);
	}
	return count;
}

/* ---- measuring --------------------------------------------------------------------------- */

static const struct probe_settings all_events = { .mode = SONDE_SYSCALLS_EVENTS,
						  .time_one_in = 1,
						  .sample_one_in = 1 };

static double read_measure(uint64_t (*read_all)(void), uint64_t expected)
{
	uint64_t began_ns = own_cpu_ns(), count = read_all(), took_ns = own_cpu_ns() - began_ns;

	if (count < expected)
		fprintf(stderr, "syscalls.consume: %lu events where %lu were expected\n", count,
			expected);
	return (double)took_ns / (double)(count ? count : 1);
}

static uint64_t sonde_read(void)
{
	return events_read(&events, UINT64_MAX);
}

static double round_measure(bool sonde, struct caller *caller)
{
	if (sonde)
		sonde_attach(&all_events);
	else
		floor_attach("timed_enter", "event_exit");
	caller_measure(caller, CALLS);
	if (sonde)
		sonde_detach();
	else
		floor_detach();
	return read_measure(sonde ? sonde_read : floor_read, CALLS);
}

/* Two producers at full speed on two CPUs, and the reader as the plugin runs it: on wake-ups, and
 * every 100 ms. */
static void flood_run(void)
{
	struct caller callers[2] = { caller_start(0),
				     caller_start((int)sysconf(_SC_NPROCESSORS_ONLN) - 1) };
	struct pollfd wake = { .fd = sonde_kernel_rings_fd(sonde_probe()->kernel),
			       .events = POLLIN };
	struct pollfd done[2] = { { .fd = callers[0].from, .events = POLLIN },
				  { .fd = callers[1].from, .events = POLLIN } };
	struct sonde_syscalls_cpu before, after;
	uint64_t began_ns, count = 0, took_ns, lost;

	sonde_read();
	probe_ledger(sonde_probe(), &before);
	sonde_attach(&all_events);
	began_ns = now_ns();
	caller_begin(&callers[0], FLOOD_CALLS);
	caller_begin(&callers[1], FLOOD_CALLS);
	while (poll(done, 2, 0) < 2) {
		if (poll(&wake, 1, 100) > 0)
			sonde_kernel_rings_woken(sonde_probe()->kernel);
		count += sonde_read();
	}
	took_ns = now_ns() - began_ns;
	sonde_detach();
	count += sonde_read();
	probe_ledger(sonde_probe(), &after);
	caller_end(&callers[0]);
	caller_end(&callers[1]);
	caller_stop(&callers[0]);
	caller_stop(&callers[1]);
	lost = after.lost[SONDE_KERNEL_LOSS_RING_FULL] - before.lost[SONDE_KERNEL_LOSS_RING_FULL];
	fprintf(stderr, "syscalls.loss: two producers, %.2f million events/s, %lu read, %lu lost\n",
		(double)count * 1e3 / (double)took_ns, count, lost);
	printf("{\"name\":\"syscalls.loss\",\"unit\":\"events lost of %.1f M at %.2f "
	       "M/s\",\"sonde\":%lu,"
	       "\"floor\":null,\"peer\":null,\"peer_name\":null,\"vs_floor\":null,\"vs_peer\":null,"
	       "\"better\":\"less\",\"spread\":null,\"runs\":1}\n",
	       (double)count / 1e6, (double)count * 1e3 / (double)took_ns, lost);
}

void consume_run(void)
{
	struct caller caller = caller_start((int)sysconf(_SC_NPROCESSORS_ONLN) - 1);
	double sonde[ROUNDS], floor[ROUNDS], ratio[ROUNDS], spread, other;

	floor_batches = malloc(sizeof(*floor_batches) * FLOOR_BATCHES);
	if (!reader_open() || !floor_batches) {
		printf("{\"name\":\"syscalls.consume\",\"skipped\":\"no memory\"}\n");
		return;
	}
	memset(floor_batches, 1, sizeof(*floor_batches) * FLOOR_BATCHES);
	round_measure(true, &caller); /* both once, so that memory has been touched */
	round_measure(false, &caller);
	for (int round = 0; round < ROUNDS; round++) {
		sonde[round] = round_measure(true, &caller);
		floor[round] = round_measure(false, &caller);
		ratio[round] = sonde[round] / floor[round];
	}
	spread = middle_spread(sonde, ROUNDS);
	other = middle_spread(floor, ROUNDS);
	printf("{\"name\":\"syscalls.consume\",\"unit\":\"ns\",\"sonde\":%.2f,\"floor\":%.2f,"
	       "\"peer\":null,"
	       "\"peer_name\":null,\"vs_floor\":%.3f,\"vs_peer\":null,\"better\":\"less\","
	       "\"spread\":%.3f,"
	       "\"runs\":%d}\n",
	       sonde[ROUNDS / 2], floor[ROUNDS / 2], middle(ratio, ROUNDS),
	       spread > other ? spread : other, ROUNDS);
	fflush(stdout);
	flood_run();
	caller_stop(&caller);
	events_close(&events);
	free(floor_batches);
}
