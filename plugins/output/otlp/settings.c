// SPDX-License-Identifier: Apache-2.0
/* The options of the output `otlp`: their table, their manual, and what is wrong with them. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "target.h"
#include "variables.h"

static const char *const protocol_choices[] = { "http", "http_json", "grpc", NULL };
static const char *const compression_choices[] = { "none", "gzip", "zstd", NULL };
/* as enum sonde_temporality counts them */
static const char *const temporality_choices[] = { "as_is", "delta", "cumulative", NULL };
static const char *const tls_choices[] = { "1.2", "1.3", NULL };

static const struct sonde_option secret_header_options[] = {
	{ .name = "name",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct secret_header, name),
	  .required = true,
	  .help = "of the header" },
	{ .name = "value",
	  .type = SONDE_SECRET,
	  SONDE_MEMBER(struct secret_header, value),
	  .required = true,
	  .help = "of the header" },
	{ 0 }
};

const struct sonde_option settings_options[] = {
	{ .name = "protocol",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, protocol),
	  .choices = protocol_choices,
	  .help = "http: protobuf over HTTP; http_json; grpc; left open: http" },
	{ .name = "endpoint",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, endpoint),
	  .help = "base URL, to which v1/logs and so on are appended, or \"unix:/PATH\"; left "
		  "open: port 4318 of this host, 4317 for grpc" },
	{ .name = "logs_endpoint",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, logs_endpoint),
	  .help = "URL for logs, used as it is" },
	{ .name = "metrics_endpoint",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, metrics_endpoint),
	  .help = "URL for metrics, used as it is" },
	{ .name = "traces_endpoint",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, traces_endpoint),
	  .help = "URL for spans, used as it is" },
	{ .name = "compression",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, compression),
	  .choices = compression_choices,
	  .help = "of requests; not every receiver takes zstd; left open: none" },
	{ .name = "level",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct settings, level),
	  .value = "1",
	  .minimum = "1",
	  .maximum = "19",
	  .help = "of compression: higher is smaller and slower; gzip: 12 at most" },
	{ .name = "headers",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct settings, headers),
	  .help = "of each request, \"name=value\"" },
	{ .name = "secret_headers",
	  .type = SONDE_GROUPS,
	  SONDE_MEMBER(struct settings, secret_headers),
	  .options = secret_header_options,
	  .item_size = sizeof(struct secret_header),
	  .help = "headers whose values nobody may see" },
	{ .name = "bearer_token",
	  .type = SONDE_SECRET,
	  SONDE_MEMBER(struct settings, bearer_token),
	  .help = "sent as Authorization: Bearer TOKEN" },
	{ .name = "bearer_token_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, bearer_token_file),
	  .help = "file that holds the token, read again when it changes" },
	{ .name = "ca_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, ca_file),
	  .help = "certificates (PEM) that may vouch for the receiver; left open: those of the "
		  "system" },
	{ .name = "certificate_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, certificate_file),
	  .help = "certificate (PEM) to show to the receiver" },
	{ .name = "key_file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, key_file),
	  .help = "its key (PEM)" },
	{ .name = "key_password",
	  .type = SONDE_SECRET,
	  SONDE_MEMBER(struct settings, key_password),
	  .help = "of the key" },
	{ .name = "tls_minimum",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct settings, tls_minimum),
	  .value = "1.2",
	  .choices = tls_choices,
	  .help = "lowest version of TLS" },
	{ .name = "verify",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct settings, verify),
	  .value = "true",
	  .help = "false: speak TLS with anybody, which hides nothing from who sits in between" },
	{ .name = "proxy",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, proxy),
	  .help = "URL of a proxy, \"\" for none; left open: http_proxy, https_proxy and no_proxy "
		  "of the environment" },
	{ .name = "proxy_credentials",
	  .type = SONDE_SECRET,
	  SONDE_MEMBER(struct settings, proxy_credentials),
	  .help = "\"USER:PASSWORD\" for the proxy" },
	{ .name = "request_size",
	  .type = SONDE_SIZE,
	  SONDE_MEMBER(struct settings, request_bytes),
	  .value = "3MiB",
	  .minimum = "1KiB",
	  .maximum = "64MiB",
	  .help = "of a request at most, before compression; what is more is split" },
	{ .name = "in_flight",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct settings, in_flight),
	  .value = "4",
	  .minimum = "1",
	  .maximum = "16",
	  .unit = "{request}",
	  .help = "under way at once; with more than 1 they may overtake each other" },
	{ .name = "timeout",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, timeout_ns),
	  .value = "0s",
	  .minimum = "0s",
	  .maximum = "1d",
	  .knob = true,
	  .help = "for a request with its answer; 0s: left open, 10 s" },
	{ .name = "temporality",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct settings, temporality),
	  .value = "as_is",
	  .choices = temporality_choices,
	  .help = "of sums and histograms: delta is since the point before, cumulative since a "
		  "start" },
	{ .name = "series_limit",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct settings, series_limit),
	  .value = "100000",
	  .minimum = "1",
	  .unit = "{series}",
	  .help = "with a temporality: series, beyond which new ones are added up in one a "
		  "metric" },
	{ .name = "memory_limit",
	  .type = SONDE_SIZE,
	  SONDE_MEMBER(struct settings, memory_bytes),
	  .value = "128MiB",
	  .help = "of all series, beyond which new ones are added up too; 0B: any" },
	{ .name = "expiry",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, expiry_ns),
	  .value = "1h",
	  .minimum = "0s",
	  .help = "after which a series without a point is forgotten; 0s: never" },
	{ 0 }
};

