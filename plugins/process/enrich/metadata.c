// SPDX-License-Identifier: Apache-2.0
/* Requests one after the other, driven by the instance's fds and timer. */
#include "metadata.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_HEADER "x-aws-ec2-metadata-token"

enum { AWS_TOKEN, AWS_DOCUMENT, AWS_STEPS };
enum { GCP_INSTANCE, GCP_ZONE, GCP_TYPE, GCP_PROJECT, GCP_STEPS };
enum { STEPS_MOST = GCP_STEPS };

static const struct {
	const char *provider, *platform;
	uint32_t step_count;
	const char *paths[STEPS_MOST];
	const char *header; /* of each request */
} clouds[] = {
	[CLOUD_AWS] = { "aws",
			"aws_ec2",
			AWS_STEPS,
			{ "/latest/api/token", "/latest/dynamic/instance-identity/document" },
			NULL },
	[CLOUD_GCP] = { "gcp",
			"gcp_compute_engine",
			GCP_STEPS,
			{ "/computeMetadata/v1/instance/id", "/computeMetadata/v1/instance/zone",
			  "/computeMetadata/v1/instance/machine-type",
			  "/computeMetadata/v1/project/project-id" },
			"metadata-flavor: Google" },
	[CLOUD_AZURE] = { "azure",
			  "azure_vm",
			  1,
			  { "/metadata/instance/compute?api-version=2021-02-01&format=json" },
			  "metadata: true" },
};

const char *metadata_provider(enum cloud cloud)
{
	return clouds[cloud].provider;
}

const char *metadata_platform(enum cloud cloud)
{
	return clouds[cloud].platform;
}

static void request_drop(struct metadata *metadata)
{
	if (metadata->easy) {
		curl_multi_remove_handle(metadata->multi, metadata->easy);
		curl_easy_cleanup(metadata->easy);
	}
	metadata->easy = NULL;
	curl_slist_free_all(metadata->headers);
	metadata->headers = NULL;
}

void metadata_close(struct metadata *metadata)
{
	request_drop(metadata);
	if (metadata->multi)
		curl_multi_cleanup(metadata->multi);
	metadata->multi = NULL;
}

/* ---- what libcurl asks for --------------------------------------------------------------- */

/* Where a watch is refused, the request runs into its timeout. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *unused)
{
	struct metadata *metadata = data;
	uint32_t events = 0;

	(void)easy;
	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		(void)sonde_unwatch(metadata->instance, fd);
		return 0;
	}
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= SONDE_READABLE;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= SONDE_WRITABLE;
	(void)sonde_watch(metadata->instance, fd, events);
	return 0;
}

static int on_timer(CURLM *multi, long delay_ms, void *data)
{
	struct metadata *metadata = data;

	(void)multi;
	(void)sonde_after(metadata->instance, metadata->timer,
			  delay_ms < 0 ? -1 : (int64_t)delay_ms * 1000000);
	return 0;
}

static size_t on_body(char *from, size_t size, size_t count, void *data)
{
	struct metadata *metadata = data;
	size_t length = size * count;

	if (length > METADATA_BODY_BYTES - metadata->body_length)
		return 0;
	memcpy(metadata->body + metadata->body_length, from, length);
	metadata->body_length += length;
	return length;
}

/* ---- requests ---------------------------------------------------------------------------- */

static bool header_add(struct metadata *metadata, const char *header)
{
	struct curl_slist *list = curl_slist_append(metadata->headers, header);

	if (list)
		metadata->headers = list;
	return list != NULL;
}

static bool headers_make(struct metadata *metadata)
{
	char line[METADATA_TEXT_BYTES + 64];

	if (clouds[metadata->cloud].header)
		return header_add(metadata, clouds[metadata->cloud].header);
	if (metadata->step == AWS_TOKEN)
		return header_add(metadata, TOKEN_HEADER "-ttl-seconds: 60");
	snprintf(line, sizeof(line), TOKEN_HEADER ": %s", metadata->token);
	return header_add(metadata, line);
}

