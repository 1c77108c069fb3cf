// SPDX-License-Identifier: Apache-2.0
/* Output `prometheus`: metrics added up to series, and shown to whoever scrapes them. */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include "accept.h"
#include "address.h"
#include "compress.h"
#include "exposition.h"
#include "server.h"
#include "settings.h"

enum { TIMER_HTTP, TIMER_EXPIRE };
enum { BATCH_LIMIT = 32, GZIP_LEVEL = 1, GZIP_BYTES = 1024 /* not for less */ };

static const int64_t expire_every_ns = INT64_C(5000000000);

struct prometheus {
	struct settings settings; /* first: settings_options is a table of it */

	uint64_t points, scrapes, filtered_rows, refused_points, late_points, overflowed_points,
		resets, expired_series; /* counters */

	struct series_table *table;
	struct series_counts counted; /* of the table, as far as the counters tell them */
	struct exposition exposition;
	struct json body;
	struct compressor *compressor;
	struct buffer compressed;
	struct http_server *server;
	bool has_told_filtered, has_told_full, has_told_conflict;
};

#define COUNTER(name_, member_, unit_, help_)                                                      \
	{                                                                                          \
		.name = name_, SONDE_MEMBER(struct prometheus, member_), .unit = unit_,            \
		.help = help_                                                                      \
	}

static const struct sonde_counter prometheus_counters[] = {
	COUNTER("points", points, "{point}", "data points taken into series"),
	COUNTER("scrapes", scrapes, "{scrape}", "expositions given"),
	COUNTER("filtered_rows", filtered_rows, "{row}", "rows that are no metrics"),
	COUNTER("refused_points", refused_points, "{point}",
		"points over series_limit that cannot be added up, or malformed"),
	COUNTER("late_points", late_points, "{point}",
		"cumulative points and gauges that were not newer than the last"),
	COUNTER("overflowed_points", overflowed_points, "{point}",
		"points added to overflow series"),
	COUNTER("resets", resets, "{reset}", "series that began anew"),
	COUNTER("expired_series", expired_series, "{series}",
		"series forgotten as nothing came for them"),
	{ 0 },
};

static struct series_options table_options(const struct settings *settings)
{
	return (struct series_options){ .series_limit = settings->series_limit,
					.memory_bytes = settings->memory_bytes,
					.expiry_ns = settings->expiry_ns,
					.exemplars = true };
}

static struct exposition_options exposition_options(const struct settings *settings)
{
	return (struct exposition_options){
		.resource_labels = settings->resource_labels.items,
		.resource_label_count = settings->resource_labels.count,
		.seconds = settings->durations == DURATIONS_SECONDS,
		.buckets = settings->buckets,
	};
}

/* ---- rows -------------------------------------------------------------------------------- */

static void count_up(struct prometheus *prometheus)
{
	struct series_counts now, *before = &prometheus->counted;

	series_table_counts(prometheus->table, &now);
	sonde_count(&prometheus->points, now.points - before->points);
	sonde_count(&prometheus->refused_points, now.refused - before->refused);
	sonde_count(&prometheus->late_points, now.late - before->late);
	sonde_count(&prometheus->overflowed_points, now.overflowed - before->overflowed);
	sonde_count(&prometheus->resets, now.resets - before->resets);
	sonde_count(&prometheus->expired_series, now.expired - before->expired);
	if (!prometheus->has_told_full &&
	    (now.refused != before->refused || now.overflowed != before->overflowed)) {
		prometheus->has_told_full = now.series >= prometheus->settings.series_limit ||
					    (prometheus->settings.memory_bytes &&
					     now.memory_bytes >= prometheus->settings.memory_bytes);
	}
	*before = now;
}

/* Says once that the table is full. */
static void tell_full(struct sonde_instance *instance)
{
	struct prometheus *prometheus = instance->self;
	bool told = prometheus->has_told_full;

	count_up(prometheus);
	if (!told && prometheus->has_told_full)
		sonde_log(instance, SONDE_WARNING,
			  "there is no room for more series (%u of %u, %zu bytes): new ones are "
			  "added up under otel.metric.overflow, and gauges refused",
			  prometheus->counted.series, prometheus->settings.series_limit,
			  prometheus->counted.memory_bytes);
}

static void expire(struct sonde_instance *instance)
{
	struct prometheus *prometheus = instance->self;

	series_expire(prometheus->table, series_now(instance));
	count_up(prometheus);
}

static void filter(struct sonde_instance *instance, const struct sonde_batch *batch,
		   struct sonde_outcome *outcome)
{
	struct prometheus *prometheus = instance->self;

	sonde_count(&prometheus->filtered_rows, batch->selected_count);
	outcome->verdict = SONDE_REJECTED;
	outcome->reason = "not a metric";
	if (!prometheus->has_told_filtered)
		sonde_log(instance, SONDE_WARNING,
			  "rows of \"%s\" are no metrics, and rejected as all such rows are "
			  "(send them elsewhere)",
			  batch->schema);
	prometheus->has_told_filtered = true;
}

