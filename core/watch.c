/* SPDX-License-Identifier: Apache-2.0 */
/* The watch: names callbacks that hold their thread for long, and samples rates. */
#include <stdlib.h>

#include "bounds.h"
#include "chronicle.h"
#include "clock.h"
#include "health.h"
#include "log.h"
#include "notify.h"
#include "storage.h"
#include "watch.h"

enum { WATCH_TICKS_PER_SAMPLE = 5, WATCH_TICKS_PER_TRIM = 10 };

static int64_t longest_stuck_ns; /* atomic */

struct watch_sample {
	const struct account *account;
	struct tally before, now; /* `in` at the last two samples */
};

struct watch {
	struct graph *graph;
	struct loop *loop;
	struct loop_timer timer;
	int64_t slow_ns;
	struct watch_sample *samples;
	uint32_t sample_count, tick;
	struct ledger *ledger;
	int64_t before_ns, now_ns; /* of the samples, monotonic */
};

static void watch_look(struct instance *instance, int64_t now_ns, int64_t slow_ns)
{
	struct instance_watched *at = &instance->watched;
	uint32_t callback = __atomic_load_n(&instance->callback, __ATOMIC_ACQUIRE);
	uint64_t count = __atomic_load_n(&instance->callback_count, __ATOMIC_RELAXED);
	bool same = callback != CALLBACK_NONE && at->since_ns && count == at->callback_count;

	if (at->said_ns && !same)
		log_write(SONDE_INFO, instance->base.name, "%s has returned after about %lld s",
			  callback_name(at->callback),
			  (long long)((now_ns - at->since_ns) / NS_PER_SECOND));
	if (!same) {
		at->since_ns = callback == CALLBACK_NONE ? 0 : now_ns;
		at->said_ns = 0;
		at->callback = callback;
		at->callback_count = count;
	} else if (now_ns - at->since_ns >= slow_ns && now_ns - at->since_ns >= 2 * at->said_ns) {
		at->said_ns = now_ns - at->since_ns;
		log_write(SONDE_WARNING, instance->base.name,
			  "%s has been running for %lld s and holds its thread",
			  callback_name(callback), (long long)(at->said_ns / NS_PER_SECOND));
	}
	__atomic_store_n(&instance->busy_since_ns, same ? at->since_ns : 0, __ATOMIC_RELAXED);
}

static bool state_is_well(uint32_t state)
{
	return state == SONDE_STATE_STARTING || state == SONDE_STATE_RUNNING ||
	       state == SONDE_STATE_LEAVING || state == SONDE_STATE_STOPPED;
}

/* One that comes and goes between two looks is none: failures are counted. That what was made also
 * starts is no news. */
static void watch_state(struct instance *instance)
{
	uint32_t before = instance->watched.state, state = health_state(instance);
	char texts[HEALTH_TEXT_BYTES], event[64];
	struct sonde_health health;
	struct decision decision = { .event = event,
				     .instance = instance->base.name,
				     .actor = "daemon",
				     .before = state_name(before),
				     .after = state_name(state) };

	if (state == before)
		return;
	instance->watched.state = state;
	if (before == SONDE_STATE_STARTING && state == SONDE_STATE_RUNNING)
		return;
	health_read(instance, &health, texts, sizeof(texts));
	decision.level = state_is_well(state) ? SONDE_INFO : SONDE_WARNING;
	snprintf(event, sizeof(event), "instance.%s", state_name(state));
	chronicle_decide(&decision, "%s%s%s", decision.after, health.problem[0] ? ": " : "",
			 health.problem);
}

/* Accounts are added as the first row of their kind comes: theirs begin then. */
static void watch_extend(struct watch *watch)
{
	const struct account *account;

	while ((account = ledger_at(watch->ledger, watch->sample_count))) {
		struct watch_sample *samples =
			realloc(watch->samples, (watch->sample_count + 1) * sizeof(*samples));

		if (!samples)
			return; /* this account has no rate for now */
		watch->samples = samples;
		samples[watch->sample_count++] =
			(struct watch_sample){ .account = account,
					       .now = tally_read(&account->in) };
	}
}

