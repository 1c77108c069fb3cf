/* SPDX-License-Identifier: Apache-2.0 */
/* Heads and chunks of HTTP/1: what the library is lenient about is refused here. */
#include <errno.h>
#include <http_parser.h>
#include <stdlib.h>
#include <string.h>

#include "parser.h"

/* ---- where a head ends ------------------------------------------------------------------- */

int64_t head_find_end(const char *data, size_t length, size_t *scanned, uint32_t *lines)
{
	size_t at = *scanned; /* always where a line begins */

	for (;;) {
		const char *newline;

		if (at && at < length && (data[at] == ' ' || data[at] == '\t'))
			return -EBADMSG;
		newline = memchr(data + at, '\n', length - at);
		if (!newline)
			break;
		if (newline == data + at || newline[-1] != '\r')
			return -EBADMSG;
		(*lines)++;
		if (newline == data + at + 1) /* a blank line */
			return newline - data + 1;
		at = (size_t)(newline - data) + 1;
	}
	*scanned = at;
	return 0;
}

/* ---- heads ------------------------------------------------------------------------------- */

struct head_reader {
	struct head *head;
	char *url, *url_end;
	bool in_value; /* of the header at work */
	bool whole;
};

static int on_url(http_parser *parser, const char *at, size_t length)
{
	struct head_reader *reader = parser->data;

	if (!reader->url)
		reader->url = (char *)(uintptr_t)at;
	reader->url_end = (char *)(uintptr_t)at + length;
	return 0;
}

static int on_header_field(http_parser *parser, const char *at, size_t length)
{
	struct head_reader *reader = parser->data;
	struct head *head = reader->head;

	if (reader->in_value || !head->header_count) {
		head->headers[head->header_count++] = (struct http_header){ .name = at };
		reader->in_value = false;
	}
	((char *)(uintptr_t)at)[length] = 0; /* the colon, or a blank that the check finds */
	return 0;
}

static int on_header_value(http_parser *parser, const char *at, size_t length)
{
	struct head_reader *reader = parser->data;
	struct http_header *header = &reader->head->headers[reader->head->header_count - 1];

	if (!reader->in_value)
		header->value = length ? at : ""; /* an empty one is said to lie elsewhere */
	reader->in_value = true;
	return 0;
}

static int on_headers_complete(http_parser *parser)
{
	struct head_reader *reader = parser->data;

	reader->whole = true;
	return 1; /* there is no body as far as the library is concerned */
}

/* Lower case of what a name may consist of; 0 for all else. */
static char name_byte(char byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return (char)(byte + ('a' - 'A'));
	if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9'))
		return byte;
	return byte && strchr("!#$%&'*+-.^_`|~", byte) ? byte : 0;
}

/* Ends name and value, with blanks around the value cut off; false: the name is none. */
static bool header_finish(struct http_header *header)
{
	char *name = (char *)(uintptr_t)header->name, *value, *end;

	if (!header->value || !*name)
		return false;
	for (; *name; name++) {
		*name = name_byte(*name);
		if (!*name)
			return false;
	}
	if (!*header->value)
		return true;
	value = (char *)(uintptr_t)header->value;
	end = strchr(value, '\r');
	if (!end)
		return false;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = 0;
	return true;
}

/* Headers that say how the request is to be read. 0, or the status to refuse it with. */
static uint32_t header_judge(const struct http_header *header, struct head *head, uint32_t *hosts)
{
	if (!strcmp(header->name, "host"))
		return ++*hosts > 1 ? 400 : 0;
	if (!strcmp(header->name, "content-length"))
		return header->value[strspn(header->value, "0123456789")] ? 400 : 0;
	if (!strcmp(header->name, "transfer-encoding")) {
		if (head->is_chunked || head->is_old)
			return 400;
		head->is_chunked = true;
		return strcasecmp(header->value, "chunked") ? 501 : 0;
	}
	if (!strcmp(header->name, "expect")) {
		head->expects = !strcasecmp(header->value, "100-continue");
		return head->expects ? 0 : 417;
	}
	return 0;
}