/* Each batch has its own answer, so that one which is tried again is not added twice. */
static int prometheus_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct prometheus *prometheus = instance->self;
	struct series_moment now = series_now(instance);
	uint32_t count = delivery->batch_count;

	for (uint32_t i = 0; i < count; i++) {
		const struct sonde_batch *batch = delivery->batches[i];
		struct sonde_outcome outcome = { .size = sizeof(outcome) };

		if (batch->signal != SONDE_SIGNAL_METRIC && batch->signal != SONDE_SIGNAL_LEDGER)
			filter(instance, batch, &outcome);
		else if (series_fold(prometheus->table, instance, batch, now,
				     &outcome.rejected_rows) < 0)
			outcome.verdict = SONDE_RETRY;
		if (outcome.rejected_rows)
			outcome.reason = "no room for series";
		sonde_settle_batch(instance, delivery, i, &outcome);
	}
	tell_full(instance);
	return SONDE_OK;
}

/* ---- scrapes ----------------------------------------------------------------------------- */

static void answer_error(struct http_request *request, uint32_t status, const char *text)
{
	static const struct http_header allow = { "allow", "GET, HEAD" };

	http_answer(request, &(struct http_answer){ .status = status,
						    .content_type = "text/plain; charset=utf-8",
						    .body = text,
						    .body_length = strlen(text),
						    .headers = &allow,
						    .header_count = status == 405 });
}

static int on_head(void *data, struct http_request *request)
{
	struct sonde_instance *instance = data;
	const struct prometheus *prometheus = instance->self;

	if (strcmp(request->path, prometheus->settings.path) != 0) {
		answer_error(request, 404, "there is nothing here\n");
		return 1;
	}
	if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
		answer_error(request, 405, "only GET is answered\n");
		return 1;
	}
	return 0;
}

static void tell_conflicts(struct sonde_instance *instance)
{
	struct prometheus *prometheus = instance->self;
	const struct exposition *exposition = &prometheus->exposition;

	if (prometheus->has_told_conflict ||
	    !(exposition->conflicting_metrics | exposition->merged_series |
	      exposition->unmerged_series))
		return;
	prometheus->has_told_conflict = true;
	sonde_log(instance, SONDE_WARNING,
		  "not all series can be told apart: %u metrics have the name of one of another "
		  "type or unit and are not shown, %u series are added to others of the same "
		  "labels, %u cannot be and are not shown (resource_labels may tell them apart)",
		  exposition->conflicting_metrics, exposition->merged_series,
		  exposition->unmerged_series);
}

static int write_body(struct sonde_instance *instance, enum accept_format format)
{
	struct prometheus *prometheus = instance->self;
	struct exposition *exposition = &prometheus->exposition;
	struct json *body = &prometheus->body;
	int result;

	exposition->options = exposition_options(&prometheus->settings);
	json_clear(body);
	body->failed = false;
	result = exposition_make(exposition, instance, prometheus->table);
	if (result < 0)
		return result;
	if (format == ACCEPT_PROTOBUF)
		result = exposition_write_protobuf(exposition, body);
	else if (format == ACCEPT_OPENMETRICS)
		exposition_write_openmetrics(exposition, body);
	else
		exposition_write_text(exposition, body);
	tell_conflicts(instance);
	return result < 0 ? result : body->failed ? -ENOMEM : 0;
}

/* Compresses the body if that is wanted; without memory it goes out as it is. */
static bool compress(struct prometheus *prometheus, const struct http_request *request)
{
	if (prometheus->body.length < GZIP_BYTES ||
	    !accept_gzip(http_request_header(request, "accept-encoding")))
		return false;
	if (!prometheus->compressor)
		prometheus->compressor = compressor_create(COMPRESS_GZIP, GZIP_LEVEL);
	return prometheus->compressor &&
	       compressor_run(prometheus->compressor, prometheus->body.data,
			      prometheus->body.length, &prometheus->compressed) == 0;
}

static void on_complete(void *data, struct http_request *request)
{
	static const struct http_header headers[] = { { "vary", "accept, accept-encoding" },
						      { "content-encoding", "gzip" } };
	struct sonde_instance *instance = data;
	struct prometheus *prometheus = instance->self;
	enum accept_format format = accept_format(http_request_header(request, "accept"));
	struct http_answer answer = { .status = 200,
				      .content_type = accept_type(format),
				      .headers = headers,
				      .header_count = 1 };

	expire(instance);
	if (write_body(instance, format) < 0) {
		answer_error(request, 503, "there is no memory for it now\n");
		return;
	}
	answer.body = prometheus->body.data ? prometheus->body.data : "";
	answer.body_length = prometheus->body.length;
	if (compress(prometheus, request)) {
		answer.body = prometheus->compressed.data;
		answer.body_length = prometheus->compressed.length;
		answer.header_count = 2;
	}
	sonde_count(&prometheus->scrapes, 1);
	http_answer(request, &answer);
}

