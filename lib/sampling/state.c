// SPDX-License-Identifier: Apache-2.0
/* Trace states, as far as they are about sampling. */
#include <string.h>
#include "sampling.h"

enum { STATE_MEMBER_LIMIT = 32 /* of a trace state, as W3C has it */ };

/* The part up to a separator; `rest` moves behind it. */
static struct sonde_text text_cut(struct sonde_text *rest, char separator)
{
	const char *end = memchr(rest->data, separator, rest->length);
	struct sonde_text part = *rest;

	if (end)
		part.length = (uint32_t)(end - rest->data);
	rest->data += part.length + (end ? 1 : 0);
	rest->length -= part.length + (end ? 1 : 0);
	return part;
}

static bool text_starts(struct sonde_text text, const char *with)
{
	return text.length >= strlen(with) && !memcmp(text.data, with, strlen(with));
}

static struct sonde_text text_behind(struct sonde_text text, const char *start)
{
	text.data += strlen(start);
	text.length -= (uint32_t)strlen(start);
	return text;
}

static struct sonde_text text_trim(struct sonde_text text)
{
	while (text.length && (*text.data == ' ' || *text.data == '\t')) {
		text.data++;
		text.length--;
	}
	while (text.length &&
	       (text.data[text.length - 1] == ' ' || text.data[text.length - 1] == '\t'))
		text.length--;
	return text;
}

/* The value of OpenTelemetry's own member; empty: there is none. */
static struct sonde_text state_own(struct sonde_text state)
{
	while (state.length) {
		struct sonde_text member = text_trim(text_cut(&state, ','));

		if (text_starts(member, "ot="))
			return text_behind(member, "ot=");
	}
	return state;
}

struct trace_state trace_state_read(struct sonde_text state)
{
	struct trace_state found = { .randomness = UINT64_MAX };
	struct sonde_text own = state_own(state);

	while (own.length) {
		struct sonde_text pair = text_trim(text_cut(&own, ';'));

		if (text_starts(pair, "th:"))
			(void)threshold_read(text_behind(pair, "th:"), &found.threshold);
		else if (text_starts(pair, "rv:"))
			(void)randomness_read(text_behind(pair, "rv:"), &found.randomness);
	}
	return found;
}

static char *copy(char *at, struct sonde_text text)
{
	memcpy(at, text.data, text.length);
	return at + text.length;
}

/* "ot=th:8" and what else stood in that member. */
static char *put_own(char *at, uint64_t threshold, struct sonde_text own)
{
	memcpy(at, "ot=th:", 6);
	at += 6;
	at += threshold_write(threshold, at);
	while (own.length) {
		struct sonde_text pair = text_trim(text_cut(&own, ';'));

		if (!pair.length || text_starts(pair, "th:"))
			continue;
		*at++ = ';';
		at = copy(at, pair);
	}
	return at;
}

uint32_t trace_state_write(uint64_t threshold, struct sonde_text before, char *at)
{
	const char *start = at;
	uint32_t count = 1;

	at = put_own(at, threshold, state_own(before));
	while (before.length && count < STATE_MEMBER_LIMIT) {
		struct sonde_text member = text_trim(text_cut(&before, ','));

		if (!member.length || text_starts(member, "ot="))
			continue;
		*at++ = ',';
		at = copy(at, member);
		count++;
	}
	return (uint32_t)(at - start);
}
