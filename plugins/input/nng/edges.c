// SPDX-License-Identifier: Apache-2.0
/* Edges: who may come, what is said to them, and orders for them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nng.h"
#include "order.h"

static const int64_t linger_ns = 1000000000; /* for a last word to be sent */

static const uint32_t ack_of[] = { [ACK_RECEIVED] = MESSAGE_ACK_RECEIVED,
				   [ACK_DURABLE] = MESSAGE_ACK_DURABLE,
				   [ACK_DELIVERED] = MESSAGE_ACK_DELIVERED };

/* ---- what is said ------------------------------------------------------------------------ */

void edge_say(struct edge *edge, uint32_t type, uint64_t sequence, const void *bytes, size_t length)
{
	const struct hop_header header = { .type = (uint16_t)type, .sequence = sequence };

	edge->spoke_ns = nng_now_ns();
	(void)hop_send_copy(edge->connection, &header, bytes, length); /* it is about to end */
}

void edge_notice(struct edge *edge, uint32_t type, uint64_t sequence, uint32_t code,
		 const char *text)
{
	unsigned char bytes[NOTICE_BYTES];

	edge_say(edge, type, sequence, bytes, notice_encode(code, text, bytes));
}

static void refuse_connection(struct sonde_instance *instance, struct hop_connection *connection,
			      uint32_t code, const char *text)
{
	struct nng *nng = instance->self;
	const struct hop_header header = { .type = MESSAGE_REFUSAL };
	unsigned char bytes[NOTICE_BYTES];

	sonde_count(&nng->refused_edges, 1);
	sonde_log(instance, SONDE_WARNING, "%s is refused: %s: %s", hop_peer(connection)->address,
		  message_code_name(code), text);
	(void)hop_send_copy(connection, &header, bytes, notice_encode(code, text, bytes));
	hop_close(connection, linger_ns);
}

void edge_refuse(struct sonde_instance *instance, struct edge *edge, uint32_t code,
		 const char *text)
{
	if (edge->state == EDGE_CLOSING)
		return;
	edge->state = EDGE_CLOSING;
	refuse_connection(instance, edge->connection, code, text);
}

/* ---- greetings --------------------------------------------------------------------------- */

static void copy_text(char *target, size_t size, struct sonde_text text)
{
	(void)snprintf(target, size, "%.*s", (int)text.length, text.data ? text.data : "");
}

/* By its certificate; else as it says. */
static void find_name(const struct hop_peer *peer, const struct greeting *hello,
		      char name[MESSAGE_TEXT_LIMIT + 1])
{
	if (*peer->name)
		(void)snprintf(name, MESSAGE_TEXT_LIMIT + 1, "%s", peer->name);
	else
		copy_text(name, MESSAGE_TEXT_LIMIT + 1,
			  hello->name.length ? hello->name : hello->host_id);
}

/* MESSAGE_FINE, or why it may not come. */
static uint32_t judge(struct sonde_instance *instance, const struct greeting *hello,
		      const char *name, char *text, size_t size)
{
	const struct nng *nng = instance->self;
	struct sonde_process process = { .size = sizeof(process) };

	if (!message_version(hello->version, hello->oldest, MESSAGE_VERSION,
			     MESSAGE_VERSION_OLDEST)) {
		(void)snprintf(text, size, "it speaks %u to %u, and this region %u to %u",
			       hello->oldest, hello->version, MESSAGE_VERSION_OLDEST,
			       MESSAGE_VERSION);
		return MESSAGE_OTHER_VERSION;
	}
	if (!settings_admits(&nng->settings, name)) {
		(void)snprintf(text, size, "%s is none of `names`", name);
		return MESSAGE_NOT_ADMITTED;
	}
	if (hello->ack > ack_of[nng->settings.ack]) {
		(void)snprintf(text, size, "%s wants more than `ack` gives", name);
		return MESSAGE_ACK_TOO_WEAK;
	}
	if (!sonde_read_process(instance, &process) && process.host_id &&
	    strlen(process.host_id) == hello->host_id.length &&
	    !memcmp(process.host_id, hello->host_id.data, hello->host_id.length)) {
		(void)snprintf(text, size, "it is this sonde itself, or has a copy of its state");
		return MESSAGE_LOOP;
	}
	if (nng->is_ending) {
		(void)snprintf(text, size, "this region is about to end");
		return MESSAGE_ENDING;
	}
	return MESSAGE_FINE;
}

