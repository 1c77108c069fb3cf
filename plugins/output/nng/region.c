// SPDX-License-Identifier: Apache-2.0
/* One region: what is said to it, and what its welcome says. */
#include "region.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int region_say(struct region *region, uint32_t type, uint64_t sequence, const void *bytes,
	       size_t length, int64_t now_ns)
{
	const struct hop_header header = { .type = (uint16_t)type, .sequence = sequence };

	if (!region->connection)
		return -EPIPE;
	region->spoke_ns = now_ns;
	return hop_send_copy(region->connection, &header, bytes, length);
}

int region_notice(struct region *region, uint32_t type, uint64_t sequence, uint32_t code,
		  const char *text, int64_t now_ns)
{
	unsigned char bytes[NOTICE_BYTES];

	return region_say(region, type, sequence, bytes, notice_encode(code, text, bytes), now_ns);
}

/* ---- greetings --------------------------------------------------------------------------- */

static struct sonde_text text_of(const char *text)
{
	return (struct sonde_text){ .data = text, .length = (uint32_t)strlen(text) };
}

static uint32_t take_texts(struct sonde_text *items, uint32_t capacity,
			   const struct sonde_texts *texts)
{
	uint32_t count = texts->count < capacity ? texts->count : capacity;

	for (uint32_t i = 0; i < count; i++)
		items[i] = text_of(texts->items[i]);
	return count;
}

static size_t hello_encode(struct sonde_instance *instance, const struct settings *settings,
			   const struct position *positions, uint32_t count, unsigned char *buffer)
{
	struct sonde_process process = { .size = sizeof(process) };
	struct greeting *greeting = calloc(1, sizeof(*greeting));
	char host[256] = "", software[64];
	size_t length;

	if (!greeting)
		return 0;
	(void)sonde_read_process(instance, &process);
	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(software, sizeof(software), "sonde %s", instance->host->version);
	greeting->version = MESSAGE_VERSION;
	greeting->oldest = MESSAGE_VERSION_OLDEST;
	greeting->ack = settings->ack;
	greeting->epoch = process.epoch;
	greeting->host_id = text_of(process.host_id && *process.host_id ? process.host_id : host);
	greeting->name = text_of(settings->name ? settings->name : host);
	greeting->software = text_of(software);
	greeting->heartbeat_ms = (uint32_t)(settings->heartbeat_ns / 1000000);
	greeting->label_count = take_texts(greeting->labels, MESSAGE_LABELS, &settings->labels);
	greeting->permission_count =
		take_texts(greeting->permissions, MESSAGE_PERMISSIONS, &settings->permissions);
	greeting->position_count = count < MESSAGE_POSITIONS ? count : MESSAGE_POSITIONS;
	memcpy(greeting->positions, positions, greeting->position_count * sizeof(*positions));
	length = greeting_encode(greeting, buffer, MESSAGE_LIMIT);
	free(greeting);
	return length;
}

int region_greet(struct region *region, struct sonde_instance *instance,
		 const struct settings *settings, const struct position *positions, uint32_t count,
		 int64_t now_ns)
{
	unsigned char *buffer = malloc(MESSAGE_LIMIT);
	size_t length = buffer ? hello_encode(instance, settings, positions, count, buffer) : 0;
	int result =
		length ? region_say(region, MESSAGE_HELLO, 0, buffer, length, now_ns) : -ENOMEM;

	free(buffer);
	return result;
}

static void copy_text(char *target, size_t size, struct sonde_text text)
{
	(void)snprintf(target, size, "%.*s", (int)text.length, text.data ? text.data : "");
}

static enum region_answer unfit(struct region *region, const char *why)
{
	(void)snprintf(region->problem, sizeof(region->problem), "%s", why);
	return REGION_UNFIT;
}

enum region_answer region_welcome(struct region *region, const struct settings *settings,
				  const void *data, size_t length, struct greeting *greeting)
{
	char host_id[sizeof(region->host_id)];
	bool is_same;
	const char *why = NULL;

	if (greeting_decode(data, length, greeting, &why))
		return unfit(region, why);
	if (greeting->version < MESSAGE_VERSION_OLDEST || greeting->version > MESSAGE_VERSION)
		return unfit(region, "it speaks another version of the hop");
	if (greeting->ack < settings->ack)
		return unfit(region, "it acknowledges earlier than `ack` wants");
	copy_text(host_id, sizeof(host_id), greeting->host_id);
	is_same = !strcmp(region->host_id, host_id) && region->epoch == greeting->epoch;
	memcpy(region->host_id, host_id, sizeof(host_id));
	copy_text(region->name, sizeof(region->name), greeting->name);
	region->epoch = greeting->epoch;
	region->ack = greeting->ack;
	region->window = greeting->window;
	region->frame_bytes = greeting->frame_bytes;
	region->heartbeat_ns = (int64_t)greeting->heartbeat_ms * 1000000;
	region->state = REGION_READY;
	region->lost_ns = 0;
	region->backoff.failures = 0;
	region->problem[0] = '\0';
	region->is_paused = region->is_leaving = region->is_blocked = false;
	return is_same ? REGION_SAME : REGION_OTHER;
}

/* ---- life -------------------------------------------------------------------------------- */

void region_tick(struct region *region, const struct settings *settings, int64_t now_ns)
{
	int64_t interval_ns = settings->heartbeat_ns;

	if (region->state != REGION_READY)
		return;
	if (region->heartbeat_ns && region->heartbeat_ns < interval_ns)
		interval_ns = region->heartbeat_ns;
	if (now_ns - region->spoke_ns >= interval_ns)
		(void)region_say(region, MESSAGE_HEARTBEAT, 0, NULL, 0, now_ns);
}

void region_down(struct region *region, const char *reason, const char *detail, int64_t now_ns)
{
	bool is_said = region->problem[0] && region->state != REGION_READY; /* better than ours */

	if (region->state == REGION_READY)
		region->lost_ns = now_ns;
	if (!is_said || region->state == REGION_DIALING)
		(void)snprintf(region->problem, sizeof(region->problem), "%s%s%s", reason,
			       *detail ? ": " : "", detail);
	region->connection = NULL;
	region->state = REGION_DIALING;
	region->was_tried = true;
	region->is_paused = region->is_leaving = region->is_blocked = false;
}

bool region_takes_frames(const struct region *region)
{
	return region->state == REGION_READY && !region->is_paused && !region->is_leaving &&
	       !region->is_blocked;
}

const char *region_state_name(const struct region *region)
{
	switch (region->state) {
	case REGION_IDLE:
		return "idle";
	case REGION_DIALING:
		return "away";
	case REGION_GREETING:
		return "greeting";
	default:
		return region->is_leaving ? "leaving" : region->is_paused ? "full" : "ready";
	}
}
