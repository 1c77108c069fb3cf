// SPDX-License-Identifier: Apache-2.0
/* The files that rows go to: a bounded number of them open, and each delivery written to all of
 * them or to none. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "store.h"

static const int64_t idle_ns = INT64_C(60000000000);

__attribute__((format(printf, 3, 4))) static int say(struct store *store, int result,
						     const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(store->problem, sizeof(store->problem), format, arguments);
	va_end(arguments);
	return result;
}

void store_open(struct store *store, struct sonde_instance *instance,
		const struct settings *settings)
{
	store->instance = instance;
	store->settings = settings;
	store->truncate = settings->mode == MODE_TRUNCATE;
}

static void drop_traces(struct store *store)
{
	while (store->trace_count)
		free(store->traces[--store->trace_count].path);
}

void store_close(struct store *store)
{
	for (uint32_t index = 0; index < store->target_count; index++)
		target_close(store->targets[index]);
	drop_traces(store);
	free(store->targets);
	free(store->traces);
	store->targets = NULL;
	store->traces = NULL;
	store->target_count = store->trace_capacity = 0;
	store->kept_failed = store->uncertain = store->cuts_pending = false;
}

/* ---- closing ----------------------------------------------------------------------------- */

/* Remembers a file that is about to be closed, if rows in it may have to go again. */
static int trace_add(struct store *store, const struct target *target, const char *path,
		     bool is_closed)
{
	bool touched = target->delivery == store->delivery;
	char *copy;

	if (target->size <= target->committed && !(touched && target->size > target->begin))
		return 0;
	if (store->trace_count == store->trace_capacity) {
		uint32_t capacity = store->trace_capacity ? store->trace_capacity * 2 : 16;
		struct trace *traces = reallocarray(store->traces, capacity, sizeof(*traces));

		if (!traces)
			return -ENOMEM;
		store->traces = traces;
		store->trace_capacity = capacity;
	}
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	store->traces[store->trace_count++] =
		(struct trace){ .path = copy,
				.device = target->device,
				.inode = target->inode,
				.begin = touched ? target->begin : target->size,
				.committed = target->committed,
				.cut_to = -1,
				.delivery = touched ? target->delivery : 0,
				.is_closed = is_closed };
	return 0;
}

static void forget(struct store *store, const struct target *target)
{
	for (uint32_t index = 0; index < store->target_count; index++)
		if (store->targets[index] == target)
			store->targets[index] = store->targets[--store->target_count];
}

/* What is closed cannot be synced any more, so it is done now where a policy asks for it. */
static int sync_before_closing(struct store *store, struct target *target)
{
	int result = 0;

	if (store->settings->sync != SYNC_NEVER && target->size > target->committed)
		result = target_sync(target);
	if (result == 0)
		return 0;
	store->kept_failed = true;
	return say(store, result, "cannot sync %s", target->path);
}

static int let_go(struct store *store, struct target *target)
{
	int result = sync_before_closing(store, target);

	if (result == 0 && trace_add(store, target, target->path, false) < 0)
		result = say(store, -ENOMEM, "cannot close %s", target->path);
	if (result < 0)
		return result;
	forget(store, target);
	target_close(target);
	return 0;
}

/* Somebody moved or deleted it. What rows are in it stay there, and cannot be cut out again. */
static int let_go_of_moved(struct store *store, struct target *target)
{
	bool kept_rows = target->size > target->committed;
	int result;

	if (kept_rows && target_is_deleted(target)) {
		store->kept_failed = true;
		result = say(store, -ESTALE, "%s was deleted with rows in it", target->path);
		forget(store, target);
		target_close(target);
		return result;
	}
	result = sync_before_closing(store, target);
	if (result < 0)
		return result;
	store->uncertain = store->uncertain || kept_rows;
	sonde_log(store->instance, SONDE_INFO, "%s was moved or deleted: beginning it anew",
		  target->path);
	sonde_count(&store->reopened, 1);
	forget(store, target);
	target_close(target);
	return 0;
}

/* ---- opening ----------------------------------------------------------------------------- */

static struct target *find(const struct store *store, const char *path)
{
	uint64_t hash = target_hash(path);

	for (uint32_t index = 0; index < store->target_count; index++)
		if (store->targets[index]->hash == hash &&
		    strcmp(store->targets[index]->path, path) == 0)
			return store->targets[index];
	return NULL;
}

