// SPDX-License-Identifier: Apache-2.0
/* The plugin header's words on types and roles, as tables. */
#include "rule.h"

#define COUNT_OF(array_) (sizeof(array_) / sizeof((array_)[0]))

#define OPTION_OF(constant_, type_)                                                                \
	[constant_] = { #constant_, #type_, sizeof(type_), _Alignof(type_) }
#define COLUMN_OF(constant_) [constant_] = { #constant_, "", 0, 1 }

static const struct type_rule type_rules[] = {
	OPTION_OF(SONDE_BOOL, bool),
	COLUMN_OF(SONDE_I8),
	COLUMN_OF(SONDE_I16),
	OPTION_OF(SONDE_I32, int32_t),
	OPTION_OF(SONDE_I64, int64_t),
	COLUMN_OF(SONDE_U8),
	COLUMN_OF(SONDE_U16),
	OPTION_OF(SONDE_U32, uint32_t),
	OPTION_OF(SONDE_U64, uint64_t),
	OPTION_OF(SONDE_DOUBLE, double),
	[SONDE_TEXT] = { "SONDE_TEXT", "const char *", sizeof(char *), _Alignof(char *) },
	COLUMN_OF(SONDE_BYTES),
	COLUMN_OF(SONDE_ID8),
	COLUMN_OF(SONDE_ID16),
	COLUMN_OF(SONDE_TIME),
	OPTION_OF(SONDE_DURATION, int64_t),
	COLUMN_OF(SONDE_EXPONENTIAL),
	COLUMN_OF(SONDE_EXPLICIT),
	COLUMN_OF(SONDE_QUANTILES),
	COLUMN_OF(SONDE_ANY),
	OPTION_OF(SONDE_SIZE, uint64_t),
	OPTION_OF(SONDE_RATIO, double),
	OPTION_OF(SONDE_CHOICE, uint32_t),
	[SONDE_SECRET] = { "SONDE_SECRET", "const char *", sizeof(char *), _Alignof(char *) },
	OPTION_OF(SONDE_TEXTS, struct sonde_texts),
	OPTION_OF(SONDE_GROUPS, struct sonde_groups),
};

#define TYPE(type_) (1u << SONDE_##type_)
#define SIGNED      (TYPE(I8) | TYPE(I16) | TYPE(I32) | TYPE(I64))
#define UNSIGNED    (TYPE(U8) | TYPE(U16) | TYPE(U32) | TYPE(U64))
#define NUMBERS     (SIGNED | UNSIGNED | TYPE(DOUBLE) | TYPE(DURATION))
#define HISTOGRAMS  (TYPE(EXPONENTIAL) | TYPE(EXPLICIT) | TYPE(QUANTILES))
#define EVERY_TYPE  (UINT32_MAX & ~TYPE(NONE))

#define ROLE(role_, types_) [SONDE_ROLE_##role_] = { "SONDE_ROLE_" #role_, types_ }

static const struct role_rule role_rules[] = {
	ROLE(ATTRIBUTE, EVERY_TYPE),
	ROLE(TIME, TYPE(TIME)),
	ROLE(START_TIME, TYPE(TIME)),
	ROLE(END_TIME, TYPE(TIME)),
	ROLE(OBSERVED_TIME, TYPE(TIME)),
	ROLE(DURATION, NUMBERS),
	ROLE(WEIGHT, NUMBERS),
	ROLE(EVENTS, SIGNED | UNSIGNED),
	ROLE(CLOCK_OFFSET, TYPE(DURATION)),
	ROLE(ATTRIBUTES, TYPE(ANY)),
	ROLE(DROPPED, SIGNED | UNSIGNED),
	ROLE(FLAGS, SIGNED | UNSIGNED),
	ROLE(PARENT_ROW, TYPE(U32)),
	ROLE(SCOPE_NAME, TYPE(TEXT)),
	ROLE(SCOPE_VERSION, TYPE(TEXT)),
	ROLE(SCHEMA_URL, TYPE(TEXT)),
	ROLE(ENTITIES, TYPE(ANY)),
	ROLE(SUM, NUMBERS),
	ROLE(GAUGE, NUMBERS),
	ROLE(HISTOGRAM, HISTOGRAMS),
	ROLE(METRIC, TYPE(BYTES) | TYPE(TEXT)),
	ROLE(VALUE, NUMBERS | HISTOGRAMS),
	ROLE(SEVERITY, SIGNED | UNSIGNED),
	ROLE(SEVERITY_TEXT, TYPE(TEXT)),
	ROLE(BODY, TYPE(TEXT) | TYPE(ANY)),
	ROLE(EVENT_NAME, TYPE(TEXT)),
	ROLE(TRACE_ID, TYPE(ID16)),
	ROLE(SPAN_ID, TYPE(ID8)),
	ROLE(PARENT_SPAN_ID, TYPE(ID8)),
	ROLE(TRACE_STATE, TYPE(TEXT)),
	ROLE(SPAN_NAME, TYPE(TEXT)),
	ROLE(SPAN_KIND, SIGNED | UNSIGNED),
	ROLE(STATUS_CODE, SIGNED | UNSIGNED),
	ROLE(STATUS_MESSAGE, TYPE(TEXT)),
	ROLE(DROPPED_EVENTS, SIGNED | UNSIGNED),
	ROLE(DROPPED_LINKS, SIGNED | UNSIGNED),
};

const struct type_rule *type_rule(uint32_t type)
{
	return type < COUNT_OF(type_rules) && type_rules[type].name ? &type_rules[type] : NULL;
}

const struct role_rule *role_rule(uint32_t role)
{
	return role < COUNT_OF(role_rules) && role_rules[role].name ? &role_rules[role] : NULL;
}

const char *role_rule_types(const struct role_rule *rule, char *buffer, size_t size)
{
	size_t length = 0;

	buffer[0] = 0;
	for (uint32_t type = SONDE_BOOL; type <= SONDE_ANY && length < size; type++)
		if (rule->types >> type & 1)
			length += (size_t)snprintf(buffer + length, size - length, "%s%s",
						   length ? ", " : "", type_rules[type].name);
	return buffer;
}

const char *kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[SONDE_INPUT] = "input",
		[SONDE_PROCESSOR] = "processor",
		[SONDE_OUTPUT] = "output",
	};

	return kind < COUNT_OF(names) ? names[kind] : NULL;
}
