// SPDX-License-Identifier: Apache-2.0
/* How OTLP says that a row stands for several: rejection thresholds, as OpenTelemetry's consistent
 * probability sampling has them. */
#include <math.h>
#include <string.h>
#include "encode_weight.h"

/* A threshold rejects so many of this many equally likely values. */
#define THRESHOLD_ALL (UINT64_C(1) << 56)

enum { STATE_MEMBER_LIMIT = 32 /* of a trace state, as W3C has it */ };

/* 0 to THRESHOLD_ALL - 1; THRESHOLD_ALL: these are no digits of a threshold. */
static uint64_t threshold_read(struct sonde_text digits)
{
	uint64_t value = 0;

	if (!digits.length || digits.length > THRESHOLD_SIZE)
		return THRESHOLD_ALL;
	for (uint32_t place = 0; place < THRESHOLD_SIZE; place++) {
		char digit = place < digits.length ? digits.data[place] : '0';

		if (digit >= '0' && digit <= '9')
			value = value << 4 | (uint64_t)(digit - '0');
		else if (digit >= 'a' && digit <= 'f')
			value = value << 4 | (uint64_t)(digit - 'a' + 10);
		else
			return THRESHOLD_ALL;
	}
	return value;
}

uint32_t threshold_write(double weight, struct sonde_text before, char *at)
{
	uint64_t rejected = threshold_read(before), kept = THRESHOLD_ALL;
	uint32_t length = THRESHOLD_SIZE;

	if (!(weight > 1))
		return 0;
	if (rejected < THRESHOLD_ALL)
		kept -= rejected;
	kept = (uint64_t)llround((double)kept / weight);
	rejected = THRESHOLD_ALL - (kept ? kept : 1);
	for (uint32_t place = 0; place < THRESHOLD_SIZE; place++)
		at[place] = "0123456789abcdef"[rejected >> (4 * (THRESHOLD_SIZE - 1 - place)) & 15];
	while (length > 1 && at[length - 1] == '0')
		length--;
	return length;
}

/* ---- trace states ------------------------------------------------------------------------ */

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

		if (text_starts(member, "ot=")) {
			member.data += 3;
			member.length -= 3;
			return member;
		}
	}
	return state;
}

static char *copy(char *at, struct sonde_text text)
{
	memcpy(at, text.data, text.length);
	return at + text.length;
}

/* "ot=th:8" and what else stood in that member. */
static char *put_own(char *at, double weight, struct sonde_text own)
{
	struct sonde_text rest = own, threshold = { "", 0, 0 };

	while (rest.length) {
		struct sonde_text pair = text_cut(&rest, ';');

		if (text_starts(pair, "th:"))
			threshold = (struct sonde_text){ pair.data + 3, pair.length - 3, 0 };
	}
	memcpy(at, "ot=th:", 6);
	at += 6;
	at += threshold_write(weight, threshold, at);
	while (own.length) {
		struct sonde_text pair = text_cut(&own, ';');

		if (!pair.length || text_starts(pair, "th:"))
			continue;
		*at++ = ';';
		at = copy(at, pair);
	}
	return at;
}

uint32_t trace_state_write(double weight, struct sonde_text before, char *at)
{
	const char *start = at;
	uint32_t count = 1;

	if (!(weight > 1))
		return (uint32_t)(copy(at, before) - start);
	at = put_own(at, weight, state_own(before));
	while (before.length && count < STATE_MEMBER_LIMIT) { /* what changes comes first */
		struct sonde_text member = text_trim(text_cut(&before, ','));

		if (!member.length || text_starts(member, "ot="))
			continue;
		*at++ = ',';
		at = copy(at, member);
		count++;
	}
	return (uint32_t)(at - start);
}
