// SPDX-License-Identifier: Apache-2.0
/* Reads what the daemon says of itself. */
#include <stdlib.h>
#include <string.h>

#include "../../core/arena.h"
#include "snapshot.h"
#include "tree.h"

enum { TREE_BYTES_LIMIT = 64 << 20 };

/* What is read, and where to. */
struct reader {
	const struct tree *tree;
	struct arena *arena;
	bool failed;
};

/* ---- values ------------------------------------------------------------------------------ */

/* The value of a key; 0, which is the whole and of nothing the value: there is none. */
static uint32_t member(const struct reader *reader, uint32_t object, const char *key)
{
	const struct tree *tree = reader->tree;
	size_t length = strlen(key);

	if (tree->nodes[object].kind != NODE_OBJECT)
		return 0;
	for (uint32_t at = object + 1; at < tree->nodes[object].end; at = tree_next(tree, at + 1)) {
		const struct node *node = &tree->nodes[at];

		if (node->length == length && !memcmp(tree_text(tree, node), key, length))
			return at + 1;
	}
	return 0;
}

static const char *text_of(struct reader *reader, uint32_t at)
{
	const struct node *node = &reader->tree->nodes[at];
	const char *copy;

	if (!at || (node->kind != NODE_TEXT && node->kind != NODE_KEY))
		return "";
	copy = arena_copy_length(reader->arena, tree_text(reader->tree, node), node->length);
	reader->failed = reader->failed || !copy;
	return copy ? copy : "";
}

static const char *text_at(struct reader *reader, uint32_t object, const char *key)
{
	return text_of(reader, member(reader, object, key));
}

/* Digits are followed by what is no digit, as the text ends with a zero byte. */
static double number_at(const struct reader *reader, uint32_t object, const char *key)
{
	uint32_t at = member(reader, object, key);

	if (!at || reader->tree->nodes[at].kind != NODE_NUMBER)
		return 0;
	return strtod(tree_text(reader->tree, &reader->tree->nodes[at]), NULL);
}

static uint64_t count_at(const struct reader *reader, uint32_t object, const char *key)
{
	uint32_t at = member(reader, object, key);

	if (!at || reader->tree->nodes[at].kind != NODE_NUMBER)
		return 0;
	return strtoull(tree_text(reader->tree, &reader->tree->nodes[at]), NULL, 10);
}

static bool flag_at(const struct reader *reader, uint32_t object, const char *key)
{
	uint32_t at = member(reader, object, key);

	return at && reader->tree->nodes[at].kind == NODE_TRUE;
}

static void *array_of(struct reader *reader, uint32_t count, size_t size)
{
	void *items = arena_zero(reader->arena, count ? count * size : 1);

	reader->failed = reader->failed || !items;
	return items;
}

/* ---- parts ------------------------------------------------------------------------------- */

static void instances_read(struct reader *reader, uint32_t array, struct snapshot *snapshot)
{
	const struct tree *tree = reader->tree;

	if (!array || tree->nodes[array].kind != NODE_ARRAY)
		return;
	snapshot->instances =
		array_of(reader, tree->nodes[array].length, sizeof(*snapshot->instances));
	for (uint32_t at = array + 1; !reader->failed && at < tree->nodes[array].end;
	     at = tree_next(tree, at)) {
		struct snapshot_instance *instance =
			&snapshot->instances[snapshot->instance_count++];

		instance->name = text_at(reader, at, "name");
		instance->kind = text_at(reader, at, "kind");
		instance->plugin = text_at(reader, at, "plugin");
		instance->state = text_at(reader, at, "state");
		instance->problem = text_at(reader, at, "problem");
		instance->replica = (uint32_t)count_at(reader, at, "replica");
		instance->failures = count_at(reader, at, "failures");
	}
}

/* Reasons of {"queue full": {"rows": 1, "events": 1}}; returns how many rows they are. */
static uint64_t reasons_read(struct reader *reader, uint32_t object, bool lost, bool events,
			     struct snapshot_account *account)
{
	const struct tree *tree = reader->tree;
	uint64_t sum = 0;

	if (!object || tree->nodes[object].kind != NODE_OBJECT)
		return 0;
	for (uint32_t at = object + 1; at < tree->nodes[object].end; at = tree_next(tree, at + 1)) {
		struct snapshot_reason *reason = &account->reasons[account->reason_count++];

		reason->reason = text_of(reader, at);
		reason->lost = lost;
		reason->rows = count_at(reader, at + 1, "rows");
		reason->events = count_at(reader, at + 1, "events");
		sum += events ? reason->events : reason->rows;
	}
	return sum;
}

static uint32_t members_of(const struct reader *reader, uint32_t object)
{
	const struct tree *tree = reader->tree;
	uint32_t count = 0;

	if (!object || tree->nodes[object].kind != NODE_OBJECT)
		return 0;
	for (uint32_t at = object + 1; at < tree->nodes[object].end; at = tree_next(tree, at + 1))
		count++;
	return count;
}

