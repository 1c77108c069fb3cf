// SPDX-License-Identifier: Apache-2.0
/* A plugin that is built several times: as it should be, and with one thing wrong each. */
#include <sonde/plugin.h>

#if defined(FIXTURE_DATA)
extern const int sonde_plugin;
__attribute__((visibility("default"))) const int sonde_plugin = 1;
#elif defined(FIXTURE_NONE)
extern const int something_else;
__attribute__((visibility("default"))) const int something_else = 1;
#elif defined(FIXTURE_NULL)
__attribute__((visibility("default")))
const struct sonde_plugin *sonde_plugin(const struct sonde_host *host);

const struct sonde_plugin *sonde_plugin(const struct sonde_host *host)
{
	(void)host;
	return NULL;
}
#else

#ifdef FIXTURE_UNRESOLVED
int nobody_defines_this(void);
#endif
#ifdef FIXTURE_NEEDY
int needed_value(void);
#endif

static int fixture_start(struct sonde_instance *instance)
{
	(void)instance;
#ifdef FIXTURE_UNRESOLVED
	return nobody_defines_this();
#elif defined(FIXTURE_NEEDY)
	return needed_value();
#else
	return 0;
#endif
}

#ifdef FIXTURE_OUTPUT
static int fixture_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	(void)instance;
	(void)delivery;
	return SONDE_OK;
}
#endif

static const struct sonde_plugin fixture_plugin = {
#ifdef FIXTURE_OUTPUT
	SONDE_PLUGIN_OUTPUT,
	.write = fixture_write,
#else
	SONDE_PLUGIN_INPUT,
#endif
#ifdef FIXTURE_MAGIC
	.magic = 0x12345678,
#endif
	.name = FIXTURE_NAME,
	.summary = "a plugin for tests",
	.start = fixture_start,
};

SONDE_EXPORT(fixture_plugin)
#endif
