// SPDX-License-Identifier: Apache-2.0
/* What a processor asks of inputs, and what an input is asked. */
#include <stdlib.h>

#include "ask.h"
#include "test_host.h"

const char *sonde_test_asks(struct sonde_test *test)
{
	struct asks *asks = test_memory(asks_create());
	struct sonde_asks *view = asks_view(asks);
	int result;

	test_enter(test);
	result = instance_ask(test->instance, asks);
	test->asks.length = 0;
	test_text_add(&test->asks, "%s", "");
	for (uint32_t i = 0; i < view->count; i++) {
		char *text = test_memory(ask_text(sonde_ask(view, i)));

		test_text_add(&test->asks, "%s\n", text);
		free(text);
	}
	if (result < 0)
		test_text_add(&test->asks, "error %d\n", result);
	else if (result == SONDE_PARTLY)
		test_text_add(&test->asks, "...\n");
	asks_release(asks);
	return test->asks.data;
}

uint64_t sonde_test_take(struct sonde_test *test, const struct sonde_ask *items, uint32_t count)
{
	struct asks *asks = test_memory(asks_create());

	test_enter(test);
	if (!test->instance->plugin->descriptor->take)
		test_die("%s has no take()", test->config.name);
	for (uint32_t i = 0; i < count; i++)
		if (asks_add(asks_view(asks), &items[i]))
			test_die("ask %u makes no sense", i);
	instance_take(test->instance, asks);
	return test->instance->asks_taken;
}
