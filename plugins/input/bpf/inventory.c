// SPDX-License-Identifier: Apache-2.0
/* Reads what the iterators write: records of one size, one after the other. */
#include "inventory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "embedded_inventory.h"

#define BUFFER_BYTES 65536

static const struct sonde_kernel_hook hooks[] = {
	[INVENTORY_PROGRAMS] = { .name = "bpf_prog", .program = "programs" },
	[INVENTORY_MAPS] = { .name = "bpf_map", .program = "maps" },
	[INVENTORY_LINKS] = { .name = "bpf_link", .program = "links" },
	{ 0 },
};

static const size_t record_bytes[] = {
	[INVENTORY_PROGRAMS] = sizeof(struct sonde_inventory_program),
	[INVENTORY_MAPS] = sizeof(struct sonde_inventory_map),
	[INVENTORY_LINKS] = sizeof(struct sonde_inventory_link),
};

static int prepare(struct sonde_kernel *kernel, const char *variant, void *context)
{
	uint32_t cpus = sonde_kernel_cpu_count();

	(void)variant;
	(void)context;
	return sonde_kernel_constant(kernel, "cpu_count", &cpus, sizeof(cpus));
}

int inventory_open(struct inventory *inventory, char *message, size_t message_bytes)
{
	static const char *const variants[] = { "iter", NULL };
	struct sonde_kernel_plan plan = {
		.size = sizeof(plan),
		.name = "inventory",
		.object = embedded_inventory,
		.object_bytes = embedded_inventory_bytes,
		.variants = variants,
		.hooks = hooks,
		.prepare = prepare,
	};
	int error = sonde_kernel_load(&plan, &inventory->kernel, message, message_bytes);

	for (uint32_t kind = 0; !error && kind < INVENTORY_KINDS; kind++)
		error = sonde_kernel_attach(inventory->kernel, kind);
	inventory->buffer = error ? NULL : malloc(BUFFER_BYTES);
	if (!error && !inventory->buffer)
		error = -ENOMEM;
	return error;
}

void inventory_close(struct inventory *inventory)
{
	sonde_kernel_free(inventory->kernel);
	free(inventory->buffer);
	*inventory = (struct inventory){ 0 };
}

/* Hands on the whole records of the buffer, and moves what is left of it to the front. */
static int records_pass(struct inventory *inventory, size_t size, size_t *filled, uint32_t *left,
			inventory_callback *callback, void *context)
{
	size_t at = 0;
	int stop = 0;

	for (; !stop && *left && *filled - at >= size; at += size, (*left)--)
		stop = callback(context, inventory->buffer + at);
	memmove(inventory->buffer, inventory->buffer + at, *filled - at);
	*filled -= at;
	return stop;
}

int inventory_read(struct inventory *inventory, enum inventory_kind kind, uint32_t limit,
		   inventory_callback *callback, void *context, bool *ret_cut)
{
	size_t size = record_bytes[kind], filled = 0;
	uint32_t left = limit;
	int fd = sonde_kernel_iterate(inventory->kernel, kind), stop = 0;
	ssize_t got;

	if (fd < 0)
		return fd;
	for (;;) {
		got = read(fd, inventory->buffer + filled, BUFFER_BYTES - filled);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			stop = -errno;
		if (got <= 0)
			break;
		filled += (size_t)got;
		stop = records_pass(inventory, size, &filled, &left, callback, context);
		if (stop || (!left && filled))
			break;
	}
	close(fd);
	if (!stop)
		*ret_cut = !left && filled;
	return stop;
}
