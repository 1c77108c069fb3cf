// SPDX-License-Identifier: Apache-2.0
/* Gathers a daemon's accounts, and adds them up. */
#include "statement.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOP_NAMES = 64, HEALTH_TEXTS = 4096 };

void statement_clear(struct statement *statement)
{
	free(statement->accounts);
	*statement = (struct statement){ 0 };
}

/* ---- gathering --------------------------------------------------------------------------- */

/* The instances of the plugin `nng`. */
struct hop_names {
	char names[HOP_NAMES][STATEMENT_NAME_BYTES];
	uint32_t count;
};

static void hop_names_read(struct sonde_instance *instance, struct hop_names *names)
{
	struct sonde_health health = { .size = sizeof(health) };
	char texts[HEALTH_TEXTS];
	uint64_t cursor = 0;

	names->count = 0;
	while (names->count < HOP_NAMES &&
	       !sonde_next_health(instance, &cursor, &health, texts, sizeof(texts))) {
		if (strcmp(health.plugin, "nng"))
			continue;
		(void)snprintf(names->names[names->count++], STATEMENT_NAME_BYTES, "%s",
			       health.name);
	}
}

/* Who takes from a queue "FROM > TO", without the number of its replica; else the whole name. */
static const char *receiver_of(const char *account, size_t *ret_length)
{
	const char *mark = strstr(account, " > ");

	if (mark)
		account = mark + 3;
	*ret_length = strcspn(account, "#");
	return account;
}

static bool is_hop(const struct hop_names *names, const struct sonde_account *account)
{
	size_t length;
	const char *receiver = receiver_of(account->name, &length);

	if (account->kind != SONDE_ACCOUNT_INPUT && account->kind != SONDE_ACCOUNT_ROUTE)
		return false;
	for (uint32_t i = 0; i < names->count; i++) {
		if (strlen(names->names[i]) == length && !memcmp(names->names[i], receiver, length))
			return true;
	}
	return false;
}

/* A place for one more; NULL: no memory, or too many. */
static struct statement_account *account_add(struct statement *statement)
{
	uint32_t capacity = statement->capacity ? statement->capacity * 2 : 16;
	struct statement_account *accounts;

	if (statement->count >= STATEMENT_ACCOUNTS)
		return NULL;
	if (statement->count == statement->capacity) {
		accounts = reallocarray(statement->accounts, capacity, sizeof(*accounts));
		if (!accounts)
			return NULL;
		statement->accounts = accounts;
		statement->capacity = capacity;
	}
	accounts = &statement->accounts[statement->count++];
	memset(accounts, 0, sizeof(*accounts));
	return accounts;
}

static int add_account(struct statement *statement, const struct hop_names *names,
		       const struct sonde_account *account)
{
	struct statement_account *own = account_add(statement);

	if (!own)
		return statement->count < STATEMENT_ACCOUNTS ? -ENOMEM : -E2BIG;
	(void)snprintf(own->name, sizeof(own->name), "%s", account->name);
	own->kind = account->kind;
	own->is_hop = is_hop(names, account);
	own->begun_ns = account->begun_ns;
	own->in = account->in;
	own->made = account->made;
	own->out = account->out;
	own->in_flight = account->in_flight;
	own->repeated = account->repeated;
	memcpy(own->reduced, account->reduced, sizeof(own->reduced));
	memcpy(own->lost, account->lost, sizeof(own->lost));
	return 0;
}

int statement_gather(struct sonde_instance *instance, const char *name, struct statement *ret)
{
	struct sonde_account account = { .size = sizeof(account) };
	struct sonde_process process = { .size = sizeof(process) };
	struct statement statement = { .time_ns = sonde_now_ns(instance) };
	struct hop_names *names = malloc(sizeof(*names));
	uint64_t cursor = 0;
	int result = names ? 0 : -ENOMEM;

	if (names)
		hop_names_read(instance, names);
	while (!result && !sonde_next_account(instance, &cursor, &account))
		result = add_account(&statement, names, &account);
	free(names);
	if (result) {
		statement_clear(&statement);
		return result;
	}
	(void)sonde_read_process(instance, &process);
	(void)snprintf(statement.host_id, sizeof(statement.host_id), "%s",
		       process.host_id ? process.host_id : "");
	(void)snprintf(statement.name, sizeof(statement.name), "%s", name);
	statement.epoch = process.epoch;
	*ret = statement;
	return 0;
}