static uint32_t head_judge(struct head *head)
{
	uint32_t hosts = 0, status;

	for (uint32_t i = 0; i < head->header_count; i++) {
		if (!header_finish(&head->headers[i]))
			return 400;
		status = header_judge(&head->headers[i], head, &hosts);
		if (status)
			return status;
	}
	if (head->is_old)
		head->expects = false;
	else if (!hosts)
		return 400;
	return head->is_chunked && head->content_length >= 0 ? 400 : 0;
}

uint32_t head_parse(char *text, size_t length, struct http_header *headers, struct head *ret_head)
{
	static const http_parser_settings settings = { .on_url = on_url,
						       .on_header_field = on_header_field,
						       .on_header_value = on_header_value,
						       .on_headers_complete = on_headers_complete };
	struct head head = { .headers = headers, .content_length = -1 };
	struct head_reader reader = { .head = &head };
	http_parser parser;
	size_t used;
	uint32_t status;

	http_parser_init(&parser, HTTP_REQUEST);
	parser.data = &reader;
	used = http_parser_execute(&parser, &settings, text, length);
	if (parser.http_errno != HPE_OK || !reader.whole || used != length)
		return 400;
	if (parser.http_major != 1 || parser.http_minor > 1)
		return 505;
	head.is_old = parser.http_minor == 0;
	head.method = http_method_str((enum http_method)parser.method);
	head.is_tunnel = parser.method == HTTP_CONNECT;
	head.keep_alive = !head.is_tunnel && http_should_keep_alive(&parser);
	head.target = reader.url;
	*reader.url_end = 0;
	if (parser.flags & F_CONTENTLENGTH) {
		if (parser.content_length > INT64_MAX)
			return 400;
		head.content_length = (int64_t)parser.content_length;
	}
	status = head_judge(&head);
	if (status == 0)
		*ret_head = head;
	return status;
}

/* ---- chunks ------------------------------------------------------------------------------ */

struct chunks {
	http_parser parser;
	int (*take)(void *, const void *, size_t);
	void *context;
	bool is_over;
};

static int on_body(http_parser *parser, const char *at, size_t length)
{
	struct chunks *chunks = parser->data;

	return chunks->take(chunks->context, at, length);
}

static int on_message_complete(http_parser *parser)
{
	struct chunks *chunks = parser->data;

	chunks->is_over = true;
	http_parser_pause(parser, 1); /* what follows is the next request */
	return 0;
}

static const http_parser_settings chunk_settings = { .on_body = on_body,
						     .on_message_complete = on_message_complete };

/* The library reads chunks behind a head only; any head will do. */
struct chunks *chunks_create(void)
{
	static const char head[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
	struct chunks *chunks = calloc(1, sizeof(*chunks));

	if (!chunks)
		return NULL;
	http_parser_init(&chunks->parser, HTTP_REQUEST);
	chunks->parser.data = chunks;
	(void)http_parser_execute(&chunks->parser, &chunk_settings, head, sizeof(head) - 1);
	return chunks;
}

void chunks_release(struct chunks *chunks)
{
	free(chunks);
}

int64_t chunks_feed(struct chunks *chunks, const char *data, size_t length,
		    int (*take)(void *context, const void *data, size_t length), void *context)
{
	size_t used;

	if (chunks->is_over)
		return 0;
	chunks->take = take;
	chunks->context = context;
	used = http_parser_execute(&chunks->parser, &chunk_settings, data, length);
	if (chunks->is_over)
		return (int64_t)used;
	if (chunks->parser.http_errno == HPE_CB_body)
		return -ECANCELED;
	return chunks->parser.http_errno != HPE_OK || used != length ? -EBADMSG : (int64_t)used;
}

bool chunks_are_over(const struct chunks *chunks)
{
	return chunks->is_over;
}
