// SPDX-License-Identifier: Apache-2.0
/* OTLP's messages as tables, and how their fields are found by name. */
#include <string.h>

#include "fields.h"
#include "messages.h"
#include "protobuf.h"

enum {
	LOGS,
	RESOURCE_LOGS,
	SCOPE_LOGS,
	LOG,
	SPANS,
	RESOURCE_SPANS,
	SCOPE_SPANS,
	SPAN,
	EVENT,
	LINK,
	SPAN_STATUS_MESSAGE,
	METRICS,
	RESOURCE_METRICS,
	SCOPE_METRICS,
	METRIC,
	GAUGE,
	SUM,
	HISTOGRAM,
	EXPONENTIAL,
	SUMMARY,
	NUMBER_POINT,
	EXPLICIT_POINT,
	EXPONENTIAL_POINT,
	BUCKETS,
	SUMMARY_POINT,
	QUANTILE,
	EXEMPLAR,
	RESOURCE,
	ENTITY,
	SCOPE,
	PAIR,
	ANY,
	ARRAY,
	MAP,
	LOGS_RESPONSE,
	SPANS_RESPONSE,
	METRICS_RESPONSE,
	LOGS_PARTIAL,
	SPANS_PARTIAL,
	METRICS_PARTIAL,
	STATUS,
	MESSAGE_KIND_COUNT,
};

enum { NAMES_SEVERITY, NAMES_SPAN_KIND, NAMES_STATUS_CODE, NAMES_TEMPORALITY, NAMES_COUNT };

enum { ANY_TEXT_INDEX = 8, PAIR_KEY_INDEX = 3 };      /* places in a dictionary of profiles */
enum { RPC_STATUS_CODE = 1, RPC_STATUS_MESSAGE = 2 }; /* google.rpc.Status, without its details */

/* ---- rows of the tables ------------------------------------------------------------------ */

/* clang-format off */
#define ROW(number_, name_, kind_, message_, flags_, size_) \
	{ .name = name_, .number = number_, .kind = FIELD_##kind_, .message = message_, \
	  .flags = flags_, .size = size_ }
#define VALUE(number_, name_, kind_)       ROW(number_, name_, kind_, 0, 0, 0)
#define OPTIONAL(number_, name_, kind_)    ROW(number_, name_, kind_, 0, FIELD_PRESENT, 0)
#define CHOICE(number_, name_, kind_) \
	ROW(number_, name_, kind_, 0, FIELD_PRESENT | FIELD_CHOICE, 0)
#define LIST(number_, name_, kind_)        ROW(number_, name_, kind_, 0, FIELD_REPEATED, 0)
#define ONE(number_, name_, message_)      ROW(number_, name_, MESSAGE, message_, FIELD_PRESENT, 0)
#define ONE_OF(number_, name_, message_) \
	ROW(number_, name_, MESSAGE, message_, FIELD_PRESENT | FIELD_CHOICE, 0)
#define MANY(number_, name_, message_)     ROW(number_, name_, MESSAGE, message_, FIELD_REPEATED, 0)
#define NAMED(number_, name_, names_)      ROW(number_, name_, ENUM, names_, 0, 0)
#define ID(number_, name_, size_)          ROW(number_, name_, HEX, 0, 0, size_)
#define END                                { 0 }

/* ---- what all signals share -------------------------------------------------------------- */

static const struct field any_fields[] = {
	CHOICE(ANY_TEXT, "stringValue", TEXT),
	CHOICE(ANY_BOOL, "boolValue", BOOL),
	CHOICE(ANY_INTEGER, "intValue", INT64),
	CHOICE(ANY_DOUBLE, "doubleValue", DOUBLE),
	ONE_OF(ANY_ARRAY, "arrayValue", ARRAY),
	ONE_OF(ANY_MAP, "kvlistValue", MAP),
	CHOICE(ANY_BYTES, "bytesValue", BYTES),
	CHOICE(ANY_TEXT_INDEX, "stringValueStrindex", INT32),
	END
};

