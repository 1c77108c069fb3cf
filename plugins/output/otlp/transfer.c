// SPDX-License-Identifier: Apache-2.0
/* Requests on their way: libcurl's multi interface on the instance's own fds and timer. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "transfer.h"

enum { UPLOAD_BUFFER_SIZE = 256 * 1024, CA_CACHE_SECONDS = 60 };

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_result;

static void curl_begin(void)
{
	curl_result = curl_global_init(CURL_GLOBAL_DEFAULT); /* for good: plugins stay loaded */
}

int64_t transport_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* ---- what libcurl asks for --------------------------------------------------------------- */

/* Where a watch is refused, the request runs into its timeout and is tried again. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *unused)
{
	struct transport *transport = data;
	uint32_t events = 0;
	int error;

	(void)easy;
	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		(void)sonde_unwatch(transport->instance, fd);
		return 0;
	}
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= SONDE_READABLE;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= SONDE_WRITABLE;
	error = sonde_watch(transport->instance, fd, events);
	if (error)
		sonde_log(transport->instance, SONDE_ERROR, "cannot watch a connection: %s",
			  strerror(-error));
	return 0;
}

static int on_timer(CURLM *multi, long delay_ms, void *data)
{
	struct transport *transport = data;

	(void)multi;
	if (sonde_after(transport->instance, transport->timer,
			delay_ms < 0 ? -1 : (int64_t)delay_ms * 1000000))
		sonde_log(transport->instance, SONDE_ERROR, "no memory for a timer");
	return 0;
}

static size_t on_read(char *to, size_t size, size_t count, void *data)
{
	struct transfer *transfer = data;
	size_t room = size * count, done = 0;

	if (transfer->sent < transfer->prefix_length) {
		done = transfer->prefix_length - transfer->sent;
		done = done < room ? done : room;
		memcpy(to, transfer->prefix + transfer->sent, done);
		transfer->sent += done;
	}
	if (transfer->sent >= transfer->prefix_length) {
		size_t at = transfer->sent - transfer->prefix_length;
		size_t length = transfer->body_length - at;

		length = length < room - done ? length : room - done;
		if (transfer->body)
			memcpy(to + done, (const char *)transfer->body + at, length);
		else
			length = otlp_request_read(transfer->parts, at, to + done, length);
		transfer->sent += length;
		done += length;
	}
	return done;
}

static bool is_sent(const struct transfer *transfer)
{
	return transfer->sent == transfer->prefix_length + transfer->body_length;
}

/* libcurl sends a request again by itself where a connection that was used before turns out to be
 * dead. Whether that one took it nobody knows. */
static int on_seek(void *data, curl_off_t offset, int origin)
{
	struct transfer *transfer = data;

	if (origin != SEEK_SET || offset < 0 ||
	    (uint64_t)offset > transfer->prefix_length + transfer->body_length)
		return CURL_SEEKFUNC_FAIL;
	transfer->was_sent_before |= is_sent(transfer);
	transfer->sent = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static size_t on_header(char *line, size_t size, size_t count, void *data)
{
	struct transfer *transfer = data;

	response_header(&transfer->response, line, size * count);
	return size * count;
}

static size_t on_body(char *from, size_t size, size_t count, void *data)
{
	struct transfer *transfer = data;

	return response_body(&transfer->response, from, size * count) ? 0 : size * count;
}

/* ---- requests ---------------------------------------------------------------------------- */

/* What all requests of a handle have in common. */
static CURL *easy_create(struct transport *transport, struct transfer *transfer)
{
	const struct settings *settings = transport->settings;
	CURL *easy = curl_easy_init();
	char agent[64];

	if (!easy)
		return NULL;
	(void)snprintf(agent, sizeof(agent), "sonde/%s", transport->instance->host->version);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, agent);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* stop() waits for no resolver */
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER_SIZE);
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, (long)CA_CACHE_SECONDS);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, settings->verify ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, settings->verify ? 2L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION,
			 settings->tls_minimum == TLS_MINIMUM_13 ? (long)CURL_SSLVERSION_TLSv1_3
								 : (long)CURL_SSLVERSION_TLSv1_2);
	if (settings->proxy)
		curl_easy_setopt(easy, CURLOPT_PROXY, settings->proxy);
	if (settings->proxy_credentials)
		curl_easy_setopt(easy, CURLOPT_PROXYUSERPWD, settings->proxy_credentials);
	if (settings->key_password)
		curl_easy_setopt(easy, CURLOPT_KEYPASSWD, settings->key_password);
	return easy;
}

