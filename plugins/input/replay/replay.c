// SPDX-License-Identifier: Apache-2.0
/* Input `replay`: plays recordings, files of frames as the output `file` writes them, at their own
 * pace, faster, or as fast as they are taken. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sonde/plugin.h>
#include <recording.h>
#include "pace.h"

enum { AT_END_STAY, AT_END_END };
enum { TIMER_DUE, TIMER_AGAIN };
enum { TURN_BATCHES = 8 }; /* emitted before others on the thread have their turn */

static const int64_t second_ns = INT64_C(1000000000), least_wait_ns = 1000000;

struct replay {
	/* options */
	struct sonde_texts paths;
	const char *pace_text;
	int64_t from_ns, until_ns; /* since the recording's begin; until: 0: to its end */
	uint64_t rounds_wanted;    /* 0: again and again */
	bool shifts;
	uint32_t at_end;

	/* counters */
	uint64_t batches, rows, skipped_rows, damaged, damaged_bytes, rounds;

	struct recording *recording;
	struct sonde_batch **read; /* of the frame that was read last, from `next` on ours */
	uint32_t read_count, next;
	struct sonde_batch *pending; /* to be emitted next */
	int64_t pending_ns;          /* when it was recorded */
	uint32_t pending_rows;
	struct pace pace;
	int64_t begin_ns; /* when the recording begins; INT64_MIN: not known yet */
	int64_t shift_ns; /* what is added to times in this round */
	bool has_begun;   /* this round */
	bool has_rows;    /* this round had some */
	bool waits;       /* for room() */
	bool ended;       /* drain() was called, or all is played */
};

static const char *const at_end_choices[] = { "stay", "end", NULL };

static const struct sonde_option replay_options[] = {
	{ .name = "path",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct replay, paths),
	  .required = true,
	  .help = "files of frames, with \"*\", \"?\" and \"[a-z]\" as in a shell; in this order, "
		  "those of a pattern in that of their names" },
	{ .name = "pace",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct replay, pace_text),
	  .value = "recorded",
	  .knob = true,
	  .help = "recorded: as it went; \"10x\": so many times as fast; full: as fast as the "
		  "pipelines take it" },
	{ .name = "from",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct replay, from_ns),
	  .value = "0s",
	  .minimum = "0s",
	  .help = "begin so long after the recording's first row" },
	{ .name = "until",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct replay, until_ns),
	  .value = "0s",
	  .minimum = "0s",
	  .help = "end so long after the recording's first row; 0s: play all of it" },
	{ .name = "rounds",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct replay, rounds_wanted),
	  .value = "1",
	  .help = "how many times it is played; 0: again and again" },
	{ .name = "shift_time",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct replay, shifts),
	  .value = "false",
	  .help = "move all times of rows, so that each round begins when it is played" },
	{ .name = "at_end",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct replay, at_end),
	  .value = "stay",
	  .choices = at_end_choices,
	  .help = "stay: nothing more comes; end: the daemon ends too, once all of its inputs "
		  "have come to their end" },
	{ 0 }
};

static const struct sonde_counter replay_counters[] = {
	{ .name = "batches",
	  SONDE_MEMBER(struct replay, batches),
	  .unit = "{batch}",
	  .help = "batches that were played" },
	{ .name = "rows",
	  SONDE_MEMBER(struct replay, rows),
	  .unit = "{row}",
	  .help = "rows that were played" },
	{ .name = "skipped",
	  SONDE_MEMBER(struct replay, skipped_rows),
	  .unit = "{row}",
	  .help = "rows before `from` or behind `until`" },
	{ .name = "damaged",
	  SONDE_MEMBER(struct replay, damaged),
	  .unit = "{place}",
	  .help = "places in files that were left out, since no whole frame stands there" },
	{ .name = "damaged_bytes",
	  SONDE_MEMBER(struct replay, damaged_bytes),
	  .unit = "By",
	  .help = "bytes of these places" },
	{ .name = "rounds",
	  SONDE_MEMBER(struct replay, rounds),
	  .unit = "{round}",
	  .help = "times that the recording was played to its end" },
	{ 0 },
};

