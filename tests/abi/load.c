// SPDX-License-Identifier: Apache-2.0
/* Loads the plugin at a path and prints what the catalog made of it, or why it refused. Built against
 * this version's header and, with WITH_NEXT, against a later one. */
#include <stdio.h>

#include "plugin.h"

static int64_t host_now_ns(struct sonde_instance *instance)
{
	(void)instance;
	return 42;
}

static const struct sonde_host host = {
	.size = sizeof(struct sonde_host),
	.abi_major = SONDE_ABI_MAJOR,
	.abi_minor = SONDE_ABI_MINOR,
	.version = "9.9",
	.now_ns = host_now_ns,
};

static void print_options(const struct sonde_option *options, const char *prefix)
{
	for (; options && options->name; options++) {
		printf("option %s%s = %s\n", prefix, options->name,
		       options->value ? options->value : "none");
#ifdef WITH_NEXT
		printf("next of option %s: %s\n", options->name,
		       options->next ? options->next : "none");
#endif
		print_options(options->options, "in group ");
	}
}

static void print_schemas(const struct sonde_schema *schemas)
{
	for (; schemas && schemas->name; schemas++) {
		printf("schema %s\n", schemas->name);
#ifdef WITH_NEXT
		printf("next of schema %s: %s\n", schemas->name,
		       schemas->next ? schemas->next : "none");
#endif
		for (const struct sonde_field *field = schemas->fields; field->name; field++) {
			printf("field %s of %s, help %s\n", field->name, field->unit, field->help);
#ifdef WITH_NEXT
			printf("next of field %s: %u\n", field->name, field->next);
#endif
		}
	}
}

int main(int count, char **arguments)
{
	const char *none[] = { NULL };
	struct catalog *catalog = catalog_create(none, &host);
	const struct plugin *plugin;
	const struct sonde_counter *counter;
	char self[4096] = "", line[1024];
	struct sonde_instance instance = { .size = sizeof(instance), .self = self, .host = &host };

	if (count != 2 || !catalog)
		return 2;
	if (catalog_find(catalog, arguments[1], 0, &plugin, line, sizeof(line)) < 0) {
		printf("%s\n", line);
		return 1;
	}
	printf("plugin %s %s\n", plugin->descriptor->name, plugin->descriptor->version);
	print_options(plugin->descriptor->options, "");
	for (counter = plugin->descriptor->counters; counter && counter->name; counter++) {
		printf("counter %s of %s\n", counter->name, counter->unit);
#ifdef WITH_NEXT
		printf("next of counter %s: %llu\n", counter->name,
		       (unsigned long long)counter->next);
#endif
	}
	print_schemas(plugin->descriptor->schemas);
#ifdef WITH_NEXT
	printf("next of plugin: %s\n", plugin->descriptor->next ? "there" : "none");
#endif
	if (plugin->descriptor->start)
		printf("start returned %d\n", plugin->descriptor->start(&instance));
	catalog_release(catalog);
	return 0;
}
