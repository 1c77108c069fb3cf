/* SPDX-License-Identifier: Apache-2.0 */
/* Output `owner`: needs a file of its own while it runs, and may refuse to start. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include <sonde/plugin.h>

struct owner {
	const char *lock;
	bool refuse, owns;
	uint64_t number;
	uint64_t even;
	uint64_t rows;
};

static const struct sonde_option owner_options[] = {
	{ .name = "lock", .type = SONDE_TEXT, SONDE_MEMBER(struct owner, lock), .required = true },
	{ .name = "refuse",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct owner, refuse),
	  .value = "false" },
	{ .name = "number", .type = SONDE_U64, SONDE_MEMBER(struct owner, number), .value = "0" },
	{ .name = "even",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct owner, even),
	  .value = "0",
	  .knob = true },
	{ 0 }
};

static const struct sonde_counter owner_counters[] = {
	{ .name = "rows", SONDE_MEMBER(struct owner, rows), .unit = "{row}" }, { 0 }
};

static int owner_start(struct sonde_instance *instance)
{
	struct owner *self = instance->self;
	int fd;

	if (self->refuse)
		return sonde_fail(instance, EACCES, "it was told to refuse");
	fd = open(self->lock, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return sonde_fail(instance, errno, "another has the lock");
	close(fd);
	self->owns = true;
	return 0;
}

static void owner_stop(struct sonde_instance *instance)
{
	struct owner *self = instance->self;

	if (self->owns)
		unlink(self->lock);
	self->owns = false;
}

static int owner_set(struct sonde_instance *instance)
{
	const struct owner *self = instance->self;

	return self->even % 2 ? sonde_fail(instance, EINVAL, "that is odd") : 0;
}

static int owner_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct owner *self = instance->self;

	for (uint32_t i = 0; i < delivery->batch_count; i++)
		sonde_count(&self->rows, delivery->batches[i]->selected_count);
	return 0;
}

static const struct sonde_plugin owner_plugin = {
	SONDE_PLUGIN_OUTPUT,
	.name = "owner",
	.summary = "needs a file of its own",
	.self_size = sizeof(struct owner),
	.options = owner_options,
	.counters = owner_counters,
	.start = owner_start,
	.stop = owner_stop,
	.set = owner_set,
	.write = owner_write,
};

SONDE_EXPORT(owner_plugin)
