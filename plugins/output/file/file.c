// SPDX-License-Identifier: Apache-2.0
/* Output `file`: rows as lines of JSON or OTLP/JSON, as CSV or as frames, in files that are closed,
 * kept and deleted by rules, or on standard output. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "pipe.h"
#include "retain.h"

enum { IN_FLIGHT = 16, BATCH_LIMIT = WRITER_BATCH_LIMIT };
enum { TIMER_TEND, TIMER_SYNC };

static const int64_t tend_ns = INT64_C(10000000000), look_ns = INT64_C(60000000000);

/* A delivery that is answered later. */
struct kept {
	struct sonde_delivery *delivery;
	struct shortfall shortfall; /* of one that is written */
};

struct file {
	struct settings settings; /* first: settings_options is a table of it */

	uint64_t lines_written, bytes_written, files_deleted; /* counters, as those of store */

	struct template template;
	struct store store;
	struct writer writer;
	struct pipe pipe;
	bool is_pipe;  /* standard output that is no file, a pipe or a device */
	bool has_path; /* false: standard output */
	bool drains;   /* nothing is held back any more */
	bool watches;  /* the pipe, until there is room */

	/* A slow pipe: the first is under way. sync = "interval": they are written, and wait. */
	struct kept kept[IN_FLIGHT];
	uint32_t kept_count;
	uint64_t kept_bytes, kept_lines; /* that were written for them */
	int64_t looked_ns;               /* wall clock of the last look at what is closed */
};

static const struct sonde_counter file_counters[] = {
	{ .name = "lines",
	  SONDE_MEMBER(struct file, lines_written),
	  .unit = "{line}",
	  .help = "rows written whole" },
	{ .name = "bytes",
	  SONDE_MEMBER(struct file, bytes_written),
	  .unit = "By",
	  .help = "bytes of these rows, as they were written" },
	{ .name = "rotations",
	  SONDE_MEMBER(struct file, store.rotations),
	  .unit = "{file}",
	  .help = "files closed under a name of their own" },
	{ .name = "reopened",
	  SONDE_MEMBER(struct file, store.reopened),
	  .unit = "{file}",
	  .help = "files that somebody moved or deleted while they were open" },
	{ .name = "deleted",
	  SONDE_MEMBER(struct file, files_deleted),
	  .unit = "{file}",
	  .help = "closed files that were not to be kept" },
	{ 0 }
};

/* ---- starting ---------------------------------------------------------------------------- */

static int file_check(struct sonde_instance *instance)
{
	struct file *file = instance->self;

	settings_check(instance, &file->settings);
	return 0;
}