static int close_oldest(struct store *store)
{
	struct target *oldest = NULL;

	for (uint32_t index = 0; index < store->target_count; index++)
		if (!oldest || store->targets[index]->used < oldest->used)
			oldest = store->targets[index];
	return let_go(store, oldest);
}

/* Room for one more, by closing the one that was not used for the longest time. */
static int make_room(struct store *store)
{
	if (!store->targets) {
		store->targets = calloc(store->settings->open_files, sizeof(*store->targets));
		if (!store->targets)
			return say(store, -ENOMEM, "cannot open a file");
	}
	return store->target_count < store->settings->open_files ? 0 : close_oldest(store);
}

/* A file that begins as one of ours but is broken further on is kept under a closing name. */
static int set_aside(struct store *store, const char *path, int64_t now_ns)
{
	char closed[4096];
	int result = rotate_rename(path, now_ns, &store->last, closed, sizeof(closed));

	if (result < 0)
		return say(store, result, "cannot rename %s, which is broken", path);
	sonde_log(store->instance, SONDE_WARNING, "%s is broken: it is %s now, as it was", path,
		  closed);
	return 0;
}

static int open_target(struct store *store, const char *path, int64_t now_ns,
		       struct target **ret_target)
{
	int64_t cut_bytes;
	int result = make_room(store);
	bool again = result == 0;

	while (again) {
		result = target_open(store->instance, store->settings, path, store->truncate,
				     ret_target, &cut_bytes, store->problem);
		again = false;
		if (result == -EUCLEAN) {
			result = set_aside(store, path, now_ns);
			again = result == 0;
		} else if ((result == -EMFILE || result == -ENFILE) && store->target_count) {
			result = close_oldest(store); /* there are fewer than were configured */
			again = result == 0;
		}
	}
	if (result < 0)
		return result;
	store->truncate = false;
	store->has_rotated = true;
	store->targets[store->target_count++] = *ret_target;
	if (cut_bytes)
		sonde_log(store->instance, SONDE_WARNING,
			  "%s ended within a row: %lld bytes cut off", (*ret_target)->path,
			  (long long)cut_bytes);
	return 0;
}

/* Others may have appended to it or emptied it. */
static int look_again(struct store *store, struct target *target)
{
	int64_t size;
	int result = stream_size(&target->stream, &size);

	if (result < 0)
		return say(store, result, "cannot look at %s", target->path);
	if (size < target->committed || target->size == target->committed)
		target->committed = size;
	if (!size)
		header_clear(&target->header);
	target->size = size;
	return 0;
}

int store_target(struct store *store, const char *path, int64_t now_ns, struct target **ret_target)
{
	struct target *target = find(store, path ? path : "standard output");
	int result = 0;

	if (target && target->delivery != store->delivery && !target_is_there(target)) {
		result = let_go_of_moved(store, target);
		target = NULL;
	}
	if (result == 0 && !target)
		result = open_target(store, path, now_ns, &target);
	if (result < 0)
		return result;
	target->used = ++store->used;
	target->used_ns = now_ns;
	*ret_target = target;
	if (target->delivery == store->delivery)
		return 0;
	result = look_again(store, target);
	if (result == 0 && rotate_due(target->written_ns, now_ns, store->settings->rotate_every_ns))
		result = store_rotate(store, ret_target, now_ns);
	target = *ret_target;
	if (result < 0)
		return result;
	target->begin = target->size;
	target->delivery = store->delivery;
	return 0;
}

int store_rotate(struct store *store, struct target **target, int64_t now_ns)
{
	struct target *old = *target, *new = NULL;
	char closed[4096];
	struct header header;
	int result;

	if (!old->size || old->is_output)
		return 0;
	result = sync_before_closing(store, old);
	if (result < 0)
		return result;
	result = rotate_rename(old->path, now_ns, &store->last, closed, sizeof(closed));
	if (result < 0)
		return say(store, result, "cannot rename %s", old->path);
	if (trace_add(store, old, closed, true) < 0)
		store->uncertain = true;
	sonde_count(&store->rotations, 1);
	header = old->header;
	old->header = (struct header){ 0 };
	forget(store, old);
	result = open_target(store, old->path, now_ns, &new);
	target_close(old);
	if (result < 0) {
		header_release(&header);
		return result;
	}
	if (!new->size) {
		header_release(&new->header);
		new->header = header;
	} else { /* somebody was faster */
		header_release(&header);
	}
	new->used = ++store->used;
	new->used_ns = new->written_ns = now_ns;
	new->begin = new->size;
	new->delivery = store->delivery;
	*target = new;
	return 0;
}