/* Waiting must not hang on a wall clock that may be set. */
static int64_t monotonic_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * second_ns + now.tv_nsec;
}

/* ---- what is told ------------------------------------------------------------------------ */

static void on_damaged(void *data, const char *path, int64_t offset, int64_t length,
		       const char *why)
{
	struct sonde_instance *instance = data;
	struct replay *replay = instance->self;

	sonde_count(&replay->damaged, 1);
	sonde_count(&replay->damaged_bytes, (uint64_t)length);
	sonde_log(instance, SONDE_WARNING, "%s: %lld bytes from byte %lld on are left out: %s",
		  path, (long long)length, (long long)offset, why);
}

static void on_failed(void *data, const char *path, int error)
{
	sonde_log(data, SONDE_ERROR, "cannot read %s: %s: going on without it", path,
		  strerror(error));
}

static const struct recording_news news = { .damaged = on_damaged, .failed = on_failed };

/* ---- batches ----------------------------------------------------------------------------- */

/* The round begins where its first row that is to be played would stand. */
static void begin_round(struct sonde_instance *instance, int64_t first_ns)
{
	struct replay *replay = instance->self;
	double factor = 0;
	int64_t begin_ns;

	if (replay->begin_ns == INT64_MIN)
		replay->begin_ns = first_ns;
	begin_ns = replay->begin_ns + replay->from_ns;
	(void)pace_parse(replay->pace_text, &factor);
	pace_begin(&replay->pace, factor, begin_ns, monotonic_ns());
	replay->shift_ns = replay->shifts ? sonde_now_ns(instance) - begin_ns : 0;
	replay->has_begun = true;
}

/* Leaves only rows from `from` to `until`; those that do not say their time stay. -ENOMEM. */
static int select_rows(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct replay *replay = instance->self;
	int64_t from_ns = replay->begin_ns + replay->from_ns;
	int64_t until_ns = replay->until_ns ? replay->begin_ns + replay->until_ns : INT64_MAX;
	uint32_t before = batch->selected_count;
	unsigned char *bits;
	int result;

	if (!replay->from_ns && !replay->until_ns)
		return 0;
	bits = calloc(1, batch->row_count / 8 + 1);
	if (!bits)
		return -ENOMEM;
	for (uint32_t row = 0; row < batch->row_count; row++) {
		int64_t time_ns =
			sonde_selected(batch, row) ? recording_row_time(batch, row) : INT64_MAX;

		if (time_ns == INT64_MIN || (time_ns >= from_ns && time_ns < until_ns))
			bits[row >> 3] |= (unsigned char)(1u << (row & 7));
	}
	result = sonde_batch_select(instance, batch, bits);
	free(bits);
	if (result == 0)
		sonde_count(&replay->skipped_rows, before - batch->selected_count);
	return result;
}

/* Makes a batch that was read the pending one, unless nothing of it is to be played. -ENOMEM. */
static int prepare(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct replay *replay = instance->self;
	int64_t time_ns = recording_time(batch);
	int result;

	if (!replay->has_begun && time_ns != INT64_MIN)
		begin_round(instance, time_ns);
	result = select_rows(instance, batch);
	if (result < 0)
		return result;
	replay->next++;
	if (!batch->selected_count) {
		sonde_batch_release(instance, batch);
		return 0;
	}
	if (time_ns != INT64_MIN)
		replay->pending_ns = recording_time(batch);
	if (replay->shift_ns)
		recording_shift(batch, replay->shift_ns);
	replay->pending = batch;
	replay->pending_rows = batch->selected_count;
	replay->has_rows = true;
	return 0;
}

static void finish(struct sonde_instance *instance)
{
	struct replay *replay = instance->self;

	replay->ended = true;
	sonde_log(instance, SONDE_INFO, "the recording is over: %llu rows were played",
		  (unsigned long long)replay->rows);
	if (replay->at_end == AT_END_END)
		sonde_drained(instance);
}

