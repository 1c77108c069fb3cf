/* SPDX-License-Identifier: Apache-2.0 */
/* What of a graph lies on disk: the queues of its routes, and the commits of its pipelines. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adopt.h"
#include "clock.h"
#include "commit.h"
#include "graph_disk.h"
#include "graph_end.h"
#include "log.h"
#include "state.h"

enum { DISK_MESSAGE_BYTES = 2 * PATH_MAX };

/* "calls-main-1f0a93c2": for the eye, and a hash that tells names apart which look alike so. */
static void disk_name(const char *name, char *buffer, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
	size_t length = 0;

	for (const char *at = name; *at; at++) {
		hash = (hash ^ (unsigned char)*at) * 0x100000001b3u;
		if (length >= 48)
			continue;
		if (isalnum((unsigned char)*at) || *at == '_')
			buffer[length++] = *at;
		else if (length && buffer[length - 1] != '-')
			buffer[length++] = '-';
	}
	snprintf(buffer + length, size - length, "-%08x", (uint32_t)(hash ^ hash >> 32));
}

/* A path of the state directory. -ENOTSUP: there is none. */
static int disk_path(const struct graph *graph, const char *kind, const char *name, char *buffer,
		     size_t size)
{
	const char *directory = ledger_directory(graph->ledger);
	char own[80] = "";

	if (!directory)
		return -ENOTSUP;
	if (name)
		disk_name(name, own, sizeof(own));
	if ((size_t)snprintf(buffer, size, "%s/%s%s%s", directory, kind, name ? "/" : "", own) >=
	    size)
		return -ENAMETOOLONG;
	return 0;
}

/* One loop waits for the disk, for all graphs of the daemon. */
static struct loop *graph_disk_loop(struct graph *graph)
{
	if (!graph->disk && graph->former && graph->former->disk &&
	    !graph_adopt_loop(graph, graph->former->disk))
		graph->disk = graph->former->disk;
	if (!graph->disk)
		graph->disk = graph_loop(graph, "disk");
	return graph->disk;
}

/* ---- queues ------------------------------------------------------------------------------ */

int graph_open_disk(struct graph *graph, struct route *route, const struct queue_config *config)
{
	char path[PATH_MAX], error[DISK_MESSAGE_BYTES] = "";
	struct spool_settings settings = { .path = path, .limit_bytes = config->disk_bytes };
	int result;

	if (!config->disk_bytes)
		return 0;
	result = disk_path(graph, "queues", route->account->name, path, sizeof(path));
	if (!result)
		settings.disk = graph_disk_loop(graph);
	if (!result && !settings.disk)
		result = -errno;
	if (!result)
		result = route_open_disk(route, &settings, error, sizeof(error));
	if (result)
		log_write(SONDE_ERROR, NULL, "cannot open the queue on disk of %s: %s",
			  route->account->name, *error ? error : strerror(-result));
	return result;
}

/* ---- commits ----------------------------------------------------------------------------- */

static bool any_on_disk(const struct sources *sources)
{
	for (uint32_t i = 0; i < sources->count; i++) {
		if (sources->routes[i]->spool)
			return true;
	}
	return false;
}

/* All routes of a fan, in an array to be freed. NULL: no memory. */
static struct route **fan_routes(const struct fan *fan, uint32_t *ret_count)
{
	struct route **routes;
	uint32_t count = 0;

	for (uint32_t i = 0; i < fan->count; i++)
		count += fan->branches[i].count;
	routes = calloc(count + 1, sizeof(struct route *));
	if (!routes)
		return NULL;
	*ret_count = 0;
	for (uint32_t i = 0; i < fan->count; i++) {
		for (uint32_t r = 0; r < fan->branches[i].count; r++)
			routes[(*ret_count)++] = fan->branches[i].routes[r];
	}
	return routes;
}

