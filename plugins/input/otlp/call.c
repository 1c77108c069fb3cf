// SPDX-License-Identifier: Apache-2.0
/* What a request's head says: which signal, in which encoding, compressed how. */
#include "call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int refuse(struct refusal *refusal, uint32_t status, uint32_t code, const char *format, ...)
{
	va_list arguments;

	refusal->status = status;
	refusal->code = code;
	refusal->retry_after_ns = 0;
	va_start(arguments, format);
	(void)vsnprintf(refusal->message, sizeof(refusal->message), format, arguments);
	va_end(arguments);
	return -1;
}

/* ---- path -------------------------------------------------------------------------------- */

struct path {
	const char *path;
	uint32_t signal;
};

static const struct path http_paths[] = {
	{ "/v1/logs", SONDE_SIGNAL_LOG },
	{ "/v1/metrics", SONDE_SIGNAL_METRIC },
	{ "/v1/traces", SONDE_SIGNAL_SPAN },
	{ 0 },
};

static const struct path grpc_paths[] = {
	{ "/opentelemetry.proto.collector.logs.v1.LogsService/Export", SONDE_SIGNAL_LOG },
	{ "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", SONDE_SIGNAL_METRIC },
	{ "/opentelemetry.proto.collector.trace.v1.TraceService/Export", SONDE_SIGNAL_SPAN },
	{ 0 },
};

static int read_path(struct call *call, const struct http_request *request,
		     const struct path *paths, struct refusal *refusal)
{
	for (; paths->path; paths++) {
		if (!strcmp(request->path, paths->path)) {
			call->signal = paths->signal;
			return 0;
		}
	}
	return refuse(refusal, 404, GRPC_UNIMPLEMENTED, "there is no %.100s here: %s",
		      request->path,
		      call->codec == CODEC_GRPC
			      ? "the services are Export of logs, metrics and traces, v1"
			      : "the paths are /v1/logs, /v1/metrics and /v1/traces");
}

/* ---- encodings --------------------------------------------------------------------------- */

/* Whether a media type is that one, whatever its parameters. */
static bool is_type(const char *type, const char *name)
{
	size_t length = strlen(name);

	return !strncasecmp(type, name, length) &&
	       (!type[length] || type[length] == ';' || type[length] == ' ' || type[length] == '+');
}

static int read_compression(struct call *call, const char *name, struct refusal *refusal)
{
	if (!compress_find(name ? name : "", &call->compression))
		return 0;
	return refuse(refusal, 415, GRPC_UNIMPLEMENTED,
		      "compression %.40s is not known: gzip and zstd are", name);
}

static int read_http(struct call *call, const struct http_request *request, const char *type,
		     struct refusal *refusal)
{
	if (read_path(call, request, http_paths, refusal))
		return -1;
	if (strcmp(request->method, "POST"))
		return refuse(refusal, 405, GRPC_UNIMPLEMENTED, "%.20s is not understood: POST is",
			      request->method);
	if (is_type(type, "application/x-protobuf"))
		call->codec = CODEC_PROTOBUF;
	else if (is_type(type, "application/json"))
		call->codec = CODEC_JSON;
	else
		return refuse(refusal, 415, GRPC_UNIMPLEMENTED,
			      "content type \"%.60s\" is not known: application/x-protobuf and "
			      "application/json are",
			      type);
	return read_compression(call, http_request_header(request, "content-encoding"), refusal);
}

int call_read_head(struct call *call, const struct http_request *request, struct refusal *refusal)
{
	const char *type = http_request_header(request, "content-type");

	if (!type)
		type = "";
	if (!is_type(type, "application/grpc"))
		return read_http(call, request, type, refusal);
	call->codec = CODEC_GRPC;
	if (read_path(call, request, grpc_paths, refusal))
		return -1;
	if (strcmp(request->method, "POST"))
		return refuse(refusal, 405, GRPC_UNIMPLEMENTED, "%.20s is not understood: POST is",
			      request->method);
	return read_compression(call, http_request_header(request, "grpc-encoding"), refusal);
}
