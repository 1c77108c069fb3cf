/* SPDX-License-Identifier: Apache-2.0 */
/* An instance under test: made from its descriptor and texts, as the daemon makes it from a config.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "descriptor.h"
#include "processor.h"
#include "test_host.h"

enum { OPTIONS_LIMIT = 256, ERROR_BYTES = 1024 };

static const int64_t first_now_ns = 1000000000ll * 1000000000; /* in September 2001 */

static const char *const sections[] = {
	[SONDE_INPUT] = "inputs",
	[SONDE_PROCESSOR] = "processors",
	[SONDE_OUTPUT] = "outputs",
};

/* ---- options ----------------------------------------------------------------------------- */

static int refuse_unknown(struct sonde_test *test, const char *name)
{
	const char *names[OPTIONS_LIMIT];
	char hint[128] = "";
	uint32_t count = 0;

	for (const struct sonde_option *o = test->descriptor.options; o && o->name; o++) {
		if (count < OPTIONS_LIMIT)
			names[count++] = o->name;
	}
	nearest_hint(name, names, count, hint, sizeof(hint));
	test_error_set("%s.%s.%s: unknown key%s", sections[test->descriptor.kind],
		       test->config.name, name, hint);
	return -EINVAL;
}

/* "name=value" into the struct; ret_option is which it was. */
static int option_read(struct sonde_test *test, const char *text,
		       const struct sonde_option **ret_option)
{
	const char *equals = strchr(text, '=');
	char name[64], path[128], error[ERROR_BYTES];
	const struct sonde_option *option;

	if (!equals || equals - text >= (ptrdiff_t)sizeof(name))
		test_die("\"%s\" is not an option: write \"name=value\"", text);
	snprintf(name, sizeof(name), "%.*s", (int)(equals - text), text);
	option = option_find(test->descriptor.options, name);
	if (!option)
		return refuse_unknown(test, name);
	*ret_option = option;
	if (option->type == SONDE_GROUPS) {
		snprintf(path, sizeof(path), "%s.%s", sections[test->descriptor.kind],
			 test->config.name);
		return test_groups_read(test, path, name, equals + 1);
	}
	if (!option_parse(option, equals + 1, test->config.self, test->arena, error, sizeof(error)))
		return 0;
	test_error_set("%s.%s.%s: %s", sections[test->descriptor.kind], test->config.name, name,
		       error);
	return -EINVAL;
}

static int require(struct sonde_test *test, const bool *given)
{
	const struct sonde_option *options = test->descriptor.options;

	for (uint32_t i = 0; i < test->plugin.option_count; i++) {
		if (!options[i].required || given[i])
			continue;
		test_error_set("%s.%s: %s is missing: %s", sections[test->descriptor.kind],
			       test->config.name, options[i].name,
			       options[i].help ? options[i].help : "it is required");
		return -EINVAL;
	}
	return 0;
}

static int options_fill(struct sonde_test *test, const char *const *texts)
{
	const struct sonde_option *options = test->descriptor.options, *option;
	bool *given = test_memory(arena_zero(test->arena, test->plugin.option_count + 1));
	char error[ERROR_BYTES];

	if (options &&
	    option_defaults(options, test->config.self, test->arena, error, sizeof(error))) {
		test_error_set("%s.%s: the plugin's own table: %s", sections[test->descriptor.kind],
			       test->config.name, error);
		return -EINVAL;
	}
	for (; texts && *texts; texts++) {
		int result = option_read(test, *texts, &option);

		if (result)
			return result;
		given[option - options] = true;
	}
	return require(test, given);
}

/* ---- the instance ------------------------------------------------------------------------ */

static int start_and_note(struct sonde_instance *instance)
{
	struct sonde_test *test = test_of(instance);

	test->result = test->start ? test->start(instance) : 0;
	return test->result;
}

static int process_and_note(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct sonde_test *test = test_of(instance);

	test->result = test->process(instance, batch);
	return test->result;
}

static void input_emitted(struct instance *instance, struct sonde_batch *batch)
{
	batch_finish(batch);
	tally_add(&instance->account->in, batch->selected_count, batch->event_count);
	tally_add(&instance->account->out, batch->selected_count, batch->event_count);
	test_keep(instance->owner, batch);
}

/* The emit function of an output: it has no rows of its own. */
static void output_emitted(struct instance *instance, struct sonde_batch *batch)
{
	test_die("%s: an output emits a batch", instance->base.name);
}

static struct instance *instance_make(struct sonde_test *test, uint32_t replica,
				      uint32_t replica_count, struct loop *loop)
{
	struct instance *instance =
		test_memory(instance_create(&test->config, replica, replica_count, loop));
	uint32_t kind = test->descriptor.kind;

	instance->base.host = test_services();
	instance->owner = test;
	instance->account = kind == SONDE_OUTPUT ? NULL : &test->account;
	instance->emit = kind == SONDE_INPUT       ? input_emitted
			 : kind == SONDE_PROCESSOR ? processor_emit
						   : output_emitted;
	return instance;
}