static bool is_name_taken(const struct nng *nng, const char *name)
{
	for (uint32_t i = 0; i < nng->edge_limit; i++) {
		if (nng->edges[i] && !strcmp(nng->edges[i]->name, name))
			return true;
	}
	return false;
}

static struct edge *edge_create(struct sonde_instance *instance, struct hop_connection *connection,
				const struct greeting *hello, const char *name)
{
	struct nng *nng = instance->self;
	struct edge *edge;
	uint32_t slot = 0;

	while (slot < nng->edge_limit && nng->edges[slot])
		slot++;
	edge = slot < nng->edge_limit ? calloc(1, sizeof(*edge)) : NULL;
	if (!edge)
		return NULL;
	edge->slot = slot;
	edge->user =
		(uint64_t)nng->member.owner << 48 ^ (uint64_t)++nng->greeting_count << 16 ^ slot;
	edge->connection = connection;
	edge->is_same_name = is_name_taken(nng, name);
	(void)snprintf(edge->name, sizeof(edge->name), "%s", name);
	(void)snprintf(edge->address, sizeof(edge->address), "%s", hop_peer(connection)->address);
	copy_text(edge->host_id, sizeof(edge->host_id), hello->host_id);
	copy_text(edge->software, sizeof(edge->software), hello->software);
	for (uint32_t i = 0; i < hello->label_count; i++) {
		size_t at = strlen(edge->labels);

		(void)snprintf(edge->labels + at, sizeof(edge->labels) - at, "%s%.*s",
			       at ? " " : "", (int)hello->labels[i].length, hello->labels[i].data);
	}
	edge->since_ns = sonde_now_ns(instance);
	edge->heartbeat_ns = (int64_t)hello->heartbeat_ms * 1000000;
	nng->edges[slot] = edge;
	nng->edge_count++;
	return edge;
}

static void welcome(struct sonde_instance *instance, struct edge *edge, struct greeting *greeting)
{
	struct nng *nng = instance->self;
	const struct settings *settings = &nng->settings;
	struct sonde_process process = { .size = sizeof(process) };
	unsigned char *buffer = malloc(MESSAGE_LIMIT);
	char host[256] = "", software[64];
	uint32_t known = 0;

	(void)sonde_read_process(instance, &process);
	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(software, sizeof(software), "sonde %s", instance->host->version);
	greeting->version = greeting->oldest = message_version(
		greeting->version, greeting->oldest, MESSAGE_VERSION, MESSAGE_VERSION_OLDEST);
	greeting->ack = ack_of[settings->ack];
	greeting->epoch = process.epoch;
	greeting->host_id = message_text(host, strlen(host));
	if (process.host_id && *process.host_id)
		greeting->host_id = message_text(process.host_id, strlen(process.host_id));
	greeting->name = settings->name ? message_text(settings->name, strlen(settings->name))
					: message_text(host, strlen(host));
	greeting->software = message_text(software, strlen(software));
	greeting->frame_bytes = settings->frame_bytes;
	greeting->window = settings->window;
	greeting->heartbeat_ms = (uint32_t)(settings->heartbeat_ns / 1000000);
	greeting->label_count = greeting->permission_count = 0;
	for (uint32_t i = 0; i < greeting->position_count; i++) {
		struct position position = greeting->positions[i];

		position.sequence = share_taken(nng->share, position.stream);
		if (position.sequence)
			greeting->positions[known++] = position;
	}
	greeting->position_count = known;
	if (buffer)
		edge_say(edge, MESSAGE_WELCOME, 0, buffer,
			 greeting_encode(greeting, buffer, MESSAGE_LIMIT));
	else
		hop_close(edge->connection, 0);
	free(buffer);
}