static const struct field array_fields[] = { MANY(LIST_VALUES, "values", ANY), END };
static const struct field map_fields[] = { MANY(LIST_VALUES, "values", PAIR), END };

static const struct field pair_fields[] = {
	VALUE(PAIR_KEY, "key", TEXT),
	ONE(PAIR_VALUE, "value", ANY),
	VALUE(PAIR_KEY_INDEX, "keyStrindex", INT32),
	END
};

static const struct field resource_fields[] = {
	MANY(RESOURCE_ATTRIBUTES, "attributes", PAIR),
	VALUE(RESOURCE_DROPPED, "droppedAttributesCount", UINT32),
	MANY(RESOURCE_ENTITIES, "entityRefs", ENTITY),
	END
};

static const struct field entity_fields[] = {
	VALUE(ENTITY_SCHEMA_URL, "schemaUrl", TEXT),
	VALUE(ENTITY_TYPE, "type", TEXT),
	LIST(ENTITY_ID_KEYS, "idKeys", TEXT),
	LIST(ENTITY_DESCRIPTION_KEYS, "descriptionKeys", TEXT),
	END
};

static const struct field scope_fields[] = {
	VALUE(SCOPE_NAME, "name", TEXT),
	VALUE(SCOPE_VERSION, "version", TEXT),
	MANY(SCOPE_ATTRIBUTES, "attributes", PAIR),
	VALUE(SCOPE_DROPPED, "droppedAttributesCount", UINT32),
	END
};

/* A request with its resources and their scopes, alike for the three signals. */
#define REQUEST_TABLES(signal_, resources_, of_resource_, scopes_, of_scope_, items_, of_item_) \
	static const struct field signal_##_fields[] = { \
		MANY(REQUEST_RESOURCES, resources_, of_resource_), END \
	}; \
	static const struct field resource_##signal_##_fields[] = { \
		ONE(RESOURCE_RESOURCE, "resource", RESOURCE), \
		MANY(RESOURCE_SCOPES, scopes_, of_scope_), \
		VALUE(RESOURCE_SCHEMA_URL, "schemaUrl", TEXT), \
		END \
	}; \
	static const struct field scope_##signal_##_fields[] = { \
		ONE(SCOPE_SCOPE, "scope", SCOPE), \
		MANY(SCOPE_ITEMS, items_, of_item_), \
		VALUE(SCOPE_SCHEMA_URL, "schemaUrl", TEXT), \
		END \
	}

REQUEST_TABLES(logs, "resourceLogs", RESOURCE_LOGS, "scopeLogs", SCOPE_LOGS, "logRecords", LOG);
REQUEST_TABLES(spans, "resourceSpans", RESOURCE_SPANS, "scopeSpans", SCOPE_SPANS, "spans", SPAN);
REQUEST_TABLES(metrics, "resourceMetrics", RESOURCE_METRICS, "scopeMetrics", SCOPE_METRICS,
	       "metrics", METRIC);

/* ---- logs and spans ---------------------------------------------------------------------- */

static const struct field log_fields[] = {
	VALUE(LOG_TIME, "timeUnixNano", FIXED64),
	NAMED(LOG_SEVERITY, "severityNumber", NAMES_SEVERITY),
	VALUE(LOG_SEVERITY_TEXT, "severityText", TEXT),
	ONE(LOG_BODY, "body", ANY),
	MANY(LOG_ATTRIBUTES, "attributes", PAIR),
	VALUE(LOG_DROPPED, "droppedAttributesCount", UINT32),
	VALUE(LOG_FLAGS, "flags", FIXED32),
	ID(LOG_TRACE_ID, "traceId", 16),
	ID(LOG_SPAN_ID, "spanId", 8),
	VALUE(LOG_OBSERVED_TIME, "observedTimeUnixNano", FIXED64),
	VALUE(LOG_EVENT_NAME, "eventName", TEXT),
	END
};

