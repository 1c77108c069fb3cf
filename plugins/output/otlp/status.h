/* SPDX-License-Identifier: Apache-2.0 */
/* What `status` shows of the output `otlp`: each signal's requests, and the answers by kind. */
#ifndef SONDE_OTLP_STATUS_H
#define SONDE_OTLP_STATUS_H

#include "request.h"

enum { STATUS_HTTP_COUNT = 600, STATUS_GRPC_COUNT = 17 };

struct status_signal {
	uint64_t requests, items, in_flight;
	int64_t took_ns, longest_ns; /* of all requests together; of one */
};

struct status {
	struct status_signal signals[SIGNAL_COUNT];
	uint64_t http[STATUS_HTTP_COUNT]; /* answers by status */
	uint64_t grpc[STATUS_GRPC_COUNT];
	uint64_t unanswered;
};

/* A request has ended. */
void status_count(struct status *status, const struct request *request, int64_t took_ns);

void status_report(struct sonde_instance *instance, struct sonde_report *report,
		   const struct status *status, const struct target targets[SIGNAL_COUNT],
		   const struct request_limit limits[SIGNAL_COUNT]);

#endif
