// SPDX-License-Identifier: Apache-2.0
/* Which field of which message a column of a role is, and how it is written. */
#include "encode_fields.h"

#include "encode_value.h"
#include "fields.h"

enum { RULE_LIMIT = 16, NO_STEP = 0 };

/* clang-format off */

#define RULE(role_, number_, kind_) { SONDE_ROLE_##role_, number_, kind_ }
/* Of all data points; flags are a plain number here. */
#define POINT_RULES(name_) { \
	RULE(ATTRIBUTES, name_##_ATTRIBUTES, STEP_PAIRS), \
	RULE(START_TIME, name_##_START_TIME, STEP_FIXED64), \
	RULE(TIME, name_##_TIME, STEP_FIXED64), \
	RULE(FLAGS, name_##_FLAGS, STEP_VARINT), \
	RULE(WEIGHT, 0, NO_STEP), RULE(VALUE, 0, NO_STEP), RULE(METRIC, 0, NO_STEP), \
	RULE(SUM, 0, NO_STEP), RULE(GAUGE, 0, NO_STEP), RULE(HISTOGRAM, 0, NO_STEP), }

/* What has a role that is not here is an attribute under its name. */
static const struct field_rule rules[MESSAGE_KIND_COUNT][RULE_LIMIT] = {
	[MESSAGE_RESOURCE] = {
		RULE(ATTRIBUTES, RESOURCE_ATTRIBUTES, STEP_PAIRS),
		RULE(DROPPED, RESOURCE_DROPPED, STEP_VARINT),
		RULE(ENTITIES, RESOURCE_ENTITIES, STEP_ENTITIES),
		RULE(SCHEMA_URL, 0, NO_STEP),
	},
	[MESSAGE_SCOPE] = {
		RULE(ATTRIBUTES, SCOPE_ATTRIBUTES, STEP_PAIRS),
		RULE(DROPPED, SCOPE_DROPPED, STEP_VARINT),
		RULE(SCOPE_NAME, SCOPE_NAME, STEP_TEXT),
		RULE(SCOPE_VERSION, SCOPE_VERSION, STEP_TEXT),
		RULE(SCHEMA_URL, 0, NO_STEP),
	},
	[MESSAGE_LOG] = {
		RULE(ATTRIBUTES, LOG_ATTRIBUTES, STEP_PAIRS),
		RULE(TIME, LOG_TIME, STEP_FIXED64),
		RULE(SEVERITY, LOG_SEVERITY, STEP_VARINT),
		RULE(SEVERITY_TEXT, LOG_SEVERITY_TEXT, STEP_TEXT),
		RULE(BODY, LOG_BODY, STEP_BODY),
		RULE(DROPPED, LOG_DROPPED, STEP_VARINT),
		RULE(FLAGS, LOG_FLAGS, STEP_FIXED32),
		RULE(TRACE_ID, LOG_TRACE_ID, STEP_ID16),
		RULE(SPAN_ID, LOG_SPAN_ID, STEP_ID8),
		RULE(OBSERVED_TIME, LOG_OBSERVED_TIME, STEP_FIXED64),
		RULE(EVENT_NAME, LOG_EVENT_NAME, STEP_TEXT),
		RULE(WEIGHT, 0, NO_STEP),
	},
	[MESSAGE_SPAN] = {
		RULE(ATTRIBUTES, SPAN_ATTRIBUTES, STEP_PAIRS),
		RULE(TRACE_ID, 0, NO_STEP), RULE(SPAN_ID, 0, NO_STEP),
		RULE(TRACE_STATE, SPAN_TRACE_STATE, STEP_TEXT),
		RULE(PARENT_SPAN_ID, SPAN_PARENT_SPAN_ID, STEP_ID8),
		RULE(SPAN_NAME, SPAN_NAME, STEP_TEXT),
		RULE(SPAN_KIND, SPAN_KIND, STEP_VARINT),
		RULE(START_TIME, SPAN_START_TIME, STEP_FIXED64),
		RULE(END_TIME, SPAN_END_TIME, STEP_FIXED64),
		RULE(DROPPED, SPAN_DROPPED, STEP_VARINT),
		RULE(DROPPED_EVENTS, SPAN_DROPPED_EVENTS, STEP_VARINT),
		RULE(DROPPED_LINKS, SPAN_DROPPED_LINKS, STEP_VARINT),
		RULE(STATUS_CODE, 0, NO_STEP), RULE(STATUS_MESSAGE, 0, NO_STEP),
		RULE(FLAGS, SPAN_FLAGS, STEP_FIXED32),
		RULE(WEIGHT, 0, NO_STEP),
	},
	[MESSAGE_EVENT] = {
		RULE(ATTRIBUTES, EVENT_ATTRIBUTES, STEP_PAIRS),
		RULE(TIME, EVENT_TIME, STEP_FIXED64),
		RULE(EVENT_NAME, EVENT_NAME, STEP_TEXT),
		RULE(DROPPED, EVENT_DROPPED, STEP_VARINT),
		RULE(WEIGHT, 0, NO_STEP),
	},
	[MESSAGE_LINK] = {
		RULE(ATTRIBUTES, LINK_ATTRIBUTES, STEP_PAIRS),
		RULE(TRACE_ID, LINK_TRACE_ID, STEP_ID16),
		RULE(SPAN_ID, LINK_SPAN_ID, STEP_ID8),
		RULE(TRACE_STATE, LINK_TRACE_STATE, STEP_TEXT),
		RULE(DROPPED, LINK_DROPPED, STEP_VARINT),
		RULE(FLAGS, LINK_FLAGS, STEP_FIXED32),
		RULE(WEIGHT, 0, NO_STEP),
	},
	[MESSAGE_NUMBER] = POINT_RULES(NUMBER),
	[MESSAGE_EXPLICIT] = POINT_RULES(EXPLICIT),
	[MESSAGE_EXPONENTIAL] = POINT_RULES(EXPONENTIAL),
	[MESSAGE_SUMMARY] = POINT_RULES(SUMMARY),
	[MESSAGE_EXEMPLAR] = {
		RULE(ATTRIBUTES, EXEMPLAR_ATTRIBUTES, STEP_PAIRS),
		RULE(TIME, EXEMPLAR_TIME, STEP_FIXED64),
		RULE(VALUE, EXEMPLAR_DOUBLE, STEP_NUMBER),
		RULE(SPAN_ID, EXEMPLAR_SPAN_ID, STEP_ID8),
		RULE(TRACE_ID, EXEMPLAR_TRACE_ID, STEP_ID16),
		RULE(METRIC, 0, NO_STEP), RULE(WEIGHT, 0, NO_STEP),
	},
};

static const uint8_t attributes[MESSAGE_KIND_COUNT] = {
	[MESSAGE_RESOURCE] = RESOURCE_ATTRIBUTES,
	[MESSAGE_SCOPE] = SCOPE_ATTRIBUTES,
	[MESSAGE_LOG] = LOG_ATTRIBUTES,
	[MESSAGE_SPAN] = SPAN_ATTRIBUTES,
	[MESSAGE_EVENT] = EVENT_ATTRIBUTES,
	[MESSAGE_LINK] = LINK_ATTRIBUTES,
	[MESSAGE_NUMBER] = NUMBER_ATTRIBUTES,
	[MESSAGE_EXPLICIT] = EXPLICIT_ATTRIBUTES,
	[MESSAGE_EXPONENTIAL] = EXPONENTIAL_ATTRIBUTES,
	[MESSAGE_SUMMARY] = SUMMARY_ATTRIBUTES,
	[MESSAGE_EXEMPLAR] = EXEMPLAR_ATTRIBUTES,
};

/* clang-format on */

uint32_t message_attributes(enum message_kind kind)
{
	return attributes[kind];
}

/* Whether values of a type can be written so. */
static bool type_fits(uint32_t kind, uint32_t type)
{
	switch (kind) {
	case STEP_PAIRS:
	case STEP_ENTITIES:
		return type == SONDE_ANY;
	case STEP_FIXED64:
	case STEP_FIXED32:
	case STEP_VARINT:
		return value_is_integer(type);
	case STEP_TEXT:
		return type == SONDE_TEXT;
	case STEP_ID8:
		return type == SONDE_ID8;
	case STEP_ID16:
		return type == SONDE_ID16;
	case STEP_NUMBER:
		return value_is_integer(type) || type == SONDE_DOUBLE;
	default:
		return value_is_attribute(type);
	}
}

bool field_rule_of(enum message_kind message, const struct sonde_column *column,
		   struct field_rule *ret_rule)
{
	struct field_rule attribute = { column->role, attributes[message], STEP_ATTRIBUTE };
	const struct field_rule *rule = rules[message];

	if (column->role == SONDE_ROLE_EVENTS || column->role == SONDE_ROLE_CLOCK_OFFSET ||
	    column->role == SONDE_ROLE_PARENT_ROW)
		return false;
	for (uint32_t i = 0; i < RULE_LIMIT && rule[i].role; i++) {
		if (rule[i].role != column->role)
			continue;
		if (rule[i].kind == NO_STEP)
			return false;
		if (!type_fits(rule[i].kind, column->type))
			break;
		*ret_rule = rule[i];
		return true;
	}
	if (!value_is_attribute(column->type))
		return false;
	*ret_rule = attribute;
	return true;
}