static int request_send(struct metadata *metadata)
{
	char url[2048];
	CURL *easy;

	metadata->easy = easy = curl_easy_init();
	if (!easy || !headers_make(metadata))
		return -ENOMEM;
	snprintf(url, sizeof(url), "%s%s", metadata->endpoint,
		 clouds[metadata->cloud].paths[metadata->step]);
	metadata->body_length = 0;
	metadata->failure[0] = 0;
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, metadata->headers);
	if (metadata->cloud == CLOUD_AWS && metadata->step == AWS_TOKEN)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PUT");
	curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* the service is on the machine's own link */
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* stop() waits for no resolver */
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(metadata->timeout_ns / 1000000));
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, metadata->failure);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, metadata);
	return curl_multi_add_handle(metadata->multi, easy) ? -ENOMEM : 0;
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_result;

static void curl_begin(void)
{
	curl_result = curl_global_init(CURL_GLOBAL_DEFAULT); /* for good: plugins stay loaded */
}

int metadata_ask(struct metadata *metadata)
{
	int result;

	pthread_once(&curl_once, curl_begin);
	if (!metadata->multi && !curl_result) {
		metadata->multi = curl_multi_init();
		if (!metadata->multi)
			return -ENOMEM;
		curl_multi_setopt(metadata->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
		curl_multi_setopt(metadata->multi, CURLMOPT_SOCKETDATA, metadata);
		curl_multi_setopt(metadata->multi, CURLMOPT_TIMERFUNCTION, on_timer);
		curl_multi_setopt(metadata->multi, CURLMOPT_TIMERDATA, metadata);
	}
	if (!metadata->multi)
		return -ENOMEM;
	metadata->step = 0;
	metadata->answer = (struct metadata_answer){ 0 };
	result = request_send(metadata);
	if (result)
		request_drop(metadata);
	return result;
}

/* ---- answers ----------------------------------------------------------------------------- */

static void answered(struct metadata *metadata, const char *error)
{
	request_drop(metadata);
	metadata->ended(metadata->instance, &metadata->answer, error);
}

static bool token_take(struct metadata *metadata)
{
	size_t length = strcspn(metadata->body, "\r\n");

	if (!length || length >= sizeof(metadata->token))
		return false;
	memcpy(metadata->token, metadata->body, length);
	metadata->token[length] = 0;
	return true;
}

static void request_ended(struct metadata *metadata, CURLcode code)
{
	char error[CURL_ERROR_SIZE + METADATA_TEXT_BYTES];
	const char *path = clouds[metadata->cloud].paths[metadata->step];
	long status = 0;
	bool good;

	curl_easy_getinfo(metadata->easy, CURLINFO_RESPONSE_CODE, &status);
	metadata->body[metadata->body_length] = 0;
	if (code || status != 200) {
		if (code)
			snprintf(error, sizeof(error), "%s: %s", path,
				 metadata->failure[0] ? metadata->failure
						      : curl_easy_strerror(code));
		else
			snprintf(error, sizeof(error), "%s: HTTP status %ld", path, status);
		answered(metadata, error);
		return;
	}
	good = metadata->cloud == CLOUD_AWS && metadata->step == AWS_TOKEN
		       ? token_take(metadata)
		       : metadata_read(metadata->cloud, metadata->step, metadata->body,
				       metadata->body_length, &metadata->answer);
	if (!good) {
		snprintf(error, sizeof(error), "%s: the answer is not one of %s", path,
			 clouds[metadata->cloud].provider);
		answered(metadata, error);
		return;
	}
	if (++metadata->step == clouds[metadata->cloud].step_count) {
		answered(metadata, "");
		return;
	}
	request_drop(metadata);
	if (request_send(metadata))
		answered(metadata, "no memory");
}

static void collect(struct metadata *metadata)
{
	CURLMsg *message;
	int left;

	while (metadata->multi && (message = curl_multi_info_read(metadata->multi, &left)))
		if (message->msg == CURLMSG_DONE)
			request_ended(metadata, message->data.result);
}

void metadata_ready(struct metadata *metadata, int fd, uint32_t events)
{
	int running, mask = 0;

	if (!metadata->multi)
		return;
	if (events & (SONDE_READABLE | SONDE_HANGUP))
		mask |= CURL_CSELECT_IN;
	if (events & (SONDE_WRITABLE | SONDE_HANGUP))
		mask |= CURL_CSELECT_OUT;
	(void)curl_multi_socket_action(metadata->multi, fd, mask, &running);
	collect(metadata);
}

void metadata_timer(struct metadata *metadata)
{
	int running;

	if (!metadata->multi)
		return;
	(void)curl_multi_socket_action(metadata->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(metadata);
}