__attribute__((format(printf, 2, 3))) static int header_add(struct transfer *transfer,
							    const char *format, ...)
{
	struct curl_slist *list = NULL;
	va_list arguments;
	char *line;
	int length;

	va_start(arguments, format);
	length = vasprintf(&line, format, arguments);
	va_end(arguments);
	if (length < 0)
		return -ENOMEM;
	list = curl_slist_append(transfer->headers, line);
	free(line);
	if (!list)
		return -ENOMEM;
	transfer->headers = list;
	return 0;
}

/* curl leaves a header "name:" out; one without a value is written "name;". */
static int header_add_value(struct transfer *transfer, const char *name, int name_length,
			    const char *value)
{
	return header_add(transfer, *value ? "%.*s: %s" : "%.*s;%s", name_length, name, value);
}

static int headers_of_user(struct transport *transport, struct transfer *transfer)
{
	const struct settings *settings = transport->settings;
	const struct secret_header *secrets = settings->secret_headers.items;
	int error = 0;

	for (uint32_t i = 0; !error && i < transfer->target->header_count; i++)
		error = header_add(transfer, "%s", transfer->target->headers[i]);
	for (uint32_t i = 0; !error && i < settings->headers.count; i++) {
		const char *value;
		size_t length;

		if (settings_header_split(settings->headers.items[i], &length, &value))
			error = header_add_value(transfer, settings->headers.items[i], (int)length,
						 value);
	}
	for (uint32_t i = 0; !error && i < settings->secret_headers.count; i++)
		error = header_add_value(transfer, secrets[i].name, (int)strlen(secrets[i].name),
					 secrets[i].value);
	if (!error && transfer->token)
		error = header_add(transfer, "authorization: Bearer %s", transfer->token);
	return error;
}

static int headers_of_grpc(struct transfer *transfer, int64_t timeout_ns)
{
	char timeout[GRPC_TIMEOUT_LENGTH];
	int error;

	grpc_timeout(timeout, timeout_ns);
	error = header_add(transfer, "content-type: application/grpc");
	if (!error)
		error = header_add(transfer, "te: trailers");
	if (!error)
		error = header_add(transfer, "grpc-timeout: %s", timeout);
	if (!error)
		error = header_add(transfer, "grpc-accept-encoding: identity,gzip,zstd");
	if (!error && transfer->coding)
		error = header_add(transfer, "grpc-encoding: %s", compress_name(transfer->coding));
	return error;
}

static int headers_make(struct transport *transport, struct transfer *transfer, int64_t timeout_ns)
{
	bool is_json = transfer->target->protocol == PROTOCOL_HTTP_JSON;
	int error = 0;

	curl_slist_free_all(transfer->headers);
	transfer->headers = NULL;
	error = header_add(transfer, "expect:"); /* none: it would cost a round trip */
	if (error) {
	} else if (transfer->target->protocol == PROTOCOL_GRPC) {
		error = headers_of_grpc(transfer, timeout_ns);
	} else {
		error = header_add(transfer, "content-type: application/%s",
				   is_json ? "json" : "x-protobuf");
		if (!error && transfer->coding)
			error = header_add(transfer, "content-encoding: %s",
					   compress_name(transfer->coding));
	}
	return error ? error : headers_of_user(transport, transfer);
}

/* gRPC is HTTP/2, agreed on by TLS or known beforehand. The rest is HTTP/1.1: a connection a
 * request under way, and nothing that two requests could wait for each other with. */
static long http_version(const struct target *target)
{
	if (target->protocol != PROTOCOL_GRPC)
		return CURL_HTTP_VERSION_1_1;
	return target->is_tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
}

/* libcurl 7.88 cannot use a connection again that speaks HTTP/2 without having agreed on it by TLS:
 * it begins another HTTP/2 within (https://github.com/curl/curl/issues/10634, mended in 8.0). */
static bool needs_fresh_connection(const struct target *target)
{
	uint32_t version = curl_version_info(CURLVERSION_NOW)->version_num;

	return target->protocol == PROTOCOL_GRPC && !target->is_tls && version >= 0x075800 &&
	       version < 0x080000;
}

static void easy_aim(struct transfer *transfer, int64_t timeout_ns)
{
	const struct target *target = transfer->target;
	bool is_grpc = target->protocol == PROTOCOL_GRPC;
	long fresh = needs_fresh_connection(target) ? 1 : 0;
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, fresh);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, fresh);
	curl_easy_setopt(easy, CURLOPT_URL, target->url);
	curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, target->socket);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, http_version(target));
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, is_grpc && !fresh ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, is_grpc ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)((timeout_ns + 999999) / 1000000));
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
			 (curl_off_t)(transfer->prefix_length + transfer->body_length));
	if (target->ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, target->ca_file);
	curl_easy_setopt(easy, CURLOPT_SSLCERT, target->certificate_file);
	curl_easy_setopt(easy, CURLOPT_SSLKEY, target->key_file);
}