static const struct field span_fields[] = {
	ID(SPAN_TRACE_ID, "traceId", 16),
	ID(SPAN_SPAN_ID, "spanId", 8),
	VALUE(SPAN_TRACE_STATE, "traceState", TEXT),
	ID(SPAN_PARENT_SPAN_ID, "parentSpanId", 8),
	VALUE(SPAN_NAME, "name", TEXT),
	NAMED(SPAN_KIND, "kind", NAMES_SPAN_KIND),
	VALUE(SPAN_START_TIME, "startTimeUnixNano", FIXED64),
	VALUE(SPAN_END_TIME, "endTimeUnixNano", FIXED64),
	MANY(SPAN_ATTRIBUTES, "attributes", PAIR),
	VALUE(SPAN_DROPPED, "droppedAttributesCount", UINT32),
	MANY(SPAN_EVENTS, "events", EVENT),
	VALUE(SPAN_DROPPED_EVENTS, "droppedEventsCount", UINT32),
	MANY(SPAN_LINKS, "links", LINK),
	VALUE(SPAN_DROPPED_LINKS, "droppedLinksCount", UINT32),
	ONE(SPAN_STATUS, "status", SPAN_STATUS_MESSAGE),
	VALUE(SPAN_FLAGS, "flags", FIXED32),
	END
};

static const struct field event_fields[] = {
	VALUE(EVENT_TIME, "timeUnixNano", FIXED64),
	VALUE(EVENT_NAME, "name", TEXT),
	MANY(EVENT_ATTRIBUTES, "attributes", PAIR),
	VALUE(EVENT_DROPPED, "droppedAttributesCount", UINT32),
	END
};

static const struct field link_fields[] = {
	ID(LINK_TRACE_ID, "traceId", 16),
	ID(LINK_SPAN_ID, "spanId", 8),
	VALUE(LINK_TRACE_STATE, "traceState", TEXT),
	MANY(LINK_ATTRIBUTES, "attributes", PAIR),
	VALUE(LINK_DROPPED, "droppedAttributesCount", UINT32),
	VALUE(LINK_FLAGS, "flags", FIXED32),
	END
};

static const struct field span_status_fields[] = {
	VALUE(STATUS_MESSAGE, "message", TEXT),
	NAMED(STATUS_CODE, "code", NAMES_STATUS_CODE),
	END
};

/* ---- metrics ----------------------------------------------------------------------------- */

static const struct field metric_fields[] = {
	VALUE(METRIC_NAME, "name", TEXT),
	VALUE(METRIC_DESCRIPTION, "description", TEXT),
	VALUE(METRIC_UNIT, "unit", TEXT),
	ONE_OF(METRIC_GAUGE, "gauge", GAUGE),
	ONE_OF(METRIC_SUM, "sum", SUM),
	ONE_OF(METRIC_HISTOGRAM, "histogram", HISTOGRAM),
	ONE_OF(METRIC_EXPONENTIAL, "exponentialHistogram", EXPONENTIAL),
	ONE_OF(METRIC_SUMMARY, "summary", SUMMARY),
	MANY(METRIC_METADATA, "metadata", PAIR),
	END
};

static const struct field gauge_fields[] = { MANY(DATA_POINTS, "dataPoints", NUMBER_POINT), END };
static const struct field summary_fields[] = { MANY(DATA_POINTS, "dataPoints", SUMMARY_POINT), END };

static const struct field sum_fields[] = {
	MANY(DATA_POINTS, "dataPoints", NUMBER_POINT),
	NAMED(DATA_TEMPORALITY, "aggregationTemporality", NAMES_TEMPORALITY),
	VALUE(DATA_MONOTONIC, "isMonotonic", BOOL),
	END
};

static const struct field histogram_fields[] = {
	MANY(DATA_POINTS, "dataPoints", EXPLICIT_POINT),
	NAMED(DATA_TEMPORALITY, "aggregationTemporality", NAMES_TEMPORALITY),
	END
};