/* A round without rows would be followed by others, as fast as can be. */
static void end_round(struct sonde_instance *instance)
{
	struct replay *replay = instance->self;
	bool again = replay->has_rows;

	sonde_count(&replay->rounds, 1);
	again = again && (!replay->rounds_wanted || replay->rounds < replay->rounds_wanted);
	recording_rewind(replay->recording);
	replay->has_begun = replay->has_rows = false;
	if (!again)
		finish(instance);
}

/* Reads until a batch is pending, or all is played. -ENOMEM. */
static int read_batch(struct sonde_instance *instance)
{
	struct replay *replay = instance->self;
	int result = 0;

	while (!replay->pending && !replay->ended && result == 0) {
		if (replay->next < replay->read_count) {
			result = prepare(instance, replay->read[replay->next]);
			continue;
		}
		replay->next = replay->read_count = 0;
		result = recording_next(replay->recording, &replay->read, &replay->read_count);
		if (result == 0)
			end_round(instance);
		else if (result > 0)
			result = 0;
	}
	return result;
}

static void release_all(struct sonde_instance *instance)
{
	struct replay *replay = instance->self;

	sonde_batch_release(instance, replay->pending);
	replay->pending = NULL;
	while (replay->next < replay->read_count)
		sonde_batch_release(instance, replay->read[replay->next++]);
	replay->next = replay->read_count = 0;
}

/* ---- playing ----------------------------------------------------------------------------- */

/* Nobody wakes an input because there is memory again: it has to try. */
static int lack_memory(struct sonde_instance *instance)
{
	(void)sonde_after(instance, TIMER_AGAIN, second_ns);
	return sonde_fail(instance, ENOMEM, "no memory for a frame");
}

/* Emits what is pending. 0; -EAGAIN: there is no room, and room() will be called. */
static int send_pending(struct sonde_instance *instance)
{
	struct replay *replay = instance->self;
	struct sonde_batch *batch = replay->pending;
	int result = sonde_reserve(instance, sonde_batch_bytes(instance, batch));

	if (result == -EAGAIN)
		return result;
	replay->pending = NULL;
	if (result < 0) {
		sonde_log(instance, SONDE_WARNING,
			  "%u rows are left out: a batch of them is more than a pipeline's queue "
			  "or the memory of all holds",
			  replay->pending_rows);
		sonde_lose(instance, batch->selected_count, batch->event_count,
			   SONDE_LOST_QUEUE_FULL);
		sonde_batch_release(instance, batch);
		return 0;
	}
	result = sonde_emit_batch(instance, batch);
	sonde_unreserve(instance, SIZE_MAX);
	if (result < 0)
		return -ENOMEM;
	sonde_count(&replay->batches, 1);
	sonde_count(&replay->rows, replay->pending_rows);
	return 0;
}

/* Whether the pending batch is to wait; then a timer is set. */
static bool is_early(struct sonde_instance *instance)
{
	struct replay *replay = instance->self;
	int64_t wait_ns = pace_wait(&replay->pace, replay->pending_ns, monotonic_ns());

	if (wait_ns <= 0)
		return false;
	(void)sonde_after(instance, TIMER_DUE, wait_ns < least_wait_ns ? least_wait_ns : wait_ns);
	return true;
}

/* Plays a few batches, and asks for another turn while more are due. */
static int take_turn(struct sonde_instance *instance)
{
	struct replay *replay = instance->self;
	int result;

	replay->waits = false;
	for (int count = 0; count < TURN_BATCHES; count++) {
		result = read_batch(instance);
		if (result < 0)
			return lack_memory(instance);
		if (replay->ended || is_early(instance))
			return 0;
		result = send_pending(instance);
		replay->waits = result == -EAGAIN;
		if (replay->waits)
			return 0;
		if (result < 0)
			return lack_memory(instance);
	}
	sonde_wake(instance);
	return 0;
}

/* ---- callbacks --------------------------------------------------------------------------- */

static const char pace_hint[] = "\"%s\" is no pace: try \"recorded\", \"10x\" or \"full\"";

