// SPDX-License-Identifier: Apache-2.0
/* Where each signal goes and how. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <curl/curl.h>
#include "target.h"
#include "variables.h"

static const int64_t timeout_default_ns = INT64_C(10000000000);

static const char *const signal_names[SIGNAL_COUNT] = { "logs", "metrics", "traces" };
static const char *const endpoint_options[SIGNAL_COUNT] = { "logs_endpoint", "metrics_endpoint",
							    "traces_endpoint" };
static const char *const services[SIGNAL_COUNT] = {
	"/opentelemetry.proto.collector.logs.v1.LogsService/Export",
	"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
	"/opentelemetry.proto.collector.trace.v1.TraceService/Export",
};

/* What is being worked out. */
struct resolution {
	const struct settings *settings;
	target_variable *variable;
	enum signal signal;
	struct target *target;
	const char *option; /* that is looked at; NULL: a variable */
	char *error;
};

/* An address as it was given, and what that means for it. */
struct address {
	const char *text;
	const char *source; /* name of the option or variable */
	bool of_signal;     /* used as it is */
	bool is_variable;
};

const char *target_signal_name(enum signal signal)
{
	return signal_names[signal];
}

__attribute__((format(printf, 2, 3))) static int complain(struct resolution *at, const char *format,
							  ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(at->error, TARGET_ERROR_LENGTH, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

static const char *read_variable(struct resolution *at, const char *name, char *ret_name,
				 bool *ret_of_signal)
{
	return variable_read(at->variable, at->signal, name, ret_name, ret_of_signal);
}

/* ---- protocol, compression, time --------------------------------------------------------- */

static int resolve_protocol(struct resolution *at)
{
	static const char *const option_words[] = { "http", "http_json", "grpc" };
	static const char *const variable_words[] = { "http/protobuf", "http/json", "grpc" };
	const char *const *words = option_words;
	const char *text = at->settings->protocol;
	char name[VARIABLE_NAME_LENGTH];

	at->option = "protocol";
	if (!text) {
		text = read_variable(at, "PROTOCOL", name, NULL);
		words = variable_words;
		at->option = NULL;
	}
	at->target->protocol = PROTOCOL_HTTP;
	if (!text)
		return 0;
	for (uint32_t i = PROTOCOL_HTTP; i <= PROTOCOL_GRPC; i++) {
		if (strcmp(words[i], text))
			continue;
		at->target->protocol = (enum protocol)i;
		return 0;
	}
	return complain(at, "%s: \"%.40s\" is none of %s, %s, %s", name, text, words[0], words[1],
			words[2]);
}

static int resolve_compression(struct resolution *at)
{
	const char *text = at->settings->compression;
	char name[VARIABLE_NAME_LENGTH];

	at->option = "compression";
	at->target->compression = COMPRESS_NONE;
	if (!text) {
		text = read_variable(at, "COMPRESSION", name, NULL);
		at->option = NULL;
	}
	if (!text || !strcmp(text, "none"))
		return 0;
	if (compress_find(text, &at->target->compression))
		return complain(at, "%s: \"%.40s\" is none of none, gzip, zstd", name, text);
	return 0;
}

static int resolve_timeout(struct resolution *at)
{
	char name[VARIABLE_NAME_LENGTH];
	const char *text = read_variable(at, "TIMEOUT", name, NULL);

	at->option = NULL;
	at->target->timeout_ns = timeout_default_ns;
	return text && !at->settings->timeout_ns
		       ? variable_timeout(text, name, &at->target->timeout_ns, at->error)
		       : 0;
}

/* ---- addresses --------------------------------------------------------------------------- */

static struct address find_address(struct resolution *at, char *name)
{
	const struct settings *settings = at->settings;
	const char *const own[] = { settings->logs_endpoint, settings->metrics_endpoint,
				    settings->traces_endpoint };
	struct address address = { .text = own[at->signal], .of_signal = true };

	at->option = address.source = endpoint_options[at->signal];
	if (address.text)
		return address;
	at->option = address.source = "endpoint";
	address.of_signal = false;
	address.text = settings->endpoint;
	if (address.text)
		return address;
	at->option = NULL;
	address.source = name;
	address.is_variable = true;
	address.text = read_variable(at, "ENDPOINT", name, &address.of_signal);
	if (address.text)
		return address;
	address.source = "endpoint";
	address.text = at->target->protocol == PROTOCOL_GRPC ? "http://localhost:4317"
							     : "http://localhost:4318";
	return address;
}

static bool is_loopback(const char *host)
{
	struct in6_addr six;
	struct in_addr four;
	size_t length = strlen(host);

	if (*host == '[') { /* curl keeps the brackets */
		char inner[INET6_ADDRSTRLEN + 1] = "";

		(void)snprintf(inner, sizeof(inner), "%.*s",
			       (int)(length > 2 && length < sizeof(inner) ? length - 2 : 0),
			       host + 1);
		return inet_pton(AF_INET6, inner, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
	}
	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	return !strcasecmp(host, "localhost") ||
	       (length > 10 && !strcasecmp(host + length - 10, ".localhost"));
}

/* The parts of a URL that matter here; freed by url_release(). */
struct url_parts {
	CURLU *url;
	char *scheme, *host, *path, *user, *query;
};

static void url_release(struct url_parts *parts)
{
	curl_free(parts->scheme);
	curl_free(parts->host);
	curl_free(parts->path);
	curl_free(parts->user);
	curl_free(parts->query);
	curl_url_cleanup(parts->url);
}

/* Takes a URL apart. What cannot be a URL is told with what one looks like. */
static int url_take_apart(struct resolution *at, const struct address *address, const char *text,
			  struct url_parts *parts)
{
	const char *prefix = address->is_variable ? address->source : "";
	const char *colon = address->is_variable ? ": " : "";
	const char *example = at->target->protocol == PROTOCOL_GRPC
				      ? "https://collector.example:4317"
				      : "https://collector.example:4318";
	CURLUcode code;

	*parts = (struct url_parts){ .url = curl_url() };
	if (!parts->url)
		return -ENOMEM;
	code = strstr(text, "://")
		       ? curl_url_set(parts->url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME)
		       : CURLUE_BAD_SCHEME;
	if (code == CURLUE_OUT_OF_MEMORY)
		return -ENOMEM;
	if (code)
		return complain(at, "%s%s\"%s\" is no URL (try \"%s\" or \"unix:/run/otlp.sock\")",
				prefix, colon, text, example);
	(void)curl_url_get(parts->url, CURLUPART_SCHEME, &parts->scheme, 0);
	(void)curl_url_get(parts->url, CURLUPART_HOST, &parts->host, 0);
	(void)curl_url_get(parts->url, CURLUPART_PATH, &parts->path, 0);
	(void)curl_url_get(parts->url, CURLUPART_USER, &parts->user, 0);
	(void)curl_url_get(parts->url, CURLUPART_QUERY, &parts->query, 0);
	if (!parts->scheme || !parts->host || !parts->path)
		return -ENOMEM;
	if (parts->user)
		return complain(at,
				"%s%sthe URL holds a user or a password: send them as a secret "
				"header",
				prefix, colon);
	if (strcmp(parts->scheme, "http") && strcmp(parts->scheme, "https"))
		return complain(at, "%s%s\"%s\" is neither http:// nor https:// (try \"%s\")",
				prefix, colon, text, example);
	return 0;
}

static bool ends_in(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && !strcmp(text + length - end_length, end);
}

/* The path of the request, as the rules have it; NULL: memory is refused, or `error` has it. */
static char *path_make(struct resolution *at, const struct address *address, const char *given)
{
	size_t length = strlen(given);
	char *path = NULL, own[16];

	if (at->target->protocol == PROTOCOL_GRPC) {
		if (strcmp(given, "/")) {
			(void)complain(at,
				       "%s: an address for gRPC has no path, so take away \"%s\"",
				       address->source, given);
			return NULL;
		}
		return strdup(services[at->signal]);
	}
	if (address->of_signal)
		return strdup(given);
	for (uint32_t i = 0; i < SIGNAL_COUNT; i++) {
		(void)snprintf(own, sizeof(own), "/v1/%s", signal_names[i]);
		if (ends_in(given, own)) {
			(void)complain(at,
				       "%s: \"%s\" is appended by itself: take it away, or say %s",
				       address->source, own + 1, endpoint_options[i]);
			return NULL;
		}
	}
	while (length && given[length - 1] == '/')
		length--;
	if (asprintf(&path, "%.*s/v1/%s", (int)length, given, signal_names[at->signal]) < 0)
		return NULL;
	return path;
}

static int resolve_url(struct resolution *at, const struct address *address, const char *text)
{
	struct url_parts parts;
	char *path = NULL, *url = NULL;
	int result = url_take_apart(at, address, text, &parts);

	if (!result) {
		at->error[0] = '\0';
		path = path_make(at, address, parts.path);
		result = path ? 0 : at->error[0] ? -EINVAL : -ENOMEM;
	}
	if (!result && (curl_url_set(parts.url, CURLUPART_PATH, path, 0) ||
			curl_url_set(parts.url, CURLUPART_FRAGMENT, NULL, 0) ||
			curl_url_get(parts.url, CURLUPART_URL, &url, 0)))
		result = -ENOMEM;
	if (!result) {
		at->target->is_tls = !strcmp(parts.scheme, "https");
		at->target->is_loopback = is_loopback(parts.host);
		at->target->url = strdup(url);
		result = at->target->url ? 0 : -ENOMEM;
	}
	curl_free(url);
	free(path);
	url_release(&parts);
	return result;
}

/* "unix:/path" and "unix:///path". */
static int resolve_socket(struct resolution *at, const struct address *address)
{
	const size_t limit = sizeof(((struct sockaddr_un *)0)->sun_path);
	const char *path = address->text + strlen("unix:");
	struct address inner = { .text = "http://localhost", .source = address->source };
	int result;

	if (!strncmp(path, "//", 2))
		path += 2;
	if (*path != '/' || strlen(path) >= limit)
		return complain(at,
				"\"%s\" is not the whole path of a socket, of less than %zu bytes "
				"(try \"unix:/run/otlp.sock\")",
				address->text, limit);
	result = resolve_url(at, &inner, inner.text);
	if (result)
		return result;
	at->target->is_loopback = true;
	at->target->socket = strdup(path);
	return at->target->socket ? 0 : -ENOMEM;
}

/* An address of a variable may lack its scheme for gRPC: another variable then says whether it is
 * TLS. */
static int resolve_bare(struct resolution *at, const struct address *address)
{
	char name[VARIABLE_NAME_LENGTH], *text = NULL;
	const char *insecure = read_variable(at, "INSECURE", name, NULL);
	bool plain = insecure && !strcasecmp(insecure, "true");
	int result;

	if (insecure && !plain && strcasecmp(insecure, "false"))
		return complain(at, "%s: \"%.40s\" is neither true nor false", name, insecure);
	if (asprintf(&text, "http%s://%s", plain ? "" : "s", address->text) < 0)
		return -ENOMEM;
	result = resolve_url(at, address, text);
	free(text);
	return result;
}

static int resolve_address(struct resolution *at)
{
	char name[VARIABLE_NAME_LENGTH];
	struct address address = find_address(at, name);

	if (!strncmp(address.text, "unix:", 5))
		return resolve_socket(at, &address);
	if (address.is_variable && at->target->protocol == PROTOCOL_GRPC &&
	    !strstr(address.text, "://"))
		return resolve_bare(at, &address);
	return resolve_url(at, &address, address.text);
}

/* ---- headers and files ------------------------------------------------------------------- */

static int resolve_headers(struct resolution *at)
{
	char name[VARIABLE_NAME_LENGTH];
	const char *text = read_variable(at, "HEADERS", name, NULL);

	at->option = NULL;
	if (!text || at->settings->headers.count || at->settings->secret_headers.count)
		return 0;
	return variable_headers(text, name, at->target, at->error);
}

/* The three files of TLS. Variables stay in the environment as long as the process lives. */
static void resolve_files(struct resolution *at)
{
	const struct settings *settings = at->settings;
	struct target *target = at->target;
	char name[VARIABLE_NAME_LENGTH];

	target->ca_file = settings->ca_file ? settings->ca_file
					    : read_variable(at, "CERTIFICATE", name, NULL);
	target->certificate_file = settings->certificate_file;
	target->key_file = settings->key_file;
	if (settings->certificate_file || settings->key_file)
		return;
	target->certificate_file = read_variable(at, "CLIENT_CERTIFICATE", name, NULL);
	target->key_file = read_variable(at, "CLIENT_KEY", name, NULL);
}

int targets_resolve(const struct settings *settings, target_variable *variable,
		    struct target targets[SIGNAL_COUNT], const char **ret_option,
		    char error[TARGET_ERROR_LENGTH])
{
	struct resolution at = { .settings = settings, .variable = variable, .error = error };
	int result = 0;

	memset(targets, 0, SIGNAL_COUNT * sizeof(*targets));
	for (uint32_t signal = 0; !result && signal < SIGNAL_COUNT; signal++) {
		at.signal = (enum signal)signal;
		at.target = &targets[signal];
		result = resolve_protocol(&at);
		if (!result)
			result = resolve_compression(&at);
		if (!result)
			result = resolve_timeout(&at);
		if (!result)
			result = resolve_address(&at);
		if (!result)
			result = resolve_headers(&at);
		if (!result)
			resolve_files(&at);
	}
	if (result == -EINVAL)
		*ret_option = at.option;
	return result;
}

void targets_release(struct target targets[SIGNAL_COUNT])
{
	for (uint32_t signal = 0; signal < SIGNAL_COUNT; signal++) {
		struct target *target = &targets[signal];

		free(target->url);
		free(target->socket);
		for (uint32_t i = 0; i < target->header_count; i++)
			free(target->headers[i]);
		*target = (struct target){ 0 };
	}
}