static const struct field exponential_fields[] = {
	MANY(DATA_POINTS, "dataPoints", EXPONENTIAL_POINT),
	NAMED(DATA_TEMPORALITY, "aggregationTemporality", NAMES_TEMPORALITY),
	END
};

static const struct field number_point_fields[] = {
	VALUE(NUMBER_START_TIME, "startTimeUnixNano", FIXED64),
	VALUE(NUMBER_TIME, "timeUnixNano", FIXED64),
	CHOICE(NUMBER_DOUBLE, "asDouble", DOUBLE),
	MANY(NUMBER_EXEMPLARS, "exemplars", EXEMPLAR),
	CHOICE(NUMBER_INTEGER, "asInt", SFIXED64),
	MANY(NUMBER_ATTRIBUTES, "attributes", PAIR),
	VALUE(NUMBER_FLAGS, "flags", UINT32),
	END
};

static const struct field explicit_point_fields[] = {
	VALUE(EXPLICIT_START_TIME, "startTimeUnixNano", FIXED64),
	VALUE(EXPLICIT_TIME, "timeUnixNano", FIXED64),
	VALUE(EXPLICIT_COUNT, "count", FIXED64),
	OPTIONAL(EXPLICIT_SUM, "sum", DOUBLE),
	LIST(EXPLICIT_COUNTS, "bucketCounts", FIXED64),
	LIST(EXPLICIT_BOUNDS, "explicitBounds", DOUBLE),
	MANY(EXPLICIT_EXEMPLARS, "exemplars", EXEMPLAR),
	MANY(EXPLICIT_ATTRIBUTES, "attributes", PAIR),
	VALUE(EXPLICIT_FLAGS, "flags", UINT32),
	OPTIONAL(EXPLICIT_MINIMUM, "min", DOUBLE),
	OPTIONAL(EXPLICIT_MAXIMUM, "max", DOUBLE),
	END
};

static const struct field exponential_point_fields[] = {
	MANY(EXPONENTIAL_ATTRIBUTES, "attributes", PAIR),
	VALUE(EXPONENTIAL_START_TIME, "startTimeUnixNano", FIXED64),
	VALUE(EXPONENTIAL_TIME, "timeUnixNano", FIXED64),
	VALUE(EXPONENTIAL_COUNT, "count", FIXED64),
	OPTIONAL(EXPONENTIAL_SUM, "sum", DOUBLE),
	VALUE(EXPONENTIAL_SCALE, "scale", SINT32),
	VALUE(EXPONENTIAL_ZERO_COUNT, "zeroCount", FIXED64),
	ONE(EXPONENTIAL_POSITIVE, "positive", BUCKETS),
	ONE(EXPONENTIAL_NEGATIVE, "negative", BUCKETS),
	VALUE(EXPONENTIAL_FLAGS, "flags", UINT32),
	MANY(EXPONENTIAL_EXEMPLARS, "exemplars", EXEMPLAR),
	OPTIONAL(EXPONENTIAL_MINIMUM, "min", DOUBLE),
	OPTIONAL(EXPONENTIAL_MAXIMUM, "max", DOUBLE),
	VALUE(EXPONENTIAL_ZERO_THRESHOLD, "zeroThreshold", DOUBLE),
	END
};

static const struct field buckets_fields[] = {
	VALUE(BUCKETS_OFFSET, "offset", SINT32),
	LIST(BUCKETS_COUNTS, "bucketCounts", UINT64),
	END
};

static const struct field summary_point_fields[] = {
	VALUE(SUMMARY_START_TIME, "startTimeUnixNano", FIXED64),
	VALUE(SUMMARY_TIME, "timeUnixNano", FIXED64),
	VALUE(SUMMARY_COUNT, "count", FIXED64),
	VALUE(SUMMARY_SUM, "sum", DOUBLE),
	MANY(SUMMARY_QUANTILES, "quantileValues", QUANTILE),
	MANY(SUMMARY_ATTRIBUTES, "attributes", PAIR),
	VALUE(SUMMARY_FLAGS, "flags", UINT32),
	END
};

