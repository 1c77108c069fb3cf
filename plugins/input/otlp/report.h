/* SPDX-License-Identifier: Apache-2.0 */
/* How the servers of the input `otlp` fare, for `status`. */
#ifndef SONDE_OTLP_REPORT_H
#define SONDE_OTLP_REPORT_H

#include "server.h"

/* A row of the table `listens`; none, if the server is NULL. */
void report_server(struct sonde_instance *instance, struct sonde_report *report,
		   const char *address, const struct http_server *server);

#endif
