// SPDX-License-Identifier: Apache-2.0
/* Fuzzes what is read out of trace states and written into them: whatever stood there, a threshold
 * that was written is read again, what else OpenTelemetry's member says stays, and writing it once
 * more changes nothing. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sampling.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Memory of just that size, so that a byte beyond it is seen. */
static char *write_state(uint64_t threshold, struct sonde_text before, struct sonde_text *ret_text)
{
	char *at = malloc((size_t)before.length + STATE_GROWTH);

	assert(at);
	*ret_text = (struct sonde_text){ at, trace_state_write(threshold, before, at), 0 };
	assert(ret_text->length <= before.length + STATE_GROWTH);
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sonde_text before = { "", 0, 0 }, once, again;
	struct trace_state was, is;
	uint64_t threshold;
	char *text, *first, *second;

	if (size < sizeof(threshold))
		return 0;
	memcpy(&threshold, data, sizeof(threshold));
	threshold &= THRESHOLD_ALL - 1;
	before.length = (uint32_t)(size - sizeof(threshold));
	text = malloc(before.length + 1u);
	assert(text);
	memcpy(text, data + sizeof(threshold), before.length);
	text = realloc(text, before.length ? before.length : 1);
	assert(text);
	before.data = text;
	was = trace_state_read(before);
	assert(was.threshold < THRESHOLD_ALL);
	assert(was.randomness < THRESHOLD_ALL || was.randomness == UINT64_MAX);
	first = write_state(threshold, before, &once);
	is = trace_state_read(once);
	assert(is.threshold == threshold);
	assert(is.randomness == was.randomness);
	second = write_state(threshold, once, &again);
	assert(again.length == once.length && !memcmp(again.data, once.data, once.length));
	free(text);
	free(first);
	free(second);
	return 0;
}