/* The plan of a route, which is the graph's own, adopted or inherited. */
static struct graph_route *slot_of(struct graph *graph, const struct route *route)
{
	for (uint32_t i = 0; i < graph->route_count; i++) {
		if (graph->routes[i].route == route)
			return &graph->routes[i];
	}
	for (uint32_t i = 0; i < graph->inherited_count; i++) {
		if (graph->inherited[i].route == route)
			return &graph->inherited[i];
	}
	return NULL;
}

/* What else of a pipeline that commits is open when the daemon dies comes again, but for rows on
 * their way to outputs without a queue on disk where others have one: those are what the pipeline
 * is done with. */
static void accounts_replay(const struct pipeline *pipeline, struct route *const *outputs,
			    uint32_t output_count, bool commits)
{
	bool on_disk = false;

	for (uint32_t i = 0; i < output_count; i++)
		on_disk |= outputs[i]->spool != NULL;
	for (uint32_t i = 0; i < output_count; i++)
		account_replay(outputs[i]->account, commits && (outputs[i]->spool || !on_disk));
	for (uint32_t i = 0; i < pipeline->stage_count; i++)
		account_replay(pipeline->stages[i]->account, commits);
}

static int commit_plan(struct graph *graph, struct pipeline *pipeline, uint32_t replica,
		       struct commit **ret_commit)
{
	char path[PATH_MAX], name[LEDGER_NAME_BYTES];
	struct loop *disk = graph_disk_loop(graph);
	int result;

	snprintf(name, sizeof(name), "%s#%u", pipeline->config->name, replica);
	result = disk_path(graph, "commits", NULL, path, sizeof(path));
	if (!result)
		result = directory_make(path, 0750);
	if (!result)
		result = disk_path(graph, "commits", name, path, sizeof(path));
	if (result || !disk)
		return result ? result : -ENOMEM;
	*ret_commit = commit_create(pipeline, path, disk);
	return *ret_commit ? 0 : -ENOMEM;
}

/* A pipeline's own commit, or the one that it will have. */
static struct commit *commit_of(const struct graph_pipeline *pipeline, uint32_t replica)
{
	return pipeline->commits && pipeline->commits[replica] ? pipeline->commits[replica]
							       : pipeline->replicas[replica].commit;
}

static void routes_plan(struct graph *graph, struct commit *commit, const struct sources *sources,
			struct route *const *outputs, uint32_t output_count)
{
	bool on_disk = false;

	for (uint32_t i = 0; i < sources->count; i++)
		slot_of(graph, sources->routes[i])->plan.settled = commit_task(commit);
	for (uint32_t i = 0; i < output_count; i++) {
		slot_of(graph, outputs[i])->plan.appended = commit_task(commit);
		on_disk |= outputs[i]->spool != NULL;
	}
	for (uint32_t i = 0; i < output_count; i++)
		slot_of(graph, outputs[i])->plan.is_beside_disk = on_disk && !outputs[i]->spool;
}

static int replica_plan(struct graph *graph, struct graph_pipeline *pipeline, uint32_t replica)
{
	const struct graph_links *links = &pipeline->links[replica];
	struct pipeline *at = &pipeline->replicas[replica];
	char error[DISK_MESSAGE_BYTES] = "";
	bool commits = any_on_disk(&links->sources);
	uint32_t output_count = 0;
	struct route **outputs = fan_routes(&links->fan, &output_count);
	struct commit *commit;
	int result = outputs ? 0 : -ENOMEM;

	if (!result)
		accounts_replay(at, outputs, output_count, commits);
	if (!result && commits && !at->commit)
		result = commit_plan(graph, at, replica, &pipeline->commits[replica]);
	commit = result ? NULL : commit_of(pipeline, replica);
	if (commit && commits)
		routes_plan(graph, commit, &links->sources, outputs, output_count);
	if (commit && commits && !graph->former)
		result = commit_recover(commit, links->sources.routes, links->sources.count,
					outputs, output_count, error, sizeof(error));
	free(outputs);
	if (result)
		log_write(SONDE_ERROR, pipeline->config->name, "cannot take rows from disk: %s",
			  *error ? error : strerror(-result));
	return result;
}

