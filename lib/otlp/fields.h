/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP's field numbers, as opentelemetry-proto 1.11 has them. */
#ifndef SONDE_OTLP_FIELDS_H
#define SONDE_OTLP_FIELDS_H

/* Export*ServiceRequest, and TracesData, LogsData, MetricsData, which look the same. */
enum { REQUEST_RESOURCES = 1 };

/* Export*ServiceResponse and its Export*PartialSuccess. */
enum { RESPONSE_PARTIAL_SUCCESS = 1 };
enum { PARTIAL_REJECTED = 1, PARTIAL_MESSAGE = 2 };

/* google.rpc.Status, its details (google.protobuf.Any), google.rpc.RetryInfo and
 * google.protobuf.Duration. */
enum { RPC_CODE = 1, RPC_MESSAGE = 2, RPC_DETAILS = 3 };
enum { DETAIL_TYPE = 1, DETAIL_VALUE = 2 };
enum { RETRY_DELAY = 1 };
enum { DURATION_SECONDS = 1, DURATION_NS = 2 };

/* ResourceLogs, ResourceSpans, ResourceMetrics; ScopeLogs, ScopeSpans, ScopeMetrics. */
enum { RESOURCE_RESOURCE = 1, RESOURCE_SCOPES = 2, RESOURCE_SCHEMA_URL = 3 };
enum { SCOPE_SCOPE = 1, SCOPE_ITEMS = 2, SCOPE_SCHEMA_URL = 3 };

/* Resource, EntityRef, InstrumentationScope. */
enum { RESOURCE_ATTRIBUTES = 1, RESOURCE_DROPPED = 2, RESOURCE_ENTITIES = 3 };
enum { ENTITY_SCHEMA_URL = 1, ENTITY_TYPE = 2, ENTITY_ID_KEYS = 3, ENTITY_DESCRIPTION_KEYS = 4 };
enum { SCOPE_NAME = 1, SCOPE_VERSION = 2, SCOPE_ATTRIBUTES = 3, SCOPE_DROPPED = 4 };

/* KeyValue, AnyValue, ArrayValue, KeyValueList. */
enum { PAIR_KEY = 1, PAIR_VALUE = 2 };
enum {
	ANY_TEXT = 1,
	ANY_BOOL = 2,
	ANY_INTEGER = 3,
	ANY_DOUBLE = 4,
	ANY_ARRAY = 5,
	ANY_MAP = 6,
	ANY_BYTES = 7,
};
enum { LIST_VALUES = 1 };

enum {
	LOG_TIME = 1, /* fixed64 */
	LOG_SEVERITY = 2,
	LOG_SEVERITY_TEXT = 3,
	LOG_BODY = 5,
	LOG_ATTRIBUTES = 6,
	LOG_DROPPED = 7,
	LOG_FLAGS = 8, /* fixed32 */
	LOG_TRACE_ID = 9,
	LOG_SPAN_ID = 10,
	LOG_OBSERVED_TIME = 11, /* fixed64 */
	LOG_EVENT_NAME = 12,
};

enum {
	SPAN_TRACE_ID = 1,
	SPAN_SPAN_ID = 2,
	SPAN_TRACE_STATE = 3,
	SPAN_PARENT_SPAN_ID = 4,
	SPAN_NAME = 5,
	SPAN_KIND = 6,
	SPAN_START_TIME = 7, /* fixed64 */
	SPAN_END_TIME = 8,   /* fixed64 */
	SPAN_ATTRIBUTES = 9,
	SPAN_DROPPED = 10,
	SPAN_EVENTS = 11,
	SPAN_DROPPED_EVENTS = 12,
	SPAN_LINKS = 13,
	SPAN_DROPPED_LINKS = 14,
	SPAN_STATUS = 15,
	SPAN_FLAGS = 16, /* fixed32 */
};
enum { STATUS_MESSAGE = 2, STATUS_CODE = 3 };
enum { EVENT_TIME = 1 /* fixed64 */, EVENT_NAME = 2, EVENT_ATTRIBUTES = 3, EVENT_DROPPED = 4 };
enum {
	LINK_TRACE_ID = 1,
	LINK_SPAN_ID = 2,
	LINK_TRACE_STATE = 3,
	LINK_ATTRIBUTES = 4,
	LINK_DROPPED = 5,
	LINK_FLAGS = 6, /* fixed32 */
};