static void ends_find(struct reader *reader, struct snapshot_account *account)
{
	const char *middle = strstr(account->name, " > ");

	if (!middle)
		middle = strstr(account->name, " / ");
	account->from = account->to = account->name;
	if (!middle)
		return;
	account->from =
		arena_copy_length(reader->arena, account->name, (size_t)(middle - account->name));
	account->to = middle + 3;
	if (!account->from) {
		account->from = "";
		reader->failed = true;
	}
}

static void account_read(struct reader *reader, uint32_t at, struct snapshot_account *account)
{
	uint32_t lost = member(reader, at, "lost"), reduced = member(reader, at, "reduced");
	const char *unit;
	bool events;

	account->name = text_at(reader, at, "name");
	account->kind = text_at(reader, at, "kind");
	ends_find(reader, account);
	events = !strcmp(account->kind, "kernel");
	unit = events ? "events" : "rows";
	account->running = flag_at(reader, at, "running");
	account->in = count_at(reader, member(reader, at, "in"), unit);
	account->out = count_at(reader, member(reader, at, "out"), unit);
	account->queued = count_at(reader, member(reader, at, "queued"), unit);
	account->held = count_at(reader, member(reader, at, "held"), unit);
	account->queue_bytes = count_at(reader, at, "queue_bytes");
	account->queue_limit_bytes = count_at(reader, at, "queue_limit_bytes");
	account->reasons = array_of(reader, members_of(reader, lost) + members_of(reader, reduced),
				    sizeof(*account->reasons));
	if (reader->failed)
		return;
	account->lost = reasons_read(reader, lost, true, events, account);
	account->reduced = reasons_read(reader, reduced, false, events, account);
}

static void accounts_read(struct reader *reader, uint32_t array, struct snapshot *snapshot)
{
	const struct tree *tree = reader->tree;

	if (!array || tree->nodes[array].kind != NODE_ARRAY)
		return;
	snapshot->accounts =
		array_of(reader, tree->nodes[array].length, sizeof(*snapshot->accounts));
	for (uint32_t at = array + 1; !reader->failed && at < tree->nodes[array].end;
	     at = tree_next(tree, at))
		account_read(reader, at, &snapshot->accounts[snapshot->account_count++]);
}

static void daemon_read(struct reader *reader, struct snapshot *snapshot)
{
	uint32_t memory = member(reader, 0, "memory");

	snapshot->version = text_at(reader, 0, "version");
	snapshot->config = text_at(reader, 0, "config");
	snapshot->pid = count_at(reader, 0, "pid");
	snapshot->uptime_s = number_at(reader, 0, "uptime_seconds");
	snapshot->cpu_s = number_at(reader, 0, "cpu_seconds");
	snapshot->memory_bytes = count_at(reader, memory, "used_bytes") +
				 count_at(reader, memory, "idle_bytes") +
				 count_at(reader, memory, "other_bytes");
	snapshot->memory_limit_bytes = count_at(reader, memory, "limit_bytes");
	snapshot->closes = flag_at(reader, 0, "ledger_closes");
}

/* ---- the whole --------------------------------------------------------------------------- */

struct snapshot *snapshot_read(const char *json, size_t length, int64_t taken_ns)
{
	struct arena *arena = arena_create();
	struct snapshot *snapshot = arena ? arena_zero(arena, sizeof(*snapshot)) : NULL;
	struct reader reader = { .arena = arena };
	struct tree_error error;
	struct tree tree = { 0 };

	if (!snapshot || tree_parse(&tree, json, length, TREE_BYTES_LIMIT, &error)) {
		arena_release(arena);
		return NULL;
	}
	snapshot->arena = arena;
	snapshot->taken_ns = taken_ns;
	reader.tree = &tree;
	if (count_at(&reader, 0, "format") == 1) {
		daemon_read(&reader, snapshot);
		instances_read(&reader, member(&reader, 0, "instances"), snapshot);
		accounts_read(&reader, member(&reader, 0, "ledger"), snapshot);
	} else {
		reader.failed = true;
	}
	tree_release(&tree);
	if (!reader.failed)
		return snapshot;
	snapshot_release(snapshot);
	return NULL;
}

void snapshot_release(struct snapshot *snapshot)
{
	if (snapshot)
		arena_release(snapshot->arena);
}

static bool is_like(const struct snapshot_account *account, const struct snapshot_account *like)
{
	return !strcmp(account->name, like->name) && !strcmp(account->kind, like->kind);
}

const struct snapshot_account *snapshot_account(const struct snapshot *snapshot,
						const struct snapshot_account *like, uint32_t hint)
{
	if (!snapshot)
		return NULL;
	if (hint < snapshot->account_count && is_like(&snapshot->accounts[hint], like))
		return &snapshot->accounts[hint];
	for (uint32_t i = 0; i < snapshot->account_count; i++)
		if (is_like(&snapshot->accounts[i], like))
			return &snapshot->accounts[i];
	return NULL;
}
