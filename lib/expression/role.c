// SPDX-License-Identifier: Apache-2.0
/* Fixed names for columns that are called differently everywhere: those of their roles. */
#include <string.h>
#include "expression.h"

/* Without those that say nothing of a single column (sum, attributes) or of a value (entities). */
static const struct {
	const char *name;
	uint32_t role;
} roles[] = {
	{ "time", SONDE_ROLE_TIME },
	{ "start_time", SONDE_ROLE_START_TIME },
	{ "end_time", SONDE_ROLE_END_TIME },
	{ "observed_time", SONDE_ROLE_OBSERVED_TIME },
	{ "duration", SONDE_ROLE_DURATION },
	{ "weight", SONDE_ROLE_WEIGHT },
	{ "events", SONDE_ROLE_EVENTS },
	{ "clock_offset", SONDE_ROLE_CLOCK_OFFSET },
	{ "flags", SONDE_ROLE_FLAGS },
	{ "scope_name", SONDE_ROLE_SCOPE_NAME },
	{ "scope_version", SONDE_ROLE_SCOPE_VERSION },
	{ "metric", SONDE_ROLE_METRIC },
	{ "value", SONDE_ROLE_VALUE },
	{ "severity", SONDE_ROLE_SEVERITY },
	{ "severity_text", SONDE_ROLE_SEVERITY_TEXT },
	{ "body", SONDE_ROLE_BODY },
	{ "event_name", SONDE_ROLE_EVENT_NAME },
	{ "trace_id", SONDE_ROLE_TRACE_ID },
	{ "span_id", SONDE_ROLE_SPAN_ID },
	{ "parent_span_id", SONDE_ROLE_PARENT_SPAN_ID },
	{ "trace_state", SONDE_ROLE_TRACE_STATE },
	{ "span_name", SONDE_ROLE_SPAN_NAME },
	{ "span_kind", SONDE_ROLE_SPAN_KIND },
	{ "status_code", SONDE_ROLE_STATUS_CODE },
	{ "status_message", SONDE_ROLE_STATUS_MESSAGE },
};

uint32_t expression_role(const char *name)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (!strcmp(roles[i].name, name))
			return roles[i].role;
	}
	return 0;
}