int graph_plan_commits(struct graph *graph)
{
	int result = 0;

	for (uint32_t i = 0; i < graph->config->pipeline_count && !result; i++) {
		struct graph_pipeline *pipeline = &graph->pipelines[i];

		pipeline->commits = calloc(pipeline->count + 1, sizeof(struct commit *));
		if (!pipeline->commits)
			return -ENOMEM;
		for (uint32_t r = 0; r < pipeline->count && !result; r++)
			result = replica_plan(graph, pipeline, r);
	}
	return result;
}

void graph_start_commits(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->config->pipeline_count; i++) {
		struct graph_pipeline *pipeline = &graph->pipelines[i];

		for (uint32_t r = 0; pipeline->commits && r < pipeline->count; r++) {
			struct commit *commit = pipeline->commits[r];
			int result = 0;

			pipeline->commits[r] = NULL;
			if (commit) {
				pipeline->replicas[r].commit = commit;
				result = commit_start(commit);
			}
			if (result)
				log_write(SONDE_ERROR, pipeline->config->name,
					  "cannot write down what is done: %s", strerror(-result));
		}
		free(pipeline->commits);
		pipeline->commits = NULL;
	}
}

void graph_end_commits(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->config->pipeline_count; i++) {
		struct graph_pipeline *pipeline = &graph->pipelines[i];

		for (uint32_t r = 0; r < pipeline->count; r++) {
			if (pipeline->replicas[r].commit)
				commit_finish(pipeline->replicas[r].commit);
		}
	}
}

static void call_finish(void *data)
{
	commit_finish(data);
}

void graph_finish_commits(struct graph *graph, int64_t deadline_ns)
{
	for (uint32_t i = 0; i < graph->config->pipeline_count; i++) {
		struct graph_pipeline *pipeline = &graph->pipelines[i];

		for (uint32_t r = 0; r < pipeline->count; r++) {
			struct commit *commit = pipeline->replicas[r].commit;
			int64_t left_ns = deadline_ns - clock_monotonic_ns();

			if (commit && loop_call(pipeline->replicas[r].loop, call_finish, commit,
						left_ns > NS_PER_SECOND ? left_ns : NS_PER_SECOND))
				log_write(
					SONDE_WARNING, pipeline->config->name,
					"what is done could not be written down in time: rows may "
					"be counted again");
		}
	}
}

void graph_release_commits(struct graph *graph)
{
	for (uint32_t i = 0; graph->pipelines && i < graph->config->pipeline_count; i++) {
		struct graph_pipeline *pipeline = &graph->pipelines[i];

		for (uint32_t r = 0; pipeline->commits && r < pipeline->count; r++)
			commit_release(pipeline->commits[r]);
		free(pipeline->commits);
		pipeline->commits = NULL;
	}
}

/* ---- after a crash ----------------------------------------------------------------------- */

static int listed(void *data, const struct journal_listed *at)
{
	const struct graph *graph = data;
	struct account *account;

	if (at->open || !at->usage.rows)
		return 0;
	for (uint32_t i = 0; (account = ledger_at(graph->ledger, i)); i++) {
		if (account->kind == ACCOUNT_ROUTE && !strcmp(account->name, at->name))
			account_keep(account, (struct tally){ at->usage.rows, at->usage.events });
	}
	log_write(SONDE_WARNING, NULL,
		  "%llu rows wait on disk for %s, which the config does not have: they stay in %s "
		  "until it does",
		  (unsigned long long)at->usage.rows, at->name, at->path);
	return 0;
}

void graph_book_crash(struct graph *graph)
{
	char path[PATH_MAX];

	if (!disk_path(graph, "queues", NULL, path, sizeof(path)))
		journal_scan(path, listed, graph);
	for (uint32_t i = 0; i < graph->route_count; i++)
		route_keep(graph->routes[i].route);
	ledger_book_open(graph->ledger, SONDE_LOST_CRASH);
}