static const struct field quantile_fields[] = {
	VALUE(QUANTILE_QUANTILE, "quantile", DOUBLE),
	VALUE(QUANTILE_VALUE, "value", DOUBLE),
	END
};

static const struct field exemplar_fields[] = {
	VALUE(EXEMPLAR_TIME, "timeUnixNano", FIXED64),
	CHOICE(EXEMPLAR_DOUBLE, "asDouble", DOUBLE),
	ID(EXEMPLAR_SPAN_ID, "spanId", 8),
	ID(EXEMPLAR_TRACE_ID, "traceId", 16),
	CHOICE(EXEMPLAR_INTEGER, "asInt", SFIXED64),
	MANY(EXEMPLAR_ATTRIBUTES, "filteredAttributes", PAIR),
	END
};

/* ---- responses --------------------------------------------------------------------------- */

#define RESPONSE_TABLES(signal_, partial_, rejected_) \
	static const struct field signal_##_response_fields[] = { \
		ONE(RESPONSE_PARTIAL_SUCCESS, "partialSuccess", partial_), END \
	}; \
	static const struct field signal_##_partial_fields[] = { \
		VALUE(PARTIAL_REJECTED, rejected_, INT64), VALUE(PARTIAL_MESSAGE, "errorMessage", TEXT), END \
	}

RESPONSE_TABLES(logs, LOGS_PARTIAL, "rejectedLogRecords");
RESPONSE_TABLES(spans, SPANS_PARTIAL, "rejectedSpans");
RESPONSE_TABLES(metrics, METRICS_PARTIAL, "rejectedDataPoints");

static const struct field status_fields[] = {
	VALUE(RPC_STATUS_CODE, "code", INT32),
	VALUE(RPC_STATUS_MESSAGE, "message", TEXT),
	END
};
/* clang-format on */

/* ---- all of them ------------------------------------------------------------------------- */

static const struct field *const tables[MESSAGE_KIND_COUNT] = {
	[LOGS] = logs_fields,
	[RESOURCE_LOGS] = resource_logs_fields,
	[SCOPE_LOGS] = scope_logs_fields,
	[LOG] = log_fields,
	[SPANS] = spans_fields,
	[RESOURCE_SPANS] = resource_spans_fields,
	[SCOPE_SPANS] = scope_spans_fields,
	[SPAN] = span_fields,
	[EVENT] = event_fields,
	[LINK] = link_fields,
	[SPAN_STATUS_MESSAGE] = span_status_fields,
	[METRICS] = metrics_fields,
	[RESOURCE_METRICS] = resource_metrics_fields,
	[SCOPE_METRICS] = scope_metrics_fields,
	[METRIC] = metric_fields,
	[GAUGE] = gauge_fields,
	[SUM] = sum_fields,
	[HISTOGRAM] = histogram_fields,
	[EXPONENTIAL] = exponential_fields,
	[SUMMARY] = summary_fields,
	[NUMBER_POINT] = number_point_fields,
	[EXPLICIT_POINT] = explicit_point_fields,
	[EXPONENTIAL_POINT] = exponential_point_fields,
	[BUCKETS] = buckets_fields,
	[SUMMARY_POINT] = summary_point_fields,
	[QUANTILE] = quantile_fields,
	[EXEMPLAR] = exemplar_fields,
	[RESOURCE] = resource_fields,
	[ENTITY] = entity_fields,
	[SCOPE] = scope_fields,
	[PAIR] = pair_fields,
	[ANY] = any_fields,
	[ARRAY] = array_fields,
	[MAP] = map_fields,
	[LOGS_RESPONSE] = logs_response_fields,
	[SPANS_RESPONSE] = spans_response_fields,
	[METRICS_RESPONSE] = metrics_response_fields,
	[LOGS_PARTIAL] = logs_partial_fields,
	[SPANS_PARTIAL] = spans_partial_fields,
	[METRICS_PARTIAL] = metrics_partial_fields,
	[STATUS] = status_fields,
};

