/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin at work: its private struct, its thread, what it watches, and how it fares. */
#ifndef SONDE_INSTANCE_H
#define SONDE_INSTANCE_H

#include <pthread.h>

#include "census.h"
#include "config.h"
#include "ledger.h"
#include "listener.h"
#include "loop.h"
#include "origin.h"
#include "rows.h"

/* Which callback an instance is in; the names are those of the descriptor's members. */
enum callback {
	CALLBACK_NONE,
	CALLBACK_CHECK,
	CALLBACK_START,
	CALLBACK_STOP,
	CALLBACK_SET,
	CALLBACK_READY,
	CALLBACK_TIMER,
	CALLBACK_WOKEN,
	CALLBACK_DRAIN,
	CALLBACK_REPORT,
	CALLBACK_SETTLED,
	CALLBACK_ROOM,
	CALLBACK_PROCESS,
	CALLBACK_WRITE,
	CALLBACK_ASK,
	CALLBACK_TAKE,
	CALLBACK_COUNT,
};

enum instance_state {
	INSTANCE_IDLE, /* made, not started */
	INSTANCE_RUNNING,
	INSTANCE_WAITING, /* start failed; it is tried again */
	INSTANCE_STOPPED,
};

struct asks;
struct instance;
struct sonde_receipts;
struct instance_timer;
struct instance_watch;
struct settlement_list;

/* What a processor made of the batch that it was given last, while process() runs. */
struct process_count {
	struct sonde_batch *batch; /* that process() was given; NULL: it does not run */
	struct tally in, passed,
		booked; /* booked: kept, reduced or lost by the plugin's own word */
};

/* How long a callback has run, as watch.c sees it; only on the main thread. */
struct instance_watched {
	uint64_t callback_count; /* at the last look */
	uint32_t callback;
	int64_t since_ns; /* first look that saw this call; 0: none runs */
	int64_t said_ns;  /* how long it had run when the log named it; 0: not yet */
	uint32_t state;   /* enum sonde_state at the last look */
};

struct instance {
	struct sonde_instance base; /* first: what the plugin sees */
	const struct instance_config *config;
	const struct plugin *plugin;
	struct arena *arena; /* texts of knobs that were set since */
	struct loop *loop;
	uint32_t state;             /* enum instance_state, atomic */
	bool draining, drained;     /* atomic */
	bool leaving;               /* atomic: a reload took it out */
	struct census_entry census; /* once it was started */
	int64_t started_ns;         /* first, wall clock */
	void (*emit)(struct instance *,
		     struct sonde_batch *); /* where its rows go; takes the reference */
	void *owner;       /* of emit: the fan-out, pipeline or output that it is part of */
	uint32_t position; /* of a processor in its pipeline */
	struct listening_place listening; /* to what a processor passes on */
	const struct resource *resource;  /* of an input: what all its rows are said to come from */
	struct origin origin;             /* of an input that emits frames: who sent the last */

	struct rows rows;
	struct loop_timer linger; /* sends committed rows that wait */
	struct instance_timer *timers;
	struct instance_watch *watches;
	struct loop_task woken, room;
	struct loop_timer restart;
	int64_t restart_delay_ns;
	uint32_t receipt_count;   /* atomic: of tokens that are not settled */
	struct loop_task settled; /* settlements that came from other threads */
	struct settlement_list *settlements;

	struct account *account;    /* of an input or processor; NULL for outputs */
	struct account *kernel;     /* made with the first tally */
	struct ledger *ledger;      /* of a kernel input: where its kernel side's account is made */
	struct account kernel_base; /* what it held when this input started */
	struct process_count counting;
	struct tally held;           /* kept by a processor, in windows or to decide later */
	struct tally taken;          /* of what is kept: booked by the plugin's own word since */
	struct sonde_receipts *kept; /* who waits for it */
	bool folding;                /* what is emitted stands for kept rows */
	struct loop_task
		*on_running; /* posted to its loop when start() has succeeded; may be NULL */

	struct {
		uint32_t length;
		unsigned char data[SONDE_REMEMBERED_BYTES];
	} remembered; /* of a processor: see sonde_remember() */