static int replay_check(struct sonde_instance *instance)
{
	struct replay *replay = instance->self;
	double factor;

	if (!replay->paths.count)
		sonde_problem(instance, "path", "names no file");
	for (uint32_t at = 0; at < replay->paths.count; at++)
		if (!replay->paths.items[at][0])
			sonde_problem(instance, "path", "\"\" is no file");
	if (pace_parse(replay->pace_text, &factor) < 0)
		sonde_problem(instance, "pace", pace_hint, replay->pace_text);
	if (replay->until_ns && replay->until_ns <= replay->from_ns)
		sonde_problem(instance, "until",
			      "is not behind `from`, so nothing would be played");
	return 0;
}

static int replay_start(struct sonde_instance *instance)
{
	struct replay *replay = instance->self;
	char error[512];
	int result = recording_open(instance, &replay->paths, &news, instance, &replay->recording,
				    error, sizeof(error));

	if (result < 0)
		return sonde_fail(instance, -result, "%s", error);
	replay->begin_ns = INT64_MIN;
	sonde_wake(instance);
	return 0;
}

/* Goes on from what is due next. */
static int replay_set(struct sonde_instance *instance)
{
	struct replay *replay = instance->self;
	double factor;

	if (pace_parse(replay->pace_text, &factor) < 0)
		return sonde_fail(instance, EINVAL, pace_hint, replay->pace_text);
	pace_change(&replay->pace, factor, replay->pending_ns, monotonic_ns());
	sonde_wake(instance);
	return 0;
}

static int replay_woken(struct sonde_instance *instance)
{
	const struct replay *replay = instance->self;

	return replay->waits || replay->ended ? 0 : take_turn(instance);
}

static int replay_timer(struct sonde_instance *instance, int timer)
{
	(void)timer;
	return replay_woken(instance);
}

static int replay_room(struct sonde_instance *instance)
{
	const struct replay *replay = instance->self;

	return replay->ended ? 0 : take_turn(instance);
}

/* What was not played yet was never there. */
static int replay_drain(struct sonde_instance *instance)
{
	struct replay *replay = instance->self;

	replay->ended = true;
	release_all(instance);
	return 0;
}

static int replay_report(struct sonde_instance *instance, struct sonde_report *report)
{
	const struct replay *replay = instance->self;
	struct recording_progress progress = recording_progress(replay->recording);
	const char *path = progress.path ? progress.path : "";

	if (!progress.path || replay->ended)
		return 0;
	sonde_report(instance, report, "files", path, "number", "1", progress.file + 1.0);
	sonde_report(instance, report, "files", path, "of", "1", progress.file_count);
	sonde_report(instance, report, "files", path, "size", "By", (double)progress.size);
	sonde_report(instance, report, "files", path, "done", "By", (double)progress.offset);
	return 0;
}

static void replay_stop(struct sonde_instance *instance)
{
	struct replay *replay = instance->self;

	release_all(instance);
	recording_close(replay->recording);
	replay->recording = NULL;
	replay->has_begun = replay->has_rows = replay->waits = replay->ended = false;
}

static const struct sonde_plugin replay_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "replay",
	.summary = "recordings, played at their own pace or faster",
	.manual =
		"Plays what the output `file` with format = \"frame\" has recorded: the same "
		"batches, "
		"with the same columns, types, roles and times. Files are read one frame at a "
		"time, "
		"and as long as they are when their turn comes; they are not followed as they "
		"grow.\n\n"
		"A batch is due when its first row would be, counted from the first row of the "
		"recording. With \"full\" nothing is waited for but room in the queues. At every "
		"pace "
		"it waits for that room, so that no row is lost on the way into the pipelines.\n\n"
		"A frame that is damaged is left out, counted, and named in the log with its file "
		"and "
		"place; so is one that a killed daemon left cut short at the end of a file. The "
		"next "
		"whole one is looked for.\n\n"
		"With `shift_time` everything that is a time is moved by the same amount: when "
		"rows "
		"happened, when they began, when their processes were started.",
	.self_size = sizeof(struct replay),
	.waits = 1,
	.options = replay_options,
	.counters = replay_counters,
	.check = replay_check,
	.start = replay_start,
	.stop = replay_stop,
	.set = replay_set,
	.timer = replay_timer,
	.woken = replay_woken,
	.drain = replay_drain,
	.report = replay_report,
	.room = replay_room,
};

SONDE_EXPORT(replay_plugin)