static void greet(struct sonde_instance *instance, struct hop_connection *connection,
		  const struct hop_event *event, struct greeting *hello)
{
	char name[MESSAGE_TEXT_LIMIT + 1], text[MESSAGE_TEXT_LIMIT + 64];
	const char *why = "it does not greet";
	struct edge *edge;
	uint32_t code;

	if (event->header.type != MESSAGE_HELLO ||
	    greeting_decode(event->payload->data, event->payload->length, hello, &why)) {
		refuse_connection(instance, connection, MESSAGE_MALFORMED, why);
		return;
	}
	find_name(hop_peer(connection), hello, name);
	code = judge(instance, hello, name, text, sizeof(text));
	if (code != MESSAGE_FINE) {
		refuse_connection(instance, connection, code, text);
		return;
	}
	edge = edge_create(instance, connection, hello, name);
	if (!edge) {
		refuse_connection(instance, connection, MESSAGE_TOO_MANY, "there is no place left");
		return;
	}
	hop_set_data(connection, edge);
	sonde_log(instance, SONDE_INFO, "%s has come from %s", edge->name, edge->address);
	welcome(instance, edge, hello);
}

void edge_greet(struct sonde_instance *instance, struct hop_connection *connection,
		const struct hop_event *event)
{
	struct greeting *hello = malloc(sizeof(*hello));

	if (hello)
		greet(instance, connection, event, hello);
	else
		hop_close(connection, 0);
	free(hello);
}

struct edge *edge_find(const struct nng *nng, uint64_t user)
{
	uint32_t slot = (uint32_t)(user & 0xffff);
	struct edge *edge = slot < nng->edge_limit ? nng->edges[slot] : NULL;

	return edge && edge->user == user ? edge : NULL;
}

void edge_gone(struct sonde_instance *instance, struct edge *edge)
{
	struct nng *nng = instance->self;

	take_none(nng, edge);
	nng->edges[edge->slot] = NULL;
	nng->edge_count--;
	free(edge);
}

/* ---- time, and orders -------------------------------------------------------------------- */

static void edge_tick(const struct nng *nng, struct edge *edge, int64_t now_ns)
{
	int64_t interval_ns = nng->settings.heartbeat_ns;

	if (edge->heartbeat_ns && edge->heartbeat_ns < interval_ns)
		interval_ns = edge->heartbeat_ns;
	if (now_ns - edge->spoke_ns >= interval_ns)
		edge_say(edge, MESSAGE_HEARTBEAT, 0, NULL, 0);
}

void edges_tick(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;
	int64_t now_ns = nng_now_ns(), passed_ns = now_ns - nng->looked_ns;

	for (uint32_t i = 0; i < nng->edge_limit && nng->edge_count; i++) {
		struct edge *edge = nng->edges[i];

		if (!edge || edge->state != EDGE_READY)
			continue;
		edge_tick(nng, edge, now_ns);
		if (passed_ns < 1000000000)
			continue;
		edge->rows_per_s =
			(double)(edge->rows - edge->rows_before) * 1e9 / (double)passed_ns;
		edge->rows_before = edge->rows;
	}
	if (passed_ns >= 1000000000)
		nng->looked_ns = now_ns;
}

void edges_order(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;
	unsigned char bytes[COMMAND_BYTES];
	char error[256];
	struct command command;
	struct order order;
	size_t length;
	uint32_t count = 0;

	if (order_read(nng->settings.command, &order, error, sizeof(error)))
		return;
	command = (struct command){ .knob = message_text(order.knob, strlen(order.knob)),
				    .value = { .data = order.value,
					       .length = (uint32_t)strlen(order.value) },
				    .for_ns = order.for_ns };
	length = command_encode(&command, bytes);
	nng->order_count++;
	for (uint32_t i = 0; i < nng->edge_limit && length; i++) {
		struct edge *edge = nng->edges[i];

		if (!edge || edge->state != EDGE_READY ||
		    (strcmp(order.edge, "*") && strcmp(order.edge, edge->name)))
			continue;
		edge_say(edge, MESSAGE_COMMAND, nng->order_count, bytes, length);
		count++;
	}
	sonde_log(instance, SONDE_INFO, "%u edges are told to set %s to %s", count, order.knob,
		  order.value);
}