/* Whether it is written as a stream, which can neither be cut nor closed. */
static bool is_stream(const struct file *file)
{
	struct stat status;

	if (!file->has_path)
		return fstat(STDOUT_FILENO, &status) == 0 && !S_ISREG(status.st_mode);
	return !file->template.varies && stat(file->settings.path, &status) == 0 &&
	       !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

static int start_pipe(struct sonde_instance *instance)
{
	struct file *file = instance->self;
	const char *path = file->settings.path;
	bool created;
	int result = file->has_path ? stream_open_file(&file->pipe.stream, path, false,
						       file->settings.permissions, &created)
				    : stream_open_output(&file->pipe.stream);

	if (result == -ENXIO)
		return sonde_fail(instance, ENXIO, "nobody reads %s yet", path);
	if (result == 0 && file->settings.compression != COMPRESSION_NONE)
		return sonde_fail(instance, EINVAL, "%s is no file, so it is not compressed", path);
	return result < 0 ? sonde_fail(instance, -result, "cannot open %s", path) : 0;
}

static void delete_closed(struct sonde_instance *instance);

/* A file that does not depend on rows is opened, and mended, at once. */
static int start_files(struct sonde_instance *instance)
{
	struct file *file = instance->self;
	char path[TEMPLATE_PATH_BYTES];
	struct target *target;
	int result = store_begin(&file->store);

	if (file->template.varies) {
		template_base(&file->template, path);
		(void)strncat(path, "/", sizeof(path) - strlen(path) - 1);
		result = target_make_directories(path, &file->settings, file->store.problem);
	} else {
		if (file->has_path)
			(void)template_expand(&file->template, 0, path);
		result = store_target(&file->store, file->has_path ? path : NULL,
				      sonde_now_ns(instance), &target);
	}
	if (result < 0)
		return sonde_fail(instance, -result, "%s", file->store.problem);
	delete_closed(instance);
	return sonde_every(instance, TIMER_TEND, tend_ns);
}

static int file_start(struct sonde_instance *instance)
{
	struct file *file = instance->self;
	char error[160];
	int result = 0;

	settings_resolve(&file->settings);
	file->has_path = !settings_is_standard_output(&file->settings);
	if (file->has_path && template_parse(&file->template, file->settings.path, error) < 0)
		return sonde_fail(instance, EINVAL, "path %s", error);
	store_open(&file->store, instance, &file->settings);
	if (writer_open(&file->writer, instance, &file->settings,
			file->has_path ? &file->template : NULL, &file->store) < 0)
		return sonde_fail(instance, ENOMEM, "cannot start");
	file->is_pipe = is_stream(file);
	result = file->is_pipe ? start_pipe(instance) : start_files(instance);
	return result;
}

/* ---- files ------------------------------------------------------------------------------- */

/* Batches that no file of the format can hold are lost; the others of the delivery are not. False:
 * there are no others, and the delivery is gone. */
static bool reject(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct file *file = instance->self;
	struct shortfall *shortfall = &file->writer.shortfall;
	const struct sonde_outcome never = { .size = sizeof(never),
					     .verdict = SONDE_REJECTED,
					     .reason = file->settings.format == FORMAT_OTLP_JSON
							       ? "no signal of OTLP"
							       : "too many columns" };
	uint32_t rejected = shortfall->rejected & ~shortfall->settled;

	shortfall->settled |= rejected;
	for (uint32_t index = 0; index < delivery->batch_count; index++)
		if (rejected >> index & 1)
			sonde_settle_batch(instance, delivery, index, &never);
	return (uint32_t)__builtin_popcount(shortfall->settled) < delivery->batch_count;
}

/* Answers written batches of which some rows could not be. False: the delivery is gone. */
static bool settle_short(struct sonde_instance *instance, struct sonde_delivery *delivery,
			 struct shortfall *shortfall)
{
	struct file *file = instance->self;
	struct sonde_outcome outcome = { .size = sizeof(outcome),
					 .reason = file->settings.format == FORMAT_FRAME
							   ? "too large"
							   : "nothing in OTLP" };
	uint32_t count = delivery->batch_count;

	for (uint32_t index = 0; index < count; index++) {
		outcome.rejected_rows = shortfall->left_out[index];
		if (!outcome.rejected_rows || shortfall->settled >> index & 1)
			continue;
		shortfall->settled |= 1u << index;
		sonde_settle_batch(instance, delivery, index, &outcome);
	}
	return (uint32_t)__builtin_popcount(shortfall->settled) < count;
}

/* After a file was closed or begun, or time has passed. What cannot be deleted stays in the way,
 * but rows go on. */
static void delete_closed(struct sonde_instance *instance)
{
	struct file *file = instance->self;
	uint64_t deleted;
	char problem[512];
	int result;

	file->store.has_rotated = false;
	file->looked_ns = sonde_now_ns(instance);
	if (!file->has_path || !retain_is_on(&file->settings))
		return;
	result = retain(&file->template, &file->settings, &file->store, file->looked_ns, &deleted,
			problem);
	sonde_count(&file->files_deleted, deleted);
	if (result < 0)
		sonde_log(instance, SONDE_ERROR, "%s: %s", problem, strerror(-result));
}

/* Answers all that is kept. */
static void settle_kept(struct sonde_instance *instance, uint32_t verdict, const char *reason)
{
	struct file *file = instance->self;
	struct sonde_outcome outcome = { .size = sizeof(outcome),
					 .verdict = verdict,
					 .uncertain =
						 verdict != SONDE_DONE && file->store.uncertain,
					 .reason = reason };
	uint32_t count = file->kept_count;

	if (verdict == SONDE_DONE) {
		sonde_count(&file->bytes_written, file->kept_bytes);
		sonde_count(&file->lines_written, file->kept_lines);
	}
	file->kept_count = 0;
	file->kept_bytes = file->kept_lines = 0;
	for (uint32_t index = 0; index < count; index++) {
		struct kept kept = file->kept[index];

		if (verdict != SONDE_DONE || settle_short(instance, kept.delivery, &kept.shortfall))
			sonde_settle(instance, kept.delivery, &outcome);
	}
}

/* Nothing since the last commit can be relied on: all of it is cut out, and comes again. */
static int start_over(struct sonde_instance *instance, int result)
{
	struct file *file = instance->self;

	store_undo_all(&file->store);
	settle_kept(instance, SONDE_RETRY, "not on the disk");
	file->store.uncertain = false;
	return sonde_fail(instance, -result, "%s", file->store.problem);
}

static int commit_kept(struct sonde_instance *instance)
{
	struct file *file = instance->self;
	int result = store_commit(&file->store, file->settings.sync != SYNC_NEVER);

	if (result < 0)
		return start_over(instance, result);
	settle_kept(instance, SONDE_DONE, NULL);
	if (file->store.has_rotated)
		delete_closed(instance);
	return 0;
}

/* What could not be cut out comes twice; with that said, write() returns what it would anyway. */
static int fail_delivery(struct sonde_instance *instance, struct sonde_delivery *delivery,
			 int result)
{
	struct file *file = instance->self;
	const struct sonde_outcome uncertain = { .size = sizeof(uncertain),
						 .verdict = SONDE_RETRY,
						 .uncertain = true };

	store_undo_delivery(&file->store);
	if (file->store.uncertain)
		sonde_settle(instance, delivery, &uncertain);
	if (file->store.kept_failed)
		return start_over(instance, result);
	return sonde_fail(instance, -result, "%s", file->store.problem);
}

static int write_files(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct file *file = instance->self;
	int result = store_begin(&file->store);

	if (result < 0)
		return sonde_fail(instance, -result, "%s", file->store.problem);
	result = writer_write(&file->writer, delivery, sonde_now_ns(instance));
	if (!reject(instance, delivery))
		return SONDE_OK;
	if (result < 0)
		return fail_delivery(instance, delivery, result);
	if (file->settings.sync == SYNC_INTERVAL && !file->drains) {
		file->kept[file->kept_count++] =
			(struct kept){ .delivery = delivery, .shortfall = file->writer.shortfall };
		file->kept_bytes += file->writer.bytes;
		file->kept_lines += file->writer.row_count;
		if (file->kept_count < IN_FLIGHT)
			result = file->kept_count > 1
					 ? 0
					 : sonde_after(instance, TIMER_SYNC,
						       file->settings.sync_interval_ns);
		if (file->kept_count == IN_FLIGHT || result < 0)
			result = commit_kept(instance); /* which answers this one, too */
		return result < 0 ? result : SONDE_LATER;
	}
	result = commit_kept(instance);
	if (result < 0)
		return result;
	(void)settle_short(instance, delivery, &file->writer.shortfall);
	sonde_count(&file->lines_written, file->writer.row_count);
	sonde_count(&file->bytes_written, file->writer.bytes);
	return SONDE_OK;
}

/* ---- streams ----------------------------------------------------------------------------- */

static const char *stream_name(const struct file *file)
{
	return file->has_path ? file->settings.path : "standard output";
}

/* What write() returns of a delivery that it tried to write; *ret_gone: it is answered already. */
static int push(struct sonde_instance *instance, struct sonde_delivery *delivery, bool *ret_gone)
{
	struct file *file = instance->self;
	int result = pipe_write(&file->pipe, &file->writer, delivery);

	*ret_gone = !reject(instance, delivery);
	if (result == -EAGAIN) {
		result = file->watches
				 ? 0
				 : sonde_watch(instance, file->pipe.stream.fd, SONDE_WRITABLE);
		file->watches = result == 0;
		return result < 0 ? result : SONDE_LATER;
	}
	if (file->watches)
		(void)sonde_unwatch(instance, file->pipe.stream.fd);
	file->watches = false;
	if (result == -EPIPE)
		return sonde_fail(instance, EPIPE, "nobody reads %s any more", stream_name(file));
	if (result < 0)
		return sonde_fail(instance, -result, "cannot write to %s", stream_name(file));
	*ret_gone = !settle_short(instance, delivery, &file->writer.shortfall);
	sonde_count(&file->lines_written, file->writer.row_count);
	sonde_count(&file->bytes_written, file->writer.bytes);
	return SONDE_OK;
}

static int write_pipe(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct file *file = instance->self;
	bool gone;
	int result = file->kept_count ? SONDE_LATER : push(instance, delivery, &gone);

	if (result == SONDE_LATER)
		file->kept[file->kept_count++] = (struct kept){ .delivery = delivery };
	return result;
}

/* There is room in the pipe again, or nobody reads any more. */
static int file_ready(struct sonde_instance *instance, int fd, uint32_t events)
{
	struct file *file = instance->self;
	const struct sonde_outcome done = { .size = sizeof(done) };

	(void)fd;
	(void)events;
	while (file->kept_count) {
		struct sonde_delivery *delivery = file->kept[0].delivery;
		bool gone;
		int result = push(instance, delivery, &gone);

		if (result == SONDE_LATER)
			return 0;
		if (result < 0) {
			settle_kept(instance, SONDE_RETRY, "nobody reads");
			return result;
		}
		file->kept_count--;
		memmove(&file->kept[0], &file->kept[1], file->kept_count * sizeof(file->kept[0]));
		if (!gone)
			sonde_settle(instance, delivery, &done);
	}
	return 0;
}

/* ---- the instance ------------------------------------------------------------------------ */

static int file_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct file *file = instance->self;

	return file->is_pipe ? write_pipe(instance, delivery) : write_files(instance, delivery);
}