/* ---- committing -------------------------------------------------------------------------- */

int store_commit(struct store *store, bool sync)
{
	for (uint32_t index = 0; index < store->target_count; index++) {
		struct target *target = store->targets[index];
		int result = 0;

		if (target->size <= target->committed)
			continue;
		if (target_is_deleted(target))
			return say(store, -ESTALE, "%s was deleted with rows in it", target->path);
		if (sync)
			result = target_sync(target);
		if (result < 0)
			return say(store, result, "cannot sync %s", target->path);
	}
	for (uint32_t index = 0; index < store->target_count; index++)
		store->targets[index]->committed = store->targets[index]->size;
	drop_traces(store);
	store->uncertain = false;
	return 0;
}

/* ---- cutting out ------------------------------------------------------------------------- */

static int cut_open_file(int fd, const struct trace *trace, int64_t size)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (status.st_dev != trace->device || status.st_ino != trace->inode)
		return 0; /* another file has its name now */
	if (status.st_size > size && ftruncate(fd, size) < 0)
		return -errno;
	if (!size && trace->is_closed)
		(void)unlink(trace->path);
	return 0;
}

static int trace_cut(struct trace *trace, int64_t size)
{
	int result, fd = open(trace->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0) {
		result = errno == ENOENT ? 0 : -errno;
	} else {
		result = cut_open_file(fd, trace, size);
		close(fd);
	}
	trace->cut_to = result < 0 ? size : -1;
	return result;
}

int store_begin(struct store *store)
{
	store->delivery++;
	store->kept_failed = false;
	if (!store->cuts_pending)
		return 0;
	for (uint32_t index = 0; index < store->target_count; index++) {
		struct target *target = store->targets[index];
		int result = target->cut_to >= 0 ? target_cut(target, target->cut_to) : 0;

		if (result < 0)
			return say(store, result, "cannot cut %s back", target->path);
	}
	for (uint32_t index = store->trace_count; index--;) {
		struct trace *trace = &store->traces[index];
		int result = trace->cut_to >= 0 ? trace_cut(trace, trace->cut_to) : 0;

		if (result < 0)
			return say(store, result, "cannot cut %s back", trace->path);
	}
	store->cuts_pending = false;
	return 0;
}

/* A file that was closed and opened again comes first as it was opened last. */
void store_undo_delivery(struct store *store)
{
	for (uint32_t index = 0; index < store->target_count; index++) {
		struct target *target = store->targets[index];

		if (target->delivery == store->delivery && target_cut(target, target->begin) < 0)
			store->cuts_pending = true;
	}
	for (uint32_t index = store->trace_count; index--;) {
		struct trace *trace = &store->traces[index];

		if (trace->delivery == store->delivery && trace_cut(trace, trace->begin) < 0)
			store->cuts_pending = true;
	}
}

/* Files that were deleted are let go of, too. */
void store_undo_all(struct store *store)
{
	for (uint32_t index = store->target_count; index--;) {
		struct target *target = store->targets[index];

		if (target_is_deleted(target)) {
			forget(store, target);
			target_close(target);
		} else if (target_cut(target, target->committed) < 0) {
			store->cuts_pending = true;
		}
	}
	for (uint32_t index = store->trace_count; index--;)
		if (trace_cut(&store->traces[index], store->traces[index].committed) < 0)
			store->cuts_pending = true;
	if (!store->cuts_pending)
		drop_traces(store);
	store->kept_failed = false;
}

/* ---- once in a while --------------------------------------------------------------------- */

int store_tend(struct store *store, int64_t now_ns, bool stays)
{
	int result = 0;

	for (uint32_t index = store->target_count; index-- && result == 0;) {
		struct target *target = store->targets[index];

		if (target->cut_to >= 0 || target->size > target->committed)
			continue;
		if (!target_is_there(target))
			result = let_go_of_moved(store, target);
		else if (target->size &&
			 rotate_due(target->written_ns, now_ns, store->settings->rotate_every_ns))
			result = store_rotate(store, &target, now_ns);
		else if (!stays && now_ns - target->used_ns > idle_ns)
			result = let_go(store, target);
	}
	return result;
}
