// SPDX-License-Identifier: Apache-2.0
/* What `status` shows of the output `otlp`. */
#include <stdlib.h>
#include "status.h"

static void count_answer(struct status *status, const struct transfer *transfer)
{
	const struct response *response = &transfer->response;
	unsigned long code;

	if (transfer->target->protocol == PROTOCOL_GRPC && *response->grpc_status) {
		code = strtoul(response->grpc_status, NULL, 10);
		status->grpc[code < STATUS_GRPC_COUNT ? code : 2]++; /* 2: UNKNOWN */
	} else if (response->status && response->status < STATUS_HTTP_COUNT) {
		status->http[response->status]++;
	} else {
		status->unanswered++;
	}
}

void status_count(struct status *status, const struct request *request, int64_t took_ns)
{
	struct status_signal *signal = &status->signals[request->transfer.signal];

	count_answer(status, &request->transfer);
	signal->requests++;
	signal->items += request->protobuf.item_count;
	signal->took_ns += took_ns;
	if (took_ns > signal->longest_ns)
		signal->longest_ns = took_ns;
}

static void report_signal(struct sonde_instance *instance, struct sonde_report *report,
			  const char *name, const struct status_signal *signal,
			  const struct target *target, const struct request_limit *limit)
{
	double mean = signal->requests ? (double)signal->took_ns / (double)signal->requests : 0;

	sonde_report_text(instance, report, "signals", name, "to",
			  target->socket ? target->socket : target->url);
	sonde_report(instance, report, "signals", name, "requests", "{request}",
		     (double)signal->requests);
	sonde_report(instance, report, "signals", name, "items", "{item}", (double)signal->items);
	sonde_report(instance, report, "signals", name, "in flight", "{request}",
		     (double)signal->in_flight);
	sonde_report(instance, report, "signals", name, "mean time", "s", mean / 1e9);
	sonde_report(instance, report, "signals", name, "longest time", "s",
		     (double)signal->longest_ns / 1e9);
	sonde_report(instance, report, "signals", name, "request limit", "By",
		     (double)limit->wanted_bytes);
}

void status_report(struct sonde_instance *instance, struct sonde_report *report,
		   const struct status *status, const struct target targets[SIGNAL_COUNT],
		   const struct request_limit limits[SIGNAL_COUNT])
{
	char name[40];

	for (uint32_t i = 0; i < SIGNAL_COUNT; i++)
		report_signal(instance, report, target_signal_name((enum signal)i),
			      &status->signals[i], &targets[i], &limits[i]);
	for (uint32_t i = 0; i < STATUS_HTTP_COUNT; i++) {
		if (!status->http[i])
			continue;
		(void)snprintf(name, sizeof(name), "HTTP %u", i);
		sonde_report(instance, report, "answers", name, "requests", "{request}",
			     (double)status->http[i]);
	}
	for (uint32_t i = 0; i < STATUS_GRPC_COUNT; i++) {
		if (!status->grpc[i])
			continue;
		(void)snprintf(name, sizeof(name), "gRPC %s", answer_grpc_name(i));
		sonde_report(instance, report, "answers", name, "requests", "{request}",
			     (double)status->grpc[i]);
	}
	if (status->unanswered)
		sonde_report(instance, report, "answers", "none", "requests", "{request}",
			     (double)status->unanswered);
}