	uint32_t callback;       /* atomic: enum callback it is in */
	uint64_t callback_count; /* atomic: callbacks entered so far */
	int64_t busy_since_ns; /* atomic: the callback runs since then, as watch.c saw it; 0: no */
	struct instance_watched watched;
	pthread_mutex_t mutex;    /* over what follows, and settlements */
	uint32_t failed_callback; /* enum callback whose last call failed; NONE: healthy */
	char problem[256];        /* what it said */
	uint64_t failure_count;
	struct asks *asks;             /* of an input: what pipelines ask of it; NULL: nothing */
	uint64_t asks_taken;           /* bit i: it does the one of that index */
	struct needs needs;            /* atomic: declared so far */
	struct problems *problems;     /* while check() runs; else NULL */
	const struct config *siblings; /* likewise: what else there is */
};

/* An instance that is not started; the options are copied from the config. NULL: no memory. */
struct instance *instance_create(const struct instance_config *config, uint32_t replica,
				 uint32_t replica_count, struct loop *loop);
/* After instance_stop(). NULL is fine. */
void instance_release(struct instance *instance);

/* On its loop's thread. A start that fails is tried again until instance_stop(). */
void instance_start(struct instance *instance);
void instance_stop(struct instance *instance);

/* Runs check() of an instance of the config that will not be started; problems go where the
 * config's go. Returns what it declares to need. */
struct needs instance_check(struct instance *instance, const struct config *config,
			    struct problems *problems);

/* On its thread, or before it is started. Of a processor: has it say what it asks; SONDE_OK,
 * SONDE_PARTLY or a negative errno. Of an input: tells it what is asked, now and after each start;
 * takes over the asks. */
int instance_ask(struct instance *instance, struct asks *asks);
void instance_take(struct instance *instance, struct asks *asks);
void instance_tell(struct instance *instance); /* the same again, after a start */

/* Whether a stage of a pipeline is the one that inputs do such a thing for, or stands before it;
 * what it books its rows as says what a processor does. */
bool stage_is_first(const struct pipeline_config *pipeline, uint32_t stage, uint32_t kind);
uint32_t ask_reduction(uint32_t kind);

/* See sonde_is_done(). */
bool instance_is_done(const struct instance *instance, const struct sonde_batch *batch,
		      uint32_t kind);

/* Around every callback, on its thread. Leaving books a negative result as degraded, takes back
 * rows that were not emitted, and sends what has waited long enough. Returns the result. */
void instance_enter(struct instance *instance, enum callback callback);
int instance_leave(struct instance *instance, enum callback callback, int result);

bool instance_is_running(const struct instance *instance);

/* Whether fds, timers and wake-ups reach it: an input that has drained emits no more. */
bool instance_is_listening(const struct instance *instance);

/* Asks it to emit what it holds; `drained` is set at once or later. On its thread. */
void instance_drain(struct instance *instance);

/* The bytes of an option's member; texts in it live as long as the instance. */
struct knob_value {
	unsigned char bytes[32];
};

/* Changes a knob on its thread: 0, or -EINVAL with a message. ret_before: the value so far. */
int instance_set(struct instance *instance, const char *knob, const char *value,
		 struct knob_value *ret_before, char *error, size_t error_size);

/* Puts a former value back, on its thread. */
void instance_restore(struct instance *instance, const char *knob, const struct knob_value *before);

/* What the settlement of a token will need, so that memory cannot be refused for it then; freed
 * with free() if none comes. NULL: no memory. */
struct settlement_list *instance_await(struct instance *instance);

/* The receipt of rows emitted with a token ends here; any thread. Takes over what was awaited. */
void instance_settled(void *awaited, uint64_t token, const struct sonde_settlement *settlement);

const char *callback_name(uint32_t callback);

/* Ends all that it watches and times; its loop's thread. */
void instance_end_sources(struct instance *instance);

/* For host.c: the services behind the plugin header. */
int instance_watch(struct instance *instance, int fd, uint32_t events);
int instance_unwatch(struct instance *instance, int fd);
int instance_every(struct instance *instance, int id, int64_t interval_ns);
int instance_after(struct instance *instance, int id, int64_t delay_ns);
int instance_fail(struct instance *instance, int error, const char *message);
void instance_tally(struct instance *instance, const struct sonde_tally *tally);
int instance_need(struct instance *instance, uint32_t capability, uint32_t when);

#endif