static int file_timer(struct sonde_instance *instance, int timer)
{
	struct file *file = instance->self;
	int64_t now_ns = sonde_now_ns(instance);
	int result;

	if (timer == TIMER_SYNC)
		return file->kept_count ? commit_kept(instance) : 0;
	result = store_tend(&file->store, now_ns, !file->template.varies);
	if (result < 0 && file->store.kept_failed)
		return start_over(instance, result);
	if (file->store.has_rotated || now_ns - file->looked_ns >= look_ns)
		delete_closed(instance);
	return result < 0 ? sonde_fail(instance, -result, "%s", file->store.problem) : 0;
}

/* All knobs are read where they are used; what is kept is looked at before long. */
static int file_set(struct sonde_instance *instance)
{
	struct file *file = instance->self;

	file->store.has_rotated = true;
	return 0;
}

static int file_drain(struct sonde_instance *instance)
{
	struct file *file = instance->self;

	file->drains = true;
	return file->is_pipe || !file->kept_count ? 0 : commit_kept(instance);
}

static int file_report(struct sonde_instance *instance, struct sonde_report *report)
{
	struct file *file = instance->self;

	for (uint32_t index = 0; index < file->store.target_count; index++) {
		const struct target *target = file->store.targets[index];

		sonde_report(instance, report, "files", target->path, "size", "By",
			     (double)target->size);
	}
	return 0;
}

static void file_stop(struct sonde_instance *instance)
{
	struct file *file = instance->self;

	if (!file->is_pipe && file->kept_count)
		(void)commit_kept(instance);
	if (!file->is_pipe)
		(void)store_begin(&file->store); /* cuts that were not made before */
	file->kept_count = 0;
	file->watches = file->drains = false;
	store_close(&file->store);
	writer_close(&file->writer);
	pipe_close(&file->pipe);
	template_release(&file->template);
}

static const struct sonde_plugin file_plugin = {
	SONDE_PLUGIN_OUTPUT,
	.name = "file",
	.summary = "rows as lines of JSON, OTLP/JSON, CSV or frames, in files",
	.manual = settings_manual,
	.self_size = sizeof(struct file),
	.in_flight = IN_FLIGHT,
	.batch_limit = BATCH_LIMIT,
	.options = settings_options,
	.counters = file_counters,
	.check = file_check,
	.start = file_start,
	.stop = file_stop,
	.set = file_set,
	.ready = file_ready,
	.timer = file_timer,
	.drain = file_drain,
	.report = file_report,
	.write = file_write,
};

SONDE_EXPORT(file_plugin)