static void on_end(void *data, struct http_request *request)
{
	(void)data;
	(void)request;
}

static const struct http_handler handler = { .head = on_head,
					     .complete = on_complete,
					     .end = on_end };

/* ---- the instance ------------------------------------------------------------------------ */

/* Ports below 1024 are for those who may. */
static void need_port(struct sonde_instance *instance)
{
	const struct prometheus *prometheus = instance->self;
	struct address address;
	char error[160];
	int port;

	if (address_parse(prometheus->settings.listen, &address, error, sizeof(error)) < 0)
		return;
	port = atoi(address.port);
	if (!address.path && port > 0 && port < 1024)
		(void)sonde_need(instance, CAP_NET_BIND_SERVICE, SONDE_TO_START);
}

static int prometheus_check(struct sonde_instance *instance)
{
	const struct prometheus *prometheus = instance->self;

	settings_check(instance, &prometheus->settings);
	need_port(instance);
	return 0;
}

static int prometheus_start(struct sonde_instance *instance)
{
	struct prometheus *prometheus = instance->self;
	const struct settings *settings = &prometheus->settings;
	const struct series_options options = table_options(settings);
	const struct http_limits limits = { .connections = settings->connections, .body_bytes = 1 };
	char error[256];
	int result = series_table_create(&options, series_now(instance), &prometheus->table);

	if (result < 0)
		return sonde_fail(instance, -result, "cannot start");
	need_port(instance);
	result = http_server_create(instance, settings->listen, false, &limits, &settings->tls,
				    &handler, instance, TIMER_HTTP, &prometheus->server, error,
				    sizeof(error));
	if (result < 0)
		return sonde_fail(instance, -result, "%s", error);
	if (settings_is_open(settings))
		sonde_log(instance, SONDE_WARNING,
			  "others may ask at %s, without TLS; say certificate_file",
			  settings->listen);
	return sonde_every(instance, TIMER_EXPIRE, expire_every_ns);
}

static void prometheus_stop(struct sonde_instance *instance)
{
	struct prometheus *prometheus = instance->self;

	http_server_release(prometheus->server);
	prometheus->server = NULL;
	exposition_release(&prometheus->exposition);
	series_table_release(prometheus->table);
	prometheus->table = NULL;
	memset(&prometheus->counted, 0, sizeof(prometheus->counted));
	json_release(&prometheus->body);
	compressor_release(prometheus->compressor);
	prometheus->compressor = NULL;
	buffer_release(&prometheus->compressed);
	prometheus->has_told_full = prometheus->has_told_conflict = false;
}

/* All knobs are read where they are used, but for the table's. */
static int prometheus_set(struct sonde_instance *instance)
{
	struct prometheus *prometheus = instance->self;
	const struct series_options options = table_options(&prometheus->settings);

	series_table_set(prometheus->table, &options);
	prometheus->has_told_full = false;
	return 0;
}

static int prometheus_ready(struct sonde_instance *instance, int fd, uint32_t events)
{
	struct prometheus *prometheus = instance->self;

	(void)http_server_ready(prometheus->server, fd, events);
	return 0;
}

static int prometheus_timer(struct sonde_instance *instance, int timer)
{
	struct prometheus *prometheus = instance->self;

	if (timer == TIMER_EXPIRE)
		expire(instance);
	else
		(void)http_server_timer(prometheus->server, timer);
	return 0;
}

static int prometheus_report(struct sonde_instance *instance, struct sonde_report *report)
{
	struct prometheus *prometheus = instance->self;
	struct series_counts counts;

	if (!prometheus->table)
		return 0;
	series_table_counts(prometheus->table, &counts);
	sonde_report(instance, report, "table", "all", "series", "{series}", counts.series);
	sonde_report(instance, report, "table", "all", "metrics", "{metric}", counts.metrics);
	sonde_report(instance, report, "table", "all", "memory", "By", (double)counts.memory_bytes);
	return 0;
}

static const struct sonde_plugin prometheus_plugin = {
	SONDE_PLUGIN_OUTPUT,
	.name = "prometheus",
	.summary = "metrics for Prometheus to scrape",
	.manual = settings_manual,
	.self_size = sizeof(struct prometheus),
	.batch_limit = BATCH_LIMIT,
	.options = settings_options,
	.counters = prometheus_counters,
	.check = prometheus_check,
	.start = prometheus_start,
	.stop = prometheus_stop,
	.set = prometheus_set,
	.ready = prometheus_ready,
	.timer = prometheus_timer,
	.report = prometheus_report,
	.write = prometheus_write,
};

SONDE_EXPORT(prometheus_plugin)
