/* SPDX-License-Identifier: Apache-2.0 */
/* A config checked whole: by its own rules, and by the plugins that it names. */
#include <errno.h>
#include <string.h>

#include "bounds.h"
#include "check.h"
#include "instance.h"
#include "reach.h"

/* Looks at the bounds of all, runs check() of every instance that a pipeline names (without `ends`
 * of processors alone), and notes what it needs. */
static void config_check(struct config *config, bool ends, struct problems *problems)
{
	bounds_check(config, problems);
	reach_check(config, problems);
	for (uint32_t i = 0; i < config->instance_count; i++) {
		struct instance *instance;

		if (!config->instances[i].routed ||
		    (!ends && config->instances[i].kind != SONDE_PROCESSOR))
			continue;
		instance = instance_create(&config->instances[i], 0, 1, NULL);
		if (instance)
			config->instances[i].needs = instance_check(instance, config, problems);
		else
			problems_add(problems, PROBLEM_ERROR, config->instances[i].place,
				     "%s: no memory", config->instances[i].name);
		instance_release(instance);
	}
}

static struct config *open_checked(const char *path, struct catalog *catalog, FILE *messages,
				   bool colour, bool quiet, bool ends)
{
	struct problems *problems = problems_create();
	struct config *config = NULL;
	int result;

	if (!problems) {
		fprintf(messages, "sonde: cannot read %s: %s\n", path, strerror(ENOMEM));
		return NULL;
	}
	result = config_load(path, catalog, problems, &config);
	if (!result)
		config_check(config, ends, problems);
	if (!quiet || problems_count(problems, PROBLEM_ERROR) ||
	    problems_count(problems, PROBLEM_WARNING))
		problems_print(problems, messages, colour);
	if (result && result != -EINVAL)
		fprintf(messages, "sonde: cannot read %s: %s\n", path, strerror(-result));
	if (result || problems_count(problems, PROBLEM_ERROR)) {
		config_release(config);
		config = NULL;
	}
	problems_release(problems);
	return config;
}

struct config *config_open(const char *path, struct catalog *catalog, FILE *messages, bool colour,
			   bool quiet)
{
	return open_checked(path, catalog, messages, colour, quiet, true);
}

struct config *config_open_middle(const char *path, struct catalog *catalog, FILE *messages,
				  bool colour)
{
	return open_checked(path, catalog, messages, colour, true, false);
}