int transfer_send(struct transport *transport, struct transfer *transfer)
{
	int64_t timeout_ns = transport->settings->timeout_ns ? transport->settings->timeout_ns
							     : transfer->target->timeout_ns;

	if (!transfer->easy)
		transfer->easy = easy_create(transport, transfer);
	if (!transfer->easy || headers_make(transport, transfer, timeout_ns))
		return -ENOMEM;
	transfer->prefix_length = 0;
	if (transfer->target->protocol == PROTOCOL_GRPC) {
		grpc_prefix(transfer->prefix, transfer->coding != COMPRESS_NONE,
			    (uint32_t)transfer->body_length);
		transfer->prefix_length = GRPC_PREFIX_SIZE;
	}
	transfer->sent = 0;
	transfer->was_sent_before = false;
	transfer->error[0] = '\0';
	response_clear(&transfer->response);
	easy_aim(transfer, timeout_ns);
	transfer->begun_ns = transport_now_ns();
	if (curl_multi_add_handle(transport->multi, transfer->easy))
		return -ENOMEM;
	transfer->is_running = true;
	return 0;
}

void transfer_release(struct transport *transport, struct transfer *transfer)
{
	if (transfer->is_running)
		curl_multi_remove_handle(transport->multi, transfer->easy);
	transfer->is_running = false;
	if (transfer->easy)
		curl_easy_cleanup(transfer->easy);
	transfer->easy = NULL;
	curl_slist_free_all(transfer->headers);
	transfer->headers = NULL;
	response_release(&transfer->response);
}

/* ---- what became of them ----------------------------------------------------------------- */

/* No answer came: tried again, whatever it was. Credentials and addresses can be mended while rows
 * wait. */
static void read_failure(const struct transfer *transfer, CURLcode code, struct answer *answer)
{
	const char *text = *transfer->error ? transfer->error : curl_easy_strerror(code);

	answer->verdict = ANSWER_RETRY;
	answer->uncertain = is_sent(transfer);
	answer_say(answer->text, text, strlen(text));
}

static void transfer_end(struct transport *transport, struct transfer *transfer, CURLcode code)
{
	enum protocol protocol = transfer->target->protocol;
	struct answer answer = { 0 };
	bool has_answer = transfer->response.status >= 200;

	/* Of gRPC the answer is at the end, of HTTP its head says what matters: it may come, and
	 * the connection end, while the request is still being sent. */
	if (code && protocol == PROTOCOL_GRPC)
		has_answer = false;
	transfer->response.is_cut |= code != CURLE_OK;

	curl_multi_remove_handle(transport->multi, transfer->easy);
	transfer->is_running = false;
	if (has_answer)
		response_read(&transfer->response, protocol, transfer->signal, transport->expander,
			      sonde_now_ns(transport->instance), &answer);
	else
		read_failure(transfer, code, &answer);
	answer.uncertain |= transfer->was_sent_before;
	transport->ended(transport->instance, transfer, &answer,
			 transport_now_ns() - transfer->begun_ns);
}

static void transport_collect(struct transport *transport)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(transport->multi, &left))) {
		CURLcode code = message->data.result;
		struct transfer *transfer = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
		transfer_end(transport, transfer, code);
	}
}

void transport_ready(struct transport *transport, int fd, uint32_t events)
{
	int running, mask = 0;

	if (events & (SONDE_READABLE | SONDE_HANGUP))
		mask |= CURL_CSELECT_IN;
	if (events & (SONDE_WRITABLE | SONDE_HANGUP))
		mask |= CURL_CSELECT_OUT;
	(void)curl_multi_socket_action(transport->multi, fd, mask, &running);
	transport_collect(transport);
}

void transport_timer(struct transport *transport)
{
	int running;

	(void)curl_multi_socket_action(transport->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	transport_collect(transport);
}

int transport_open(struct transport *transport)
{
	pthread_once(&curl_once, curl_begin);
	transport->expander = expander_create();
	transport->multi = curl_result ? NULL : curl_multi_init();
	if (!transport->multi || !transport->expander)
		return -ENOMEM;
	curl_multi_setopt(transport->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(transport->multi, CURLMOPT_SOCKETDATA, transport);
	curl_multi_setopt(transport->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(transport->multi, CURLMOPT_TIMERDATA, transport);
	curl_multi_setopt(transport->multi, CURLMOPT_MAXCONNECTS,
			  (long)(SIGNAL_COUNT * SETTINGS_IN_FLIGHT));
	return 0;
}

void transport_close(struct transport *transport)
{
	if (transport->multi)
		curl_multi_cleanup(transport->multi);
	transport->multi = NULL;
	expander_release(transport->expander);
	transport->expander = NULL;
}