/* As in `sonde check`: an instance of its own, which has no thread. */
static int instance_try(struct sonde_test *test, uint32_t replica, uint32_t replica_count)
{
	struct instance *instance = instance_make(test, replica, replica_count, NULL);

	test->checking = true;
	instance_check(instance, (struct problems *)test);
	test->checking = false;
	instance_release(instance);
	return *sonde_test_error() ? -EINVAL : 0;
}

static struct sonde_test *test_make(const struct plugin *plugin, struct arena *arena,
				    uint32_t replica, uint32_t replica_count,
				    const char *const *options)
{
	struct sonde_test *test = test_memory(calloc(1, sizeof(*test)));

	test_error_set("%s", "");
	test->thread = pthread_self();
	test->arena = arena;
	test->descriptor = *plugin->descriptor;
	test->start = test->descriptor.start;
	test->descriptor.start = start_and_note;
	test->process = test->descriptor.process;
	test->descriptor.process = test->process ? process_and_note : NULL;
	test->plugin = *plugin;
	test->plugin.descriptor = &test->descriptor;
	test->config = (struct instance_config){ .name = test->descriptor.name,
						 .kind = test->descriptor.kind,
						 .plugin = &test->plugin };
	test->config.self = test_memory(arena_zero(arena, test->descriptor.self_size + 1));
	test->scratch = test_memory(arena_zero(arena, plugin->schema_count + 1));
	if (test_loop_init(&test->loop, first_now_ns))
		test_die("there is no file descriptor left");
	test_enter(test);
	if (options_fill(test, options) || instance_try(test, replica, replica_count)) {
		sonde_test_release(test);
		return NULL;
	}
	test->instance = instance_make(test, replica, replica_count, &test->loop);
	return test;
}

struct sonde_test *sonde_test_create_replica(sonde_plugin_function *function, uint32_t replica,
					     uint32_t replica_count, const char *const *options)
{
	struct arena *arena = test_memory(arena_create());
	char error[ERROR_BYTES];
	const struct refusal refusal = { "the plugin", error, sizeof(error) };
	const struct sonde_plugin *descriptor = function(test_services());
	struct plugin plugin = { .path = "" };

	(void)signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	if (descriptor && !descriptor_copy(descriptor, "test", arena, &refusal, &plugin))
		return test_make(&plugin, arena, replica, replica_count, options);
	test_error_set("%s", descriptor ? error : "the plugin: sonde_plugin() returned NULL");
	arena_release(arena);
	return NULL;
}

static void options_gather(const char *options[OPTIONS_LIMIT + 1], va_list arguments)
{
	uint32_t count = 0;

	while ((options[count] = va_arg(arguments, const char *))) {
		if (++count > OPTIONS_LIMIT)
			test_die("more than %d options", OPTIONS_LIMIT);
	}
}

struct sonde_test *sonde_test_create(sonde_plugin_function *plugin, ...)
{
	const char *options[OPTIONS_LIMIT + 1];
	va_list arguments;

	va_start(arguments, plugin);
	options_gather(options, arguments);
	va_end(arguments);
	return sonde_test_create_replica(plugin, 0, 1, options);
}

/* The catalog lasts as long as the program, since plugins are never unloaded. */
static const struct plugin *plugin_find(const char *path)
{
	static const char *const directories[] = { NULL };
	static struct catalog *catalog;
	const struct plugin *plugin = NULL;
	char error[ERROR_BYTES] = "";

	if (!catalog)
		catalog = test_memory(catalog_create(directories, test_services()));
	if (catalog_find(catalog, path, 0, &plugin, error, sizeof(error)))
		plugin = NULL;
	test_error_set("%s", error);
	return plugin;
}

struct sonde_test *sonde_test_load(const char *path, ...)
{
	const char *options[OPTIONS_LIMIT + 1];
	const struct plugin *plugin = plugin_find(path);
	va_list arguments;

	(void)signal(SIGPIPE, SIG_IGN);
	va_start(arguments, path);
	options_gather(options, arguments);
	va_end(arguments);
	return plugin ? test_make(plugin, test_memory(arena_create()), 0, 1, options) : NULL;
}

void sonde_test_release(struct sonde_test *test)
{
	if (!test)
		return;
	test_enter(test);
	if (test->instance) {
		sonde_test_stop(test);
		for (uint32_t i = 0; i < test->batch_count; i++)
			batch_release(test->batches[i]);
		test_free_deliveries(test);
		loop_cancel(&test->loop, &test->instance->settled);
		instance_release(test->instance);
	}
	test_enter(NULL);
	free(test->batches);
	free(test->log.data);
	free(test->sets.data);
	free(test->asks.data);
	free(test->printed.data);
	test_loop_clear(&test->loop);
	arena_release(test->arena);
	free(test);
}
