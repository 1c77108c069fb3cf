// SPDX-License-Identifier: Apache-2.0
/* Output `durable`: a line a row in a file; rows count as handed over once the disk has them.
 *
 * Waiting for a disk blocks, and a callback must not. So write() keeps the delivery and hands it to
 * a thread of the plugin's own, which writes and syncs, and calls sonde_wake(): the one service
 * that any thread may call. woken() runs on the instance's thread again, and gives the answers.
 *
 * Each delivery is with one of the two threads at a time, and a mutex lies over the two lists in
 * which it changes hands. Its batches do not change and stay readable until it is settled, so that
 * the thread reads them without a lock. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sonde/plugin.h>

enum { IN_FLIGHT = 4 }; /* deliveries kept at once: while one is synced, the next ones gather */

/* A delivery that is kept, and then what became of it: 0, or a positive errno. */
struct work {
	struct sonde_delivery *delivery;
	int error;
};

struct work_list {
	struct work items[IN_FLIGHT]; /* no more can be kept */
	uint32_t count;
};

struct durable {
	const char *path; /* option */
	uint64_t syncs;   /* counter */

	FILE *file; /* the thread's, from start to stop */
	pthread_t thread;
	bool has_thread, has_mutex;
	pthread_mutex_t mutex;  /* over what follows */
	pthread_cond_t changed; /* there is work to do, or the end has come */
	struct work_list todo, done;
	bool ends;
};

static const struct sonde_option durable_options[] = {
	{ .name = "path",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct durable, path),
	  .required = true,
	  .help = "file to append to" },
	{ 0 },
};

static const struct sonde_counter durable_counters[] = {
	{ .name = "syncs",
	  SONDE_MEMBER(struct durable, syncs),
	  .unit = "{delivery}",
	  .help = "deliveries that the disk has" },
	{ 0 },
};

/* ---- on the thread of its own: no service but sonde_wake() ------------------------------- */

static void value_write(FILE *file, const struct sonde_column *column, uint32_t row)
{
	struct sonde_text text = sonde_text_at(column, row);
	int64_t number;

	if (column->type == SONDE_TEXT) {
		fprintf(file, " %s=\"%.*s\"", column->name, (int)text.length, text.data);
	} else if (column->type == SONDE_TIME || column->type == SONDE_DURATION) {
		memcpy(&number, sonde_value(column, row), sizeof(number));
		fprintf(file, " %s=%" PRId64, column->name, number);
	} else if (column->type <= SONDE_DOUBLE) {
		fprintf(file, " %s=%.15g", column->name, sonde_number_at(column, row));
	}
}

static void batch_write(FILE *file, const struct sonde_batch *batch)
{
	for (uint32_t row = 0; row < batch->row_count; row++) {
		if (!sonde_selected(batch, row))
			continue;
		fputs(batch->schema, file);
		for (uint32_t i = 0; i < batch->column_count; i++) {
			const struct sonde_column *column = sonde_column(batch, i);

			if (sonde_valid(column, row))
				value_write(file, column, row);
		}
		fputc('\n', file);
	}
}

/* 0, or a positive errno. */
static int delivery_write(FILE *file, const struct sonde_delivery *delivery)
{
	for (uint32_t i = 0; i < delivery->batch_count; i++)
		batch_write(file, delivery->batches[i]);
	if (fflush(file) < 0 || fdatasync(fileno(file)) < 0) {
		clearerr(file);
		return errno ? errno : EIO;
	}
	return 0;
}

static void *durable_run(void *data)
{
	struct sonde_instance *instance = data;
	struct durable *durable = instance->self;
	struct work work;

	pthread_mutex_lock(&durable->mutex);
	for (;;) {
		while (!durable->todo.count && !durable->ends)
			pthread_cond_wait(&durable->changed, &durable->mutex);
		if (durable->ends)
			break;
		work = durable->todo.items[0];
		durable->todo.count--;
		memmove(durable->todo.items, durable->todo.items + 1,
			durable->todo.count * sizeof(work));
		pthread_mutex_unlock(&durable->mutex);
		work.error = delivery_write(durable->file, work.delivery);
		pthread_mutex_lock(&durable->mutex);
		durable->done.items[durable->done.count++] = work;
		sonde_wake(instance);
	}
	pthread_mutex_unlock(&durable->mutex);
	return NULL;
}

