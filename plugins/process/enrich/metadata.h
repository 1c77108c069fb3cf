/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the metadata service of a cloud what this machine is, without waiting for it. */
#ifndef ENRICH_METADATA_H
#define ENRICH_METADATA_H

#include <curl/curl.h>
#include <sonde/plugin.h>

#include "machine.h"

enum { METADATA_BODY_BYTES = 64 << 10, METADATA_TEXT_BYTES = 256 };

/* What it answered; "" is not known. */
struct metadata_answer {
	char account[METADATA_TEXT_BYTES], region[METADATA_TEXT_BYTES], zone[METADATA_TEXT_BYTES];
	char type[METADATA_TEXT_BYTES], instance[METADATA_TEXT_BYTES];
};

struct metadata {
	struct sonde_instance *instance;
	enum cloud cloud;
	const char *endpoint; /* "http://169.254.169.254", without a slash at its end */
	int64_t timeout_ns;   /* of one request */
	int timer;            /* of the instance, that is libcurl's */
	/* The last request has its answer, or one failed: error is "" or why. */
	void (*ended)(struct sonde_instance *instance, const struct metadata_answer *answer,
		      const char *error);
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	uint32_t step; /* index of the request that is under way */
	struct metadata_answer answer;
	char token[METADATA_TEXT_BYTES];
	char body[METADATA_BODY_BYTES + 1];
	size_t body_length;
	char failure[CURL_ERROR_SIZE];
};

/* "aws", as cloud.provider has it, and "aws_ec2", as cloud.platform has it. */
const char *metadata_provider(enum cloud cloud);
const char *metadata_platform(enum cloud cloud);

/* Filled up to `ended`; begins to ask. 0: `ended` is called once, later. -ENOMEM. To be called
 * again only after that. */
int metadata_ask(struct metadata *metadata);

/* Ends what runs, without a word. */
void metadata_close(struct metadata *metadata);

/* For ready() and timer() of the instance. */
void metadata_ready(struct metadata *metadata, int fd, uint32_t events);
void metadata_timer(struct metadata *metadata);

/* Reads the answer to a request, whose body ends with a zero. false: it says nothing of use. */
bool metadata_read(enum cloud cloud, uint32_t step, const char *body, size_t length,
		   struct metadata_answer *answer);

#endif
