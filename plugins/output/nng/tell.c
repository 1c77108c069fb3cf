// SPDX-License-Identifier: Apache-2.0
/* What the output `nng` tells of its sonde: the ledger; and knobs that regions may set. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fleet.h"
#include "nng.h"
#include "rendezvous.h"

/* ---- the ledger -------------------------------------------------------------------------- */

/* One of those that are there, always the same: a sonde is told of once. */
static struct region *confidant(const struct nng *nng, const char *host_id)
{
	uint64_t there = 0;
	uint32_t chosen;

	for (uint32_t i = 0; i < nng->region_count; i++) {
		if (nng->regions[i].state == REGION_READY && !nng->regions[i].is_leaving)
			there |= (uint64_t)1 << i;
	}
	chosen = rendezvous_choose(nng->places, nng->region_count, there,
				   rendezvous_hash(0, host_id, strlen(host_id)));
	return chosen == RENDEZVOUS_NOBODY ? NULL : &nng->regions[chosen];
}

static int send_statement(struct region *region, const struct buffer *frame)
{
	const struct hop_header header = { .type = MESSAGE_LEDGER };

	return frame->length
		       ? hop_send_copy(region->connection, &header, frame->data, frame->length)
		       : -ENOMEM;
}

static void tell_own(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;
	char host[256] = "";
	struct statement statement;
	struct buffer frame = { 0 };
	struct region *region;

	(void)gethostname(host, sizeof(host) - 1);
	if (statement_gather(instance, nng->settings.name ? nng->settings.name : host, &statement))
		return; /* the next one says as much */
	region = confidant(nng, statement.host_id);
	if (region && !statement_write(instance, &statement, &frame))
		(void)send_statement(region, &frame);
	buffer_release(&frame);
	statement_clear(&statement);
}

/* Those that were heard of since the last time, and could be sent. */
static void tell_others(struct nng *nng)
{
	struct fleet_member member;
	struct buffer frame = { 0 };
	uint64_t generation = nng->told;

	while (fleet_next(&generation, &member, &frame)) {
		struct region *region = confidant(nng, member.host_id);

		if (!region || send_statement(region, &frame))
			break;
		nng->told = generation;
	}
	buffer_release(&frame);
}

void tell_statement(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;

	if (!nng->settings.ledger_ns || instance->replica || !confidant(nng, ""))
		return;
	tell_others(nng);
	tell_own(instance);
}

/* ---- knobs ------------------------------------------------------------------------------- */

static bool is_allowed(const struct settings *settings, struct sonde_text knob)
{
	for (uint32_t i = 0; i < settings->permissions.count; i++) {
		const char *text = settings->permissions.items[i];
		struct sonde_text permission = { .data = text, .length = (uint32_t)strlen(text) };

		if (permission_covers(permission, knob))
			return true;
	}
	return false;
}

/* Sets it; 0, or a code with its text. */
static uint32_t obey(struct sonde_instance *instance, const struct command *command, char *text,
		     size_t size)
{
	const struct nng *nng = instance->self;
	char knob[MESSAGE_TEXT_LIMIT + 1], value[MESSAGE_VALUE_LIMIT + 1];
	int result;

	(void)snprintf(knob, sizeof(knob), "%.*s", (int)command->knob.length, command->knob.data);
	(void)snprintf(value, sizeof(value), "%.*s", (int)command->value.length,
		       command->value.data);
	if (!is_allowed(&nng->settings, command->knob)) {
		(void)snprintf(text, size, "%s: the edge's permissions do not cover it", knob);
		return MESSAGE_NOT_ALLOWED;
	}
	result = sonde_set(instance, knob, value, command->for_ns);
	if (!result)
		return MESSAGE_FINE;
	(void)snprintf(text, size, "%s: %s", knob, strerror(-result));
	return MESSAGE_FAILED;
}

void tell_command(struct sonde_instance *instance, struct region *region, uint64_t number,
		  const void *data, size_t length)
{
	struct nng *nng = instance->self;
	char text[MESSAGE_TEXT_LIMIT + 64] = "";
	struct command command;
	uint32_t code = MESSAGE_MALFORMED;

	if (!command_decode(data, length, &command))
		code = obey(instance, &command, text, sizeof(text));
	if (code != MESSAGE_FINE)
		sonde_log(instance, SONDE_WARNING, "%s: a command is refused (%s) %s", region->url,
			  message_code_name(code), text);
	else
		sonde_count(&nng->commands, 1);
	(void)region_notice(region, MESSAGE_ANSWER, number, code, text, nng_now_ns());
}