static void watch_sample(struct watch *watch, int64_t now_ns)
{
	watch_extend(watch);
	for (uint32_t i = 0; i < watch->sample_count; i++) {
		watch->samples[i].before = watch->samples[i].now;
		watch->samples[i].now = tally_read(&watch->samples[i].account->in);
	}
	watch->before_ns = watch->now_ns;
	watch->now_ns = now_ns;
}

static void watch_instance(struct instance *instance, int64_t now_ns, int64_t slow_ns)
{
	watch_look(instance, now_ns, slow_ns);
	watch_state(instance);
}

static void watch_look_at(const struct graph *graph, int64_t now_ns, int64_t slow_ns)
{
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		for (uint32_t r = 0; r < graph->nodes[i].count; r++)
			watch_instance(graph->nodes[i].instances[r], now_ns, slow_ns);
	}
}

/* For the watchdog: a loop that is stuck may be so in no callback. */
static void watch_loops(const struct graph *graph, int64_t now_ns, int64_t *longest_ns,
			const char **slowest)
{
	for (uint32_t i = 0; i < graph->loop_count; i++) {
		int64_t lasting_ns =
			graph->loops[i].started ? loop_lasting_ns(graph->loops[i].loop, now_ns) : 0;

		if (lasting_ns <= *longest_ns)
			continue;
		*longest_ns = lasting_ns;
		*slowest = loop_name(graph->loops[i].loop);
	}
}

static void watch_tick(void *data)
{
	struct watch *watch = data;
	int64_t now_ns = clock_monotonic_ns(), stuck_ns = 0;
	const char *stuck = NULL;

	for (const struct graph *graph = watch->graph; graph; graph = graph->older)
		watch_look_at(graph, now_ns, watch->slow_ns);
	for (const struct graph *graph = watch->graph; graph; graph = graph->older)
		watch_loops(graph, now_ns, &stuck_ns, &stuck);
	__atomic_store_n(&longest_stuck_ns, stuck_ns, __ATOMIC_RELAXED);
	notify_stuck(stuck, stuck_ns);
	if (++watch->tick % WATCH_TICKS_PER_SAMPLE == 0)
		watch_sample(watch, now_ns);
	if (watch->tick % WATCH_TICKS_PER_TRIM == 0)
		storage_trim(); /* what a burst left idle */
	bounds_watch();
}

int64_t watch_stuck_ns(void)
{
	return __atomic_load_n(&longest_stuck_ns, __ATOMIC_RELAXED);
}

void watch_follow(struct watch *watch, struct graph *graph, int64_t slow_ns)
{
	watch->graph = graph;
	watch->slow_ns = slow_ns;
}

struct watch *watch_create(struct graph *graph, struct ledger *ledger, struct loop *loop,
			   int64_t slow_ns)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->loop = loop;
	watch->timer = (struct loop_timer){ .run = watch_tick, .data = watch };
	watch->ledger = ledger;
	watch_follow(watch, graph, slow_ns);
	watch->now_ns = clock_monotonic_ns();
	watch_sample(watch, watch->now_ns); /* rates begin with the daemon */
	loop_timer_every(loop, &watch->timer, NS_PER_SECOND);
	return watch;
}

void watch_release(struct watch *watch)
{
	if (!watch)
		return;
	loop_timer_end(watch->loop, &watch->timer);
	free(watch->samples);
	free(watch);
}

struct watch_rate watch_rate(const struct watch *watch, const struct account *account)
{
	for (uint32_t i = 0; i < watch->sample_count; i++) {
		const struct watch_sample *sample = &watch->samples[i];
		struct tally now = tally_read(&account->in);
		double seconds = (double)(clock_monotonic_ns() - watch->before_ns) / NS_PER_SECOND;

		if (sample->account == account && seconds > 0)
			return (struct watch_rate){
				.rows = (double)(now.rows - sample->before.rows) / seconds,
				.events = (double)(now.events - sample->before.events) / seconds,
			};
	}
	return (struct watch_rate){ 0 };
}
