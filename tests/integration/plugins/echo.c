/* SPDX-License-Identifier: Apache-2.0 */
/* Output `echo`: logs a line for every row that it is given, none like another. */
#include <sonde/plugin.h>

struct echo {
	uint64_t count;
};

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

static int echo_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct echo *echo = instance->self;
	char word[16];

	for (uint32_t i = 0; i < delivery->batch_count; i++) {
		for (uint32_t row = 0; row < delivery->batches[i]->selected_count; row++) {
			word_of(echo->count++, word);
			sonde_log(instance, SONDE_WARNING, "was given %s", word);
		}
	}
	return 0;
}

static const struct sonde_plugin echo_plugin = {
	SONDE_PLUGIN_OUTPUT,
	.name = "echo",
	.summary = "logs a line for every row",
	.self_size = sizeof(struct echo),
	.write = echo_write,
};

SONDE_EXPORT(echo_plugin)