const char settings_manual[] =
	"Sends rows as OTLP: logs, metrics and spans, by the roles of their columns. Small batches "
	"that wait are sent together, large ones are split below request_size. A receiver that "
	"says "
	"that a request was too large (HTTP 413, gRPC RESOURCE_EXHAUSTED) gets halves from then "
	"on; a row that is too large alone is rejected.\n\n"
	"Answers: what the specification calls retryable is offered again, not before a "
	"Retry-After or RetryInfo, else as `retry` says; any other refusal rejects the rows, with "
	"the "
	"receiver's words in the log. Of a partial success, the rejected rows count as lost. A "
	"connection that ends before the answer is tried again and counted as possibly repeated. "
	"Of "
	"a batch that was split, what was accepted is not sent again.\n\n"
	"What the config leaves open is taken from the variables OTEL_EXPORTER_OTLP_ENDPOINT, "
	"HEADERS, TIMEOUT, COMPRESSION, PROTOCOL, CERTIFICATE, CLIENT_KEY, CLIENT_CERTIFICATE and "
	"INSECURE, and before them from those of one signal, such as "
	"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT.";

/* ---- headers ----------------------------------------------------------------------------- */

bool settings_sounds_secret(const char *header)
{
	static const char *const words[] = {
		"auth",       "token",       "secret",          "cookie", "passwd",
		"password",   "credential",  "api-key",         "apikey", "api_key",
		"access-key", "license-key", "x-honeycomb-team"
	};

	for (uint32_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcasestr(header, words[i]))
			return true;
	}
	return false;
}

/* A token of RFC 9110. */
static size_t header_name_length(const char *text)
{
	size_t length = 0;

	while (isalnum((unsigned char)text[length]) ||
	       (text[length] && strchr("!#$%&'*+-.^_`|~", text[length])))
		length++;
	return length;
}

static bool is_header_value(const char *value)
{
	for (; *value; value++) {
		if ((unsigned char)*value < 0x20 || *value == 0x7f)
			return *value == '\t' && is_header_value(value + 1);
	}
	return true;
}

bool settings_header_split(const char *text, size_t *ret_name_length, const char **ret_value)
{
	size_t length = header_name_length(text);

	if (!length || text[length] != '=' || !is_header_value(text + length + 1))
		return false;
	*ret_name_length = length;
	*ret_value = text + length + 1;
	return true;
}

/* Headers that the output writes itself. */
static bool is_own_header(const char *name, size_t length)
{
	static const char *const own[] = {
		"content-type",      "content-length", "content-encoding", "host",        "te",
		"transfer-encoding", "connection",     "grpc-encoding",    "grpc-timeout"
	};

	for (uint32_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
		if (strlen(own[i]) == length && !strncasecmp(own[i], name, length))
			return true;
	}
	return false;
}

static void check_headers(struct sonde_instance *instance, const struct settings *settings)
{
	const struct secret_header *secrets = settings->secret_headers.items;

	for (uint32_t i = 0; i < settings->headers.count; i++) {
		const char *text = settings->headers.items[i], *value;
		char name[128];
		size_t length;

		if (!settings_header_split(text, &length, &value)) {
			sonde_problem(instance, "headers",
				      "item %u is not \"name=value\" (try \"X-Scope-OrgID=shop\")",
				      i + 1);
			continue;
		}
		(void)snprintf(name, sizeof(name), "%.*s", (int)length, text);
		if (settings_sounds_secret(name))
			sonde_problem(instance, "headers",
				      "\"%s\" sounds like a secret: write secret_headers = ( { "
				      "name = \"%s\"; value = \"${file:PATH}\"; } )",
				      name, name);
		else if (is_own_header(text, length))
			sonde_problem(instance, "headers", "\"%s\" is written by sonde itself",
				      name);
	}
	for (uint32_t i = 0; i < settings->secret_headers.count; i++) {
		size_t length = header_name_length(secrets[i].name);

		if (!length || secrets[i].name[length])
			sonde_problem(instance, "secret_headers", "\"%s\" is no name of a header",
				      secrets[i].name);
		else if (is_own_header(secrets[i].name, length))
			sonde_problem(instance, "secret_headers",
				      "\"%s\" is written by sonde itself", secrets[i].name);
		else if (!is_header_value(secrets[i].value))
			sonde_problem(instance, "secret_headers",
				      "the value of \"%s\" has a line break in it or another "
				      "control character",
				      secrets[i].name);
	}
}

