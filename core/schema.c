// SPDX-License-Identifier: Apache-2.0
/* Types and roles by their words, and how large the values of columns are. */
#include "batch.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

uint32_t type_size(uint32_t type)
{
	static const uint8_t sizes[] = {
		[SONDE_BOOL] = 1,
		[SONDE_I8] = 1,
		[SONDE_I16] = 2,
		[SONDE_I32] = 4,
		[SONDE_I64] = 8,
		[SONDE_U8] = 1,
		[SONDE_U16] = 2,
		[SONDE_U32] = 4,
		[SONDE_U64] = 8,
		[SONDE_DOUBLE] = 8,
		[SONDE_TEXT] = 4,
		[SONDE_BYTES] = 4,
		[SONDE_ID8] = 8,
		[SONDE_ID16] = 16,
		[SONDE_TIME] = 8,
		[SONDE_DURATION] = 8,
		[SONDE_EXPONENTIAL] = sizeof(struct sonde_exponential),
		[SONDE_EXPLICIT] = sizeof(struct sonde_explicit),
		[SONDE_QUANTILES] = sizeof(struct sonde_quantiles),
		[SONDE_ANY] = 4,
	};

	return type < COUNT_OF(sizes) ? sizes[type] : 0;
}

const char *type_name(uint32_t type)
{
	static const char *const names[] = {
		[SONDE_NONE] = "none",
		[SONDE_BOOL] = "bool",
		[SONDE_I8] = "i8",
		[SONDE_I16] = "i16",
		[SONDE_I32] = "i32",
		[SONDE_I64] = "i64",
		[SONDE_U8] = "u8",
		[SONDE_U16] = "u16",
		[SONDE_U32] = "u32",
		[SONDE_U64] = "u64",
		[SONDE_DOUBLE] = "double",
		[SONDE_TEXT] = "text",
		[SONDE_BYTES] = "bytes",
		[SONDE_ID8] = "id8",
		[SONDE_ID16] = "id16",
		[SONDE_TIME] = "time",
		[SONDE_DURATION] = "duration",
		[SONDE_EXPONENTIAL] = "exponential",
		[SONDE_EXPLICIT] = "explicit",
		[SONDE_QUANTILES] = "quantiles",
		[SONDE_ANY] = "any",
		[SONDE_SIZE] = "size",
		[SONDE_RATIO] = "ratio",
		[SONDE_CHOICE] = "choice",
		[SONDE_SECRET] = "secret",
		[SONDE_TEXTS] = "texts",
		[SONDE_GROUPS] = "groups",
	};

	return type < COUNT_OF(names) && names[type] ? names[type] : "unknown";
}

const char *role_name(uint32_t role)
{
	static const char *const names[] = {
		[SONDE_ROLE_ATTRIBUTE] = "attribute",
		[SONDE_ROLE_TIME] = "time",
		[SONDE_ROLE_START_TIME] = "start time",
		[SONDE_ROLE_END_TIME] = "end time",
		[SONDE_ROLE_OBSERVED_TIME] = "observed time",
		[SONDE_ROLE_DURATION] = "duration",
		[SONDE_ROLE_WEIGHT] = "weight",
		[SONDE_ROLE_EVENTS] = "events",
		[SONDE_ROLE_CLOCK_OFFSET] = "clock offset",
		[SONDE_ROLE_ATTRIBUTES] = "attributes",
		[SONDE_ROLE_DROPPED] = "dropped attributes",
		[SONDE_ROLE_FLAGS] = "flags",
		[SONDE_ROLE_PARENT_ROW] = "parent row",
		[SONDE_ROLE_SCOPE_NAME] = "scope name",
		[SONDE_ROLE_SCOPE_VERSION] = "scope version",
		[SONDE_ROLE_SCHEMA_URL] = "schema url",
		[SONDE_ROLE_ENTITIES] = "entities",
		[SONDE_ROLE_SUM] = "sum",
		[SONDE_ROLE_GAUGE] = "gauge",
		[SONDE_ROLE_HISTOGRAM] = "histogram",
		[SONDE_ROLE_METRIC] = "metric",
		[SONDE_ROLE_VALUE] = "value",
		[SONDE_ROLE_SEVERITY] = "severity",
		[SONDE_ROLE_SEVERITY_TEXT] = "severity text",
		[SONDE_ROLE_BODY] = "body",
		[SONDE_ROLE_EVENT_NAME] = "event name",
		[SONDE_ROLE_TRACE_ID] = "trace id",
		[SONDE_ROLE_SPAN_ID] = "span id",
		[SONDE_ROLE_PARENT_SPAN_ID] = "parent span id",
		[SONDE_ROLE_TRACE_STATE] = "trace state",
		[SONDE_ROLE_SPAN_NAME] = "span name",
		[SONDE_ROLE_SPAN_KIND] = "span kind",
		[SONDE_ROLE_STATUS_CODE] = "status code",
		[SONDE_ROLE_STATUS_MESSAGE] = "status message",
		[SONDE_ROLE_DROPPED_EVENTS] = "dropped events",
		[SONDE_ROLE_DROPPED_LINKS] = "dropped links",
	};

	return role < COUNT_OF(names) && names[role] ? names[role] : "unknown";
}