enum {
	METRIC_NAME = 1,
	METRIC_DESCRIPTION = 2,
	METRIC_UNIT = 3,
	METRIC_GAUGE = 5,
	METRIC_SUM = 7,
	METRIC_HISTOGRAM = 9,
	METRIC_EXPONENTIAL = 10,
	METRIC_SUMMARY = 11,
	METRIC_METADATA = 12,
};
/* Gauge, Sum, Histogram, ExponentialHistogram, Summary. */
enum { DATA_POINTS = 1, DATA_TEMPORALITY = 2, DATA_MONOTONIC = 3 };

enum {
	NUMBER_START_TIME = 2, /* fixed64 */
	NUMBER_TIME = 3,       /* fixed64 */
	NUMBER_DOUBLE = 4,
	NUMBER_EXEMPLARS = 5,
	NUMBER_INTEGER = 6, /* sfixed64 */
	NUMBER_ATTRIBUTES = 7,
	NUMBER_FLAGS = 8,
};
enum {
	EXPLICIT_START_TIME = 2, /* fixed64 */
	EXPLICIT_TIME = 3,       /* fixed64 */
	EXPLICIT_COUNT = 4,      /* fixed64 */
	EXPLICIT_SUM = 5,
	EXPLICIT_COUNTS = 6, /* packed fixed64 */
	EXPLICIT_BOUNDS = 7, /* packed double */
	EXPLICIT_EXEMPLARS = 8,
	EXPLICIT_ATTRIBUTES = 9,
	EXPLICIT_FLAGS = 10,
	EXPLICIT_MINIMUM = 11,
	EXPLICIT_MAXIMUM = 12,
};
enum {
	EXPONENTIAL_ATTRIBUTES = 1,
	EXPONENTIAL_START_TIME = 2, /* fixed64 */
	EXPONENTIAL_TIME = 3,       /* fixed64 */
	EXPONENTIAL_COUNT = 4,      /* fixed64 */
	EXPONENTIAL_SUM = 5,
	EXPONENTIAL_SCALE = 6,      /* sint32 */
	EXPONENTIAL_ZERO_COUNT = 7, /* fixed64 */
	EXPONENTIAL_POSITIVE = 8,
	EXPONENTIAL_NEGATIVE = 9,
	EXPONENTIAL_FLAGS = 10,
	EXPONENTIAL_EXEMPLARS = 11,
	EXPONENTIAL_MINIMUM = 12,
	EXPONENTIAL_MAXIMUM = 13,
	EXPONENTIAL_ZERO_THRESHOLD = 14,
};
enum { BUCKETS_OFFSET = 1 /* sint32 */, BUCKETS_COUNTS = 2 /* packed varint */ };
enum {
	SUMMARY_START_TIME = 2, /* fixed64 */
	SUMMARY_TIME = 3,       /* fixed64 */
	SUMMARY_COUNT = 4,      /* fixed64 */
	SUMMARY_SUM = 5,
	SUMMARY_QUANTILES = 6,
	SUMMARY_ATTRIBUTES = 7,
	SUMMARY_FLAGS = 8,
};
enum { QUANTILE_QUANTILE = 1, QUANTILE_VALUE = 2 };

enum {
	EXEMPLAR_TIME = 2, /* fixed64 */
	EXEMPLAR_DOUBLE = 3,
	EXEMPLAR_SPAN_ID = 4,
	EXEMPLAR_TRACE_ID = 5,
	EXEMPLAR_INTEGER = 6, /* sfixed64 */
	EXEMPLAR_ATTRIBUTES = 7,
};

#endif