/* The first is 0, the others follow. Of severities see severity_by_name(). */
static const char *const names_of[NAMES_COUNT][6] = {
	[NAMES_SPAN_KIND] = { "SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
			      "SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER" },
	[NAMES_STATUS_CODE] = { "STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR" },
	[NAMES_TEMPORALITY] = { "AGGREGATION_TEMPORALITY_UNSPECIFIED",
				"AGGREGATION_TEMPORALITY_DELTA",
				"AGGREGATION_TEMPORALITY_CUMULATIVE" },
};

const struct field *message_fields(uint8_t kind)
{
	return tables[kind];
}

uint32_t field_wire(const struct field *field)
{
	switch (field->kind) {
	case FIELD_FIXED32:
		return MESSAGE_FIXED32;
	case FIELD_FIXED64:
	case FIELD_SFIXED64:
	case FIELD_DOUBLE:
		return MESSAGE_FIXED64;
	case FIELD_TEXT:
	case FIELD_BYTES:
	case FIELD_HEX:
	case FIELD_MESSAGE:
		return MESSAGE_BYTES;
	default:
		return MESSAGE_VARINT;
	}
}

uint8_t message_kind(enum otlp_message message)
{
	static const uint8_t kinds[] = {
		[OTLP_LOGS] = LOGS,
		[OTLP_SPANS] = SPANS,
		[OTLP_METRICS] = METRICS,
		[OTLP_LOGS_RESPONSE] = LOGS_RESPONSE,
		[OTLP_SPANS_RESPONSE] = SPANS_RESPONSE,
		[OTLP_METRICS_RESPONSE] = METRICS_RESPONSE,
		[OTLP_STATUS] = STATUS,
	};

	return kinds[message];
}

/* Whether a name is that of a .proto file: capitals are small there, behind a low line. */
static bool is_proto_name(const char *camel, const char *name, size_t length)
{
	size_t place = 0;

	for (; *camel; camel++) {
		bool capital = *camel >= 'A' && *camel <= 'Z';

		if (capital && (place == length || name[place++] != '_'))
			return false;
		if (place == length || name[place++] != (capital ? *camel + ('a' - 'A') : *camel))
			return false;
	}
	return place == length;
}

int field_by_name(const struct field *fields, const char *name, size_t length)
{
	for (int place = 0; fields[place].name; place++)
		if (strlen(fields[place].name) == length &&
		    !memcmp(fields[place].name, name, length))
			return place;
	for (int place = 0; fields[place].name; place++)
		if (is_proto_name(fields[place].name, name, length))
			return place;
	return -1;
}

/* SEVERITY_NUMBER_TRACE is 1, .._TRACE2 2; four of each level. */
static int severity_by_name(const char *name, size_t length)
{
	static const char *const levels[] = { "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL" };
	static const char prefix[] = "SEVERITY_NUMBER_";
	size_t prefix_length = sizeof(prefix) - 1;

	if (length < prefix_length || memcmp(name, prefix, prefix_length))
		return -1;
	name += prefix_length;
	length -= prefix_length;
	if (length == strlen("UNSPECIFIED") && !memcmp(name, "UNSPECIFIED", length))
		return 0;
	for (int level = 0; level < 6; level++) {
		size_t level_length = strlen(levels[level]);

		if (length < level_length || memcmp(name, levels[level], level_length))
			continue;
		if (length == level_length)
			return level * 4 + 1;
		if (length == level_length + 1 && name[level_length] >= '2' &&
		    name[level_length] <= '4')
			return level * 4 + (name[level_length] - '0');
	}
	return -1;
}

int enum_by_name(uint8_t names, const char *name, size_t length)
{
	if (names == NAMES_SEVERITY)
		return severity_by_name(name, length);
	for (int place = 0; place < 6 && names_of[names][place]; place++)
		if (strlen(names_of[names][place]) == length &&
		    !memcmp(names_of[names][place], name, length))
			return place;
	return -1;
}
