// SPDX-License-Identifier: Apache-2.0
/* How the servers of the input `otlp` fare, for `status`. */
#include "report.h"

void report_server(struct sonde_instance *instance, struct sonde_report *report,
		   const char *address, const struct http_server *server)
{
	struct http_counts counts;

	if (!server)
		return;
	http_server_counts(server, &counts);
	sonde_report(instance, report, "listens", address, "connections", "{connection}",
		     counts.open_connections);
	sonde_report(instance, report, "listens", address, "open requests", "{request}",
		     counts.open_requests);
	sonde_report(instance, report, "listens", address, "requests", "{request}",
		     (double)counts.requests);
	sonde_report(instance, report, "listens", address, "read", "By", (double)counts.body_bytes);
	sonde_report(instance, report, "listens", address, "refused", "{connection}",
		     (double)counts.refused_connections);
	sonde_report(instance, report, "listens", address, "cut off", "{connection}",
		     (double)counts.timed_out);
	sonde_report(instance, report, "listens", address, "malformed", "{request}",
		     (double)counts.malformed);
	sonde_report(instance, report, "listens", address, "crowded out", "{request}",
		     (double)counts.crowded);
}
