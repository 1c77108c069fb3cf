// SPDX-License-Identifier: Apache-2.0
/* Reads a plugin's descriptor by the sizes that it states, and refuses what could not work. */
#include "descriptor.h"

#include <errno.h>
#include <string.h>

#include "rule.h"
#include "table.h"

enum {
	SIZE_LIMIT = 4096,     /* of the descriptor or of an entry, in bytes */
	SELF_LIMIT = 64 << 20, /* of a private struct, in bytes */
};

/* What version 1.0 has, whatever this daemon's version adds. */
#define SIZE_UP_TO(type_, member_)                                                                 \
	((uint32_t)(offsetof(type_, member_) + sizeof(((type_ *)0)->member_)))

static const uint32_t plugin_size_1_0 = SIZE_UP_TO(struct sonde_plugin, write);
static const uint32_t option_size_1_0 = SIZE_UP_TO(struct sonde_option, reserved);
static const uint32_t counter_size_1_0 = SIZE_UP_TO(struct sonde_counter, help);
static const uint32_t field_size_1_0 = SIZE_UP_TO(struct sonde_field, help);
static const uint32_t schema_size_1_0 = SIZE_UP_TO(struct sonde_schema, help);

#define COUNT_OF(array_) (sizeof(array_) / sizeof((array_)[0]))

static int check_interface(const struct reader *reader, const struct sonde_plugin *theirs)
{
	if (theirs->magic != SONDE_MAGIC)
		return refuse(
			reader->refusal, -EPROTO,
			"magic is 0x%08x, expected 0x%08x: what sonde_plugin() returns is no "
			"descriptor; begin it with SONDE_PLUGIN_INPUT, SONDE_PLUGIN_PROCESSOR "
			"or SONDE_PLUGIN_OUTPUT",
			theirs->magic, SONDE_MAGIC);
	if (theirs->abi_major != SONDE_ABI_MAJOR)
		return refuse(reader->refusal, -EPROTO,
			      "abi_major is %u, expected %u: it was built for plugin interface "
			      "%u.%u, this sonde has %u.%u; rebuild it with this sonde's header",
			      theirs->abi_major, SONDE_ABI_MAJOR, theirs->abi_major,
			      theirs->abi_minor, SONDE_ABI_MAJOR, SONDE_ABI_MINOR);
	if (theirs->abi_minor > SONDE_ABI_MINOR)
		return refuse(reader->refusal, -EPROTO,
			      "abi_minor is %u, expected at most %u: it was built for plugin "
			      "interface %u.%u, this sonde has %u.%u; upgrade sonde, or rebuild it "
			      "with this sonde's header",
			      theirs->abi_minor, SONDE_ABI_MINOR, theirs->abi_major,
			      theirs->abi_minor, SONDE_ABI_MAJOR, SONDE_ABI_MINOR);
	return 0;
}

static int check_size(const struct reader *reader, const char *member, uint32_t found,
		      uint32_t minimum)
{
	if (found >= minimum && found <= SIZE_LIMIT)
		return 0;
	return refuse(reader->refusal, -EPROTO,
		      "%s is %u, expected at least %u and at most %u: fill it with "
		      "SONDE_PLUGIN_INPUT, SONDE_PLUGIN_PROCESSOR or SONDE_PLUGIN_OUTPUT",
		      member, found, minimum, SIZE_LIMIT);
}

static int check_sizes(const struct reader *reader, const struct sonde_plugin *theirs)
{
	const struct {
		const char *member;
		uint32_t found, minimum;
	} sizes[] = {
		{ "size", theirs->size, plugin_size_1_0 },
		{ "option_size", theirs->option_size, option_size_1_0 },
		{ "counter_size", theirs->counter_size, counter_size_1_0 },
		{ "field_size", theirs->field_size, field_size_1_0 },
		{ "schema_size", theirs->schema_size, schema_size_1_0 },
	};
	int result;

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		result = check_size(reader, sizes[i].member, sizes[i].found, sizes[i].minimum);
		if (result < 0)
			return result;
	}
	return 0;
}