/* ---- adding up --------------------------------------------------------------------------- */

static int64_t amount(struct sonde_amount amount, bool events)
{
	return (int64_t)(events ? amount.events : amount.rows);
}

/* Whether somebody takes from what this one is named after: then a queue to it does not end there.
 */
static bool has_more(const struct statement *statement, const char *name, size_t length)
{
	for (uint32_t i = 0; i < statement->count; i++) {
		const char *other = statement->accounts[i].name;

		if (statement->accounts[i].kind == SONDE_ACCOUNT_ROUTE &&
		    !strncmp(other, name, length) && !strncmp(other + length, " > ", 3))
			return true;
	}
	return false;
}

static bool ends_here(const struct statement *statement, const struct statement_account *account)
{
	size_t length;
	const char *receiver = receiver_of(account->name, &length);

	return account->kind == SONDE_ACCOUNT_ROUTE && !has_more(statement, receiver, length);
}

/* Of events the kernel's side of an input is where they come from; rows come from the input. */
static bool begins_here(const struct statement *statement, const struct statement_account *account,
			bool events)
{
	if (account->kind == SONDE_ACCOUNT_KERNEL)
		return events;
	if (account->kind != SONDE_ACCOUNT_INPUT)
		return false;
	for (uint32_t i = 0; events && i < statement->count; i++) {
		if (statement->accounts[i].kind == SONDE_ACCOUNT_KERNEL &&
		    !strcmp(statement->accounts[i].name, account->name))
			return false;
	}
	return true;
}

void statement_add(const struct statement *statement, bool events, struct statement_sum *sum)
{
	for (uint32_t i = 0; i < statement->count; i++) {
		const struct statement_account *account = &statement->accounts[i];
		int64_t in = amount(account->in, events), out = amount(account->out, events);

		if (account->kind == SONDE_ACCOUNT_KERNEL && !events)
			continue;
		if (!begins_here(statement, account, events))
			sum->copies += in;
		else
			*(account->is_hop ? &sum->from_edges : &sum->produced) += in;
		if (!ends_here(statement, account))
			sum->copies -= out;
		else
			*(account->is_hop ? &sum->to_regions : &sum->delivered) += out;
		sum->made += amount(account->made, events);
		sum->in_flight += amount(account->in_flight, events);
		sum->repeated += amount(account->repeated, events);
		for (uint32_t r = 0; r < SONDE_REDUCTION_COUNT; r++)
			sum->reduced[r] += amount(account->reduced[r], events);
		for (uint32_t r = 0; r < SONDE_LOSS_COUNT; r++)
			sum->lost[r] += amount(account->lost[r], events);
	}
}

void statement_join(struct statement_sum *sum, const struct statement_sum *other)
{
	sum->produced += other->produced;
	sum->from_edges += other->from_edges;
	sum->made += other->made;
	sum->copies += other->copies;
	sum->delivered += other->delivered;
	sum->to_regions += other->to_regions;
	sum->in_flight += other->in_flight;
	sum->repeated += other->repeated;
	for (uint32_t r = 0; r < SONDE_REDUCTION_COUNT; r++)
		sum->reduced[r] += other->reduced[r];
	for (uint32_t r = 0; r < SONDE_LOSS_COUNT; r++)
		sum->lost[r] += other->lost[r];
}

int64_t statement_reduced(const struct statement_sum *sum)
{
	int64_t all = 0;

	for (uint32_t r = 0; r < SONDE_REDUCTION_COUNT; r++)
		all += sum->reduced[r];
	return all;
}

int64_t statement_lost(const struct statement_sum *sum)
{
	int64_t all = 0;

	for (uint32_t r = 0; r < SONDE_LOSS_COUNT; r++)
		all += sum->lost[r];
	return all;
}

int64_t statement_open(const struct statement_sum *sum)
{
	return sum->produced + sum->from_edges + sum->made + sum->copies - sum->delivered -
	       sum->to_regions - sum->in_flight - statement_reduced(sum) - statement_lost(sum);
}