/* ---- on the instance's thread: the callbacks --------------------------------------------- */

/* Signals are the daemon's: a thread begins with all of them blocked. */
static int thread_start(struct sonde_instance *instance)
{
	struct durable *durable = instance->self;
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&durable->thread, NULL, durable_run, instance);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	durable->has_thread = !error;
	return error;
}

static int durable_start(struct sonde_instance *instance)
{
	struct durable *durable = instance->self;
	int error;

	durable->file = fopen(durable->path, "ae");
	if (!durable->file)
		return sonde_fail(instance, errno, "cannot open %s", durable->path);
	pthread_mutex_init(&durable->mutex, NULL);
	pthread_cond_init(&durable->changed, NULL);
	durable->has_mutex = true;
	error = thread_start(instance);
	if (error)
		return sonde_fail(instance, error, "cannot start a thread");
	return 0;
}

/* Kept: woken() will answer. */
static int durable_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct durable *durable = instance->self;

	pthread_mutex_lock(&durable->mutex);
	durable->todo.items[durable->todo.count++] = (struct work){ .delivery = delivery };
	pthread_cond_signal(&durable->changed);
	pthread_mutex_unlock(&durable->mutex);
	return SONDE_LATER;
}

/* One call may stand for several wakes: it answers all that is done. */
static int durable_woken(struct sonde_instance *instance)
{
	struct durable *durable = instance->self;
	struct work_list done;
	int error = 0;

	pthread_mutex_lock(&durable->mutex);
	done = durable->done;
	durable->done.count = 0;
	pthread_mutex_unlock(&durable->mutex);
	for (uint32_t i = 0; i < done.count; i++) {
		struct sonde_outcome outcome = { .size = sizeof(outcome), .verdict = SONDE_DONE };

		if (done.items[i].error) {
			error = done.items[i].error;
			outcome.verdict = SONDE_RETRY;
			outcome.uncertain = true; /* some lines may be in the file */
		} else {
			sonde_count(&durable->syncs, 1);
		}
		sonde_settle(instance, done.items[i].delivery, &outcome);
	}
	if (error)
		return sonde_fail(instance, error, "cannot write to %s", durable->path);
	return 0;
}

/* Waits for the delivery that is being written; what it still keeps is lost by shutdown. Once this
 * has returned there must be no sonde_wake() any more. */
static void durable_stop(struct sonde_instance *instance)
{
	struct durable *durable = instance->self;

	if (durable->has_thread) {
		pthread_mutex_lock(&durable->mutex);
		durable->ends = true;
		pthread_cond_signal(&durable->changed);
		pthread_mutex_unlock(&durable->mutex);
		pthread_join(durable->thread, NULL);
	}
	if (durable->has_mutex) {
		pthread_cond_destroy(&durable->changed);
		pthread_mutex_destroy(&durable->mutex);
	}
	if (durable->file)
		fclose(durable->file);
	durable->file = NULL; /* start() may come again */
	durable->has_thread = false;
	durable->has_mutex = false;
	durable->ends = false;
	durable->todo.count = 0;
	durable->done.count = 0;
}

static const struct sonde_plugin durable_plugin = {
	SONDE_PLUGIN_OUTPUT,
	.name = "durable",
	.summary = "a line a row, in a file that is on the disk",
	.version = "1.0",
	.self_size = sizeof(struct durable),
	.in_flight = IN_FLIGHT,
	.batch_limit = 64,
	.options = durable_options,
	.counters = durable_counters,
	.start = durable_start,
	.stop = durable_stop,
	.woken = durable_woken,
	.write = durable_write,
};

SONDE_EXPORT(durable_plugin)
