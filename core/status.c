/* SPDX-License-Identifier: Apache-2.0 */
/* Status: what runs, how it fares, and whether the ledger closes; gathered. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "clock.h"
#include "health.h"
#include "status.h"
#include "storage.h"

static const int64_t call_timeout_ns = 200ll * NS_PER_MS;

/* What has to be read on the instance's own thread; on the heap, as that may come to it late. */
struct status_call {
	struct instance *instance;
	struct arena *arena; /* of the report */
	struct sonde_report report;
	struct tally held;
	struct account numbers;
};

static void status_call_release(void *data)
{
	struct status_call *call = data;

	arena_release(call->arena);
	free(call);
}

static struct status_call *status_call_create(struct instance *instance)
{
	struct status_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->instance = instance;
	call->arena = arena_create();
	if (!call->arena) {
		free(call);
		return NULL;
	}
	report_init(&call->report, call->arena);
	return call;
}

static void call_report(void *data)
{
	struct status_call *call = data;
	struct instance *instance = call->instance;
	const struct sonde_plugin *plugin = instance->plugin->descriptor;

	call->held = instance->held;
	if (instance->account)
		account_read(instance->account, &call->numbers);
	if (!plugin->report || !instance_is_running(instance))
		return;
	instance_enter(instance, CALLBACK_REPORT);
	instance_leave(instance, CALLBACK_REPORT, plugin->report(&instance->base, &call->report));
}

static void gather_health(struct status *status, struct status_instance *at,
			  struct instance *instance)
{
	char texts[HEALTH_TEXT_BYTES];
	struct sonde_health health;

	health_read(instance, &health, texts, sizeof(texts));
	at->failure_count = health.failure_count;
	at->retry_count = health.retry_count;
	at->problem = health.problem[0] ? arena_copy(status->arena, health.problem) : NULL;
	at->callback = health.callback[0] ? health.callback : NULL;
	at->busy_s = (double)health.busy_ns / NS_PER_SECOND;
	at->state = state_name(health.state);
}

static struct status_account *gathered_account(struct status *status, const struct account *account)
{
	for (uint32_t i = 0; i < status->account_count; i++) {
		if (status->accounts[i].account == account)
			return &status->accounts[i];
	}
	return NULL;
}

/* Whether a loop did not answer before: it is not asked again. */
static bool loop_is_silent(const struct status *status, const struct loop *loop)
{
	for (uint32_t i = 0; i + 1 < status->instance_count; i++) {
		if (status->instances[i].silent && status->instances[i].instance->loop == loop)
			return true;
	}
	return false;
}

/* The answer of the instance's thread; NULL: none in time. */
static struct status_call *status_ask(struct status *status, struct instance *instance)
{
	struct status_call *call =
		loop_is_silent(status, instance->loop) ? NULL : status_call_create(instance);

	if (!call || loop_call_owned(instance->loop, call_report, status_call_release, call,
				     call_timeout_ns))
		return NULL;
	return call;
}

static void gather_instance(struct status *status, struct instance *instance, const char *section,
			    bool leaving)
{
	struct status_instance *at = &status->instances[status->instance_count++];
	struct status_account *account = gathered_account(status, instance->account);
	struct status_call *call = status_ask(status, instance);

	at->instance = instance;
	at->section = section;
	at->leaving = leaving;
	at->answer = call;
	at->silent = !call;
	if (call) {
		at->report = call->report;
		at->held = call->held;
	}
	gather_health(status, at, instance);
	if (account) {
		/* One that leaves moves rows of the same account on another thread. */
		account->silent = account->silent || account->known || at->silent;
		account->known = true;
		account->held.rows += at->held.rows; /* one that leaves has the same account */
		account->held.events += at->held.events;
		if (call)
			account->numbers = call->numbers;
	}
	account = gathered_account(status, instance->kernel);
	if (account)
		account->known = true;
}

