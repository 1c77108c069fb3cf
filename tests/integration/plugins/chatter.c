/* SPDX-License-Identifier: Apache-2.0 */
/* Input `chatter`: logs in a loop, as a plugin never should; a row every 20 ms. */
#include <errno.h>

#include <sonde/plugin.h>

struct chatter {
	uint32_t lines; /* option: so many each 20 ms */
	bool alike;     /* option: else each has a word that no other has */
	const char *token;
	bool fail; /* option: says the token as the reason of a failure */
	uint64_t count;
};

struct chatter_row {
	int64_t time_ns;
	uint64_t count;
};

static const struct sonde_option chatter_options[] = {
	{ .name = "lines",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct chatter, lines),
	  .value = "10",
	  .knob = true },
	{ .name = "alike",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct chatter, alike),
	  .value = "true",
	  .knob = true },
	{ .name = "token", .type = SONDE_SECRET, SONDE_MEMBER(struct chatter, token) },
	{ .name = "fail",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct chatter, fail),
	  .value = "false",
	  .knob = true },
	{ 0 },
};

static const struct sonde_field chatter_fields[] = {
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct chatter_row, time_ns),
	  .role = SONDE_ROLE_TIME },
	{ .name = "count", .type = SONDE_U64, SONDE_MEMBER(struct chatter_row, count) },
	{ 0 }
};

static const struct sonde_schema chatter_schemas[] = {
	{ .name = "chatter", .row_size = sizeof(struct chatter_row), .fields = chatter_fields },
	{ 0 }
};

static int chatter_start(struct sonde_instance *instance)
{
	const struct chatter *chatter = instance->self;

	if (chatter->token)
		sonde_log(instance, SONDE_INFO, "knocks with \"%s\"", chatter->token);
	return sonde_every(instance, 0, 20000000);
}

/* A word without digits, of its own for each number. */
static void word_of(uint64_t number, char word[16])
{
	size_t length = 0;

	do {
		word[length++] = (char)('a' + number % 26);
		number /= 26;
	} while (number);
	word[length] = '\0';
}

static int chatter_timer(struct sonde_instance *instance, int timer)
{
	struct chatter *chatter = instance->self;
	struct chatter_row *row;
	char word[16];

	for (uint32_t i = 0; i < chatter->lines; i++) {
		word_of(chatter->alike ? 0 : chatter->count * chatter->lines + i, word);
		sonde_log(instance, SONDE_WARNING, "chatters \"%s\" %llu", word,
			  (unsigned long long)chatter->count);
	}
	if (chatter->fail)
		return sonde_fail(instance, EACCES, "the door does not take %s", chatter->token);
	row = sonde_row(instance, 0);
	row->time_ns = sonde_now_ns(instance);
	row->count = chatter->count++;
	return sonde_emit(instance);
}

static const struct sonde_plugin chatter_plugin = {
	SONDE_PLUGIN_INPUT,          .name = "chatter",
	.summary = "logs in a loop", .self_size = sizeof(struct chatter),
	.options = chatter_options,  .schemas = chatter_schemas,
	.start = chatter_start,      .timer = chatter_timer,
};

SONDE_EXPORT(chatter_plugin)