/* ---- the rest ---------------------------------------------------------------------------- */

/* A file that is there but cannot be read may be for the user that sonde becomes. */
static void check_file(struct sonde_instance *instance, const char *option, const char *path)
{
	struct stat status;

	if (!path)
		return;
	if (stat(path, &status) < 0 && (errno == ENOENT || errno == ENOTDIR))
		sonde_problem(instance, option, "there is no file %s", path);
	else if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		sonde_problem(instance, option, "%s is a directory", path);
}

static void check_files(struct sonde_instance *instance, const struct settings *settings)
{
	check_file(instance, "ca_file", settings->ca_file);
	check_file(instance, "certificate_file", settings->certificate_file);
	check_file(instance, "key_file", settings->key_file);
	check_file(instance, "bearer_token_file", settings->bearer_token_file);
	if (settings->key_file && !settings->certificate_file)
		sonde_problem(instance, "key_file", "there is no certificate_file beside it");
	if (settings->bearer_token && settings->bearer_token_file)
		sonde_problem(instance, "bearer_token_file", "there is a bearer_token too");
	if (settings->bearer_token && !is_header_value(settings->bearer_token))
		sonde_problem(instance, "bearer_token",
			      "has a line break in it or another control character");
}

/* Each replica would know a part of the sums. */
static void check_temporality(struct sonde_instance *instance, const struct settings *settings)
{
	if (settings->temporality && instance->replica_count > 1)
		sonde_problem(instance, "temporality",
			      "points of a series must meet in one place: take away threads = %u",
			      instance->replica_count);
}

static void check_proxy(struct sonde_instance *instance, const struct settings *settings)
{
	const char *proxy = settings->proxy;

	if (proxy && *proxy && strchr(proxy, '@'))
		sonde_problem(instance, "proxy",
			      "holds a user or a password: say them in proxy_credentials");
	else if (proxy && *proxy && strncmp(proxy, "http://", 7) && strncmp(proxy, "https://", 8) &&
		 strncmp(proxy, "socks5://", 9) && strncmp(proxy, "socks5h://", 10))
		sonde_problem(instance, "proxy",
			      "\"%s\" is no URL of a proxy (try \"http://proxy.example:3128\")",
			      proxy);
}

static bool has_secrets(const struct settings *settings, const struct target *target)
{
	return settings->bearer_token || settings->bearer_token_file ||
	       settings->secret_headers.count || target->header_count;
}

static void check_dangers(struct sonde_instance *instance, const struct settings *settings,
			  const struct target targets[SIGNAL_COUNT])
{
	bool any_tls = false;

	for (uint32_t i = 0; i < SIGNAL_COUNT; i++) {
		const struct target *target = &targets[i];

		any_tls |= target->is_tls;
		if (!target->is_tls && !target->is_loopback && has_secrets(settings, target)) {
			sonde_note(instance,
				   "warning: secrets go to %s unencrypted (https:// hides them)",
				   target->url);
			break;
		}
	}
	if (!settings->verify)
		sonde_note(instance, "warning: verify = false: anybody may pose as the receiver");
	if (!any_tls && (settings->ca_file || settings->certificate_file))
		sonde_note(instance, "warning: no address is https://, so no certificate is used");
}

void settings_check(struct sonde_instance *instance, const struct settings *settings)
{
	struct target targets[SIGNAL_COUNT];
	char error[TARGET_ERROR_LENGTH];
	const char *option = NULL;
	int result;

	check_headers(instance, settings);
	check_files(instance, settings);
	check_proxy(instance, settings);
	check_temporality(instance, settings);
	result = targets_resolve(settings, variable_of_environment, targets, &option, error);
	if (result == -EINVAL)
		sonde_problem(instance, option, "%s", error);
	for (uint32_t i = 0; !result && i < SIGNAL_COUNT; i++) {
		if (settings->level > compress_level_limit(targets[i].compression) &&
		    targets[i].compression) {
			sonde_problem(instance, "level", "%u is too high for %s (at most %u)",
				      settings->level, compress_name(targets[i].compression),
				      compress_level_limit(targets[i].compression));
			break;
		}
	}
	if (!result)
		check_dangers(instance, settings, targets);
	targets_release(targets);
}