static void gather_route(struct status *status, struct route *route, bool leaving)
{
	struct status_account *account = gathered_account(status, route->account);
	struct route_snapshot snapshot;

	if (!account)
		return;
	route_snapshot(route, &snapshot);
	account->known = true;
	account->numbers.repeated = tally_read(&route->account->repeated);
	account->numbers.in = snapshot.in;
	account->numbers.out = snapshot.out;
	memcpy(account->numbers.reduced, snapshot.reduced, sizeof(snapshot.reduced));
	memcpy(account->numbers.lost, snapshot.lost, sizeof(snapshot.lost));
	account->queued = snapshot.queued;
	account->held = snapshot.held;
	account->leaving = leaving;
	account->bytes = snapshot.bytes;
	account->limit_bytes = snapshot.limit_bytes;
	account->high_bytes = snapshot.high_bytes;
	account->disk_bytes = snapshot.disk_bytes;
	account->disk_limit_bytes = snapshot.disk_limit_bytes;
}

/* What came in and is nowhere in the numbers must be queued or held. The kernel's rows travel in
 * rings that only the kernel can count. */
static void close_account(struct status_account *at)
{
	struct tally open = account_open(&at->numbers);

	at->closes = at->account->kind == ACCOUNT_KERNEL ||
		     (open.rows == at->queued.rows + at->held.rows &&
		      open.events == at->queued.events + at->held.events);
}

static void gather_process(struct status *status)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	status->cpu_s = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
			(double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
	memory_measure();
	memory_read(&status->memory);
	status->rss_bytes = status->memory.resident_bytes;
	status->idle_bytes = storage_idle_bytes();
	if (status->idle_bytes > status->memory.counted_bytes)
		status->idle_bytes = status->memory.counted_bytes;
	descriptors_read(&status->descriptors);
}

static void gather_graph(struct status *status, struct graph *graph)
{
	static const char *const sections[] = { "", "input", "processor", "output" };
	bool leaving = graph != status->sources->graph;

	for (uint32_t kind = SONDE_INPUT; kind <= SONDE_OUTPUT; kind++) {
		for (uint32_t i = 0; i < graph->config->instance_count; i++) {
			struct graph_node *node = &graph->nodes[i];

			for (uint32_t r = 0; node->config->kind == kind && r < node->count; r++)
				gather_instance(status, node->instances[r], sections[kind],
						leaving);
		}
	}
	for (uint32_t i = 0; i < graph->route_count; i++)
		gather_route(status, graph->routes[i].route, leaving);
	status->thread_count += graph->loop_count;
}

static int status_fill(struct status *status)
{
	const struct status_sources *sources = status->sources;
	uint32_t instances = 0, accounts = 0;

	for (struct graph *graph = sources->graph; graph; graph = graph->older)
		instances += graph_instance_count(graph);
	while (ledger_at(sources->ledger, accounts))
		accounts++;
	status->instances = arena_zero(status->arena, (instances + 1) * sizeof(*status->instances));
	status->accounts = arena_zero(status->arena, (accounts + 1) * sizeof(*status->accounts));
	if (!status->instances || !status->accounts)
		return -1;
	for (uint32_t i = 0; i < accounts; i++) {
		status->accounts[i].account = ledger_at(sources->ledger, i);
		account_read(status->accounts[i].account, &status->accounts[i].numbers);
	}
	status->account_count = accounts;
	for (struct graph *graph = sources->graph; graph; graph = graph->older)
		gather_graph(status, graph);
	status->closes = true;
	for (uint32_t i = 0; i < accounts; i++) {
		struct status_account *at = &status->accounts[i];

		close_account(at);
		at->rate = watch_rate(sources->watch, at->account);
		status->closes = status->closes && (at->closes || !at->known || at->silent);
	}
	status->thread_count++; /* this one */
	return 0;
}

struct status *status_gather(const struct status_sources *sources)
{
	struct arena *arena = arena_create();
	struct status *status = arena ? arena_zero(arena, sizeof(*status)) : NULL;

	if (!status) {
		arena_release(arena);
		return NULL;
	}
	status->arena = arena;
	status->sources = sources;
	status->now_wall_ns = clock_wall_ns();
	status->uptime_s = (double)(clock_monotonic_ns() - sources->started_ns) / NS_PER_SECOND;
	status->log = log_counts();
	gather_process(status);
	if (status_fill(status)) {
		status_release(status);
		return NULL;
	}
	return status;
}

void status_release(struct status *status)
{
	if (!status)
		return;
	for (uint32_t i = 0; i < status->instance_count; i++) {
		if (status->instances[i].answer)
			status_call_release(status->instances[i].answer);
	}
	arena_release(status->arena);
}