static int check_range(const struct reader *reader, const char *member, uint32_t found,
		       uint32_t minimum, uint32_t maximum, const char *meaning)
{
	if (found >= minimum && found <= maximum)
		return 0;
	return refuse(reader->refusal, -EINVAL, "%s is %u, expected %s", member, found, meaning);
}

static int check_callbacks(const struct reader *reader, const struct sonde_plugin *own)
{
	const char *missing = NULL;

	if (own->kind == SONDE_PROCESSOR && !own->process)
		missing = "process";
	if (own->kind == SONDE_OUTPUT && !own->write)
		missing = "write";
	if (!missing)
		return 0;
	return refuse(reader->refusal, -EINVAL,
		      "%s is NULL, expected a function: every %s needs one", missing,
		      kind_name(own->kind));
}

static int check_members(const struct reader *reader, const struct sonde_plugin *own)
{
	int result;

	result = check_range(reader, "kind", own->kind, SONDE_INPUT, SONDE_OUTPUT,
			     "SONDE_INPUT, SONDE_PROCESSOR or SONDE_OUTPUT (SONDE_PLUGIN_INPUT "
			     "and its kin fill it)");
	if (result < 0)
		return result;
	if (!own->name || !own->name[0])
		return refuse(reader->refusal, -EINVAL,
			      "name is missing, expected what the config calls the plugin: the "
			      "name of its file without .so");
	result = check_range(reader, "replication", own->replication, SONDE_SINGLE,
			     SONDE_ANY_REPLICA, "a member of enum sonde_replication");
	if (result < 0)
		return result;
	result = check_range(reader, "reduces", own->reduces, 0, SONDE_REDUCTION_COUNT - 1,
			     "a member of enum sonde_reduction");
	if (result < 0)
		return result;
	result = check_range(reader, "self_size", own->self_size, 0, SELF_LIMIT,
			     "the size of the private struct, at most 64 MiB");
	if (result < 0)
		return result;
	return check_callbacks(reader, own);
}

/* From now on the copy has this daemon's sizes and says what a NULL or 0 meant. */
static void settle_defaults(struct sonde_plugin *own, const char *version)
{
	own->size = sizeof(*own);
	own->option_size = sizeof(struct sonde_option);
	own->counter_size = sizeof(struct sonde_counter);
	own->field_size = sizeof(struct sonde_field);
	own->schema_size = sizeof(struct sonde_schema);
	own->summary = own->summary ? own->summary : "";
	own->version = own->version ? own->version : version;
	own->in_flight = own->in_flight ? own->in_flight : 1;
	own->batch_limit = own->batch_limit ? own->batch_limit : 1;
}

int descriptor_copy(const struct sonde_plugin *theirs, const char *version, struct arena *arena,
		    const struct refusal *refusal, struct plugin *ret_plugin)
{
	struct sonde_plugin *own = arena_zero(arena, sizeof(*own));
	const struct reader reader = { refusal, arena, own };
	const struct sonde_option *options = NULL;
	const struct sonde_counter *counters = NULL;
	const struct sonde_schema *schemas = NULL;
	uint32_t option_count = 0, counter_count = 0, schema_count = 0;
	int result;

	if (!own)
		return refuse(refusal, -ENOMEM, "no memory for its descriptor");
	result = check_interface(&reader, theirs);
	if (!result)
		result = check_sizes(&reader, theirs);
	if (result < 0)
		return result;
	memcpy(own, theirs, theirs->size < sizeof(*own) ? theirs->size : sizeof(*own));
	result = check_members(&reader, own);
	if (!result)
		result = table_options(&reader, &options, &option_count);
	if (!result)
		result = table_counters(&reader, options, option_count, &counters, &counter_count);
	if (!result)
		result = table_schemas(&reader, &schemas, &schema_count);
	if (result < 0)
		return result;
	own->options = options;
	own->counters = counters;
	own->schemas = schemas;
	settle_defaults(own, version);
	ret_plugin->descriptor = own;
	ret_plugin->option_count = option_count;
	ret_plugin->counter_count = counter_count;
	ret_plugin->schema_count = schema_count;
	return 0;
}
