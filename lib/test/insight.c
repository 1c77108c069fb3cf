/* SPDX-License-Identifier: Apache-2.0 */
/* What a plugin under test reads of the daemon: what the test told it. */
#include <errno.h>
#include <string.h>

#include "insight.h"
#include "ledger.h"
#include "test_host.h"

/* One that was told; in the order of telling. */
struct test_told {
	struct test_told *next;
	uint32_t kind; /* of records */
	union {
		struct sonde_account account;
		struct sonde_health health;
		struct sonde_record record;
	} as;
};

/* ---- telling ----------------------------------------------------------------------------- */

static struct test_told *told_add(struct sonde_test *test, struct test_told **list)
{
	struct test_told *told = test_memory(arena_zero(test->arena, sizeof(*told)));

	while (*list)
		list = &(*list)->next;
	*list = told;
	return told;
}

static const char *told_text(struct sonde_test *test, const char *text)
{
	return test_memory(arena_copy(test->arena, text ? text : ""));
}

void sonde_test_tell_account(struct sonde_test *test, const struct sonde_account *account)
{
	struct test_told *told = test->accounts;

	while (told && (told->as.account.kind != account->kind ||
			strcmp(told->as.account.name, account->name)))
		told = told->next;
	if (!told)
		told = told_add(test, &test->accounts);
	told->as.account = *account;
	told->as.account.name = told_text(test, account->name);
}

void sonde_test_tell_health(struct sonde_test *test, const struct sonde_health *health)
{
	struct test_told *told = test->healths;

	while (told && told->as.health.id != health->id)
		told = told->next;
	if (!told)
		told = told_add(test, &test->healths);
	told->as.health = *health;
	told->as.health.name = told_text(test, health->name);
	told->as.health.plugin = told_text(test, health->plugin);
	told->as.health.problem = told_text(test, health->problem);
	told->as.health.callback = told_text(test, health->callback);
}

void sonde_test_tell_record(struct sonde_test *test, enum sonde_record_kind kind,
			    const struct sonde_record *record)
{
	struct test_told *told = told_add(test, &test->records);
	struct sonde_record *own = &told->as.record;

	told->kind = kind;
	*own = *record;
	own->number = ++test->record_numbers[kind == SONDE_RECORD_DECISION];
	own->instance = told_text(test, record->instance);
	own->message = told_text(test, record->message);
	own->event = told_text(test, record->event);
	own->actor = told_text(test, record->actor);
	own->knob = told_text(test, record->knob);
	own->before = told_text(test, record->before);
	own->after = told_text(test, record->after);
}

void sonde_test_tell_process(struct sonde_test *test, const struct sonde_process *process)
{
	test->process_told = *process;
	test->process_told.host_id = told_text(test, process->host_id);
}

/* ---- in the place of the core's insight -------------------------------------------------- */

static void give(void *ret_struct, const void *own, size_t own_bytes)
{
	uint32_t size;

	memcpy(&size, ret_struct, sizeof(size));
	if (!size)
		test_die("a struct of which `size` is not set is given to be filled");
	memcpy((char *)ret_struct + sizeof(size), (const char *)own + sizeof(size),
	       (size < own_bytes ? size : own_bytes) - sizeof(size));
}

int insight_account(struct sonde_instance *instance, uint64_t *cursor,
		    struct sonde_account *ret_account)
{
	const struct test_told *told = test_of(instance)->accounts;

	for (uint64_t i = 0; told && i < *cursor; i++)
		told = told->next;
	if (!told)
		return -ENOENT;
	give(ret_account, &told->as.account, sizeof(told->as.account));
	++*cursor;
	return 0;
}

/* Those told with rising ids are read in that order. */
int insight_health(struct sonde_instance *instance, uint64_t *cursor,
		   struct sonde_health *ret_health, char *texts, size_t capacity)
{
	const struct test_told *told = test_of(instance)->healths;

	while (told && told->as.health.id <= *cursor)
		told = told->next;
	if (!told)
		return -ENOENT;
	give(ret_health, &told->as.health, sizeof(told->as.health));
	*cursor = told->as.health.id;
	return 0;
}

int insight_record(struct sonde_instance *instance, uint32_t kind, uint64_t *cursor,
		   struct sonde_record *ret_record, char *texts, size_t capacity)
{
	const struct test_told *told = test_of(instance)->records;

	while (told && (told->kind != kind || told->as.record.number <= *cursor))
		told = told->next;
	if (!told)
		return -ENOENT;
	give(ret_record, &told->as.record, sizeof(told->as.record));
	*cursor = told->as.record.number;
	return 0;
}

int insight_process(struct sonde_instance *instance, struct sonde_process *ret_process)
{
	struct sonde_process own = test_of(instance)->process_told;

	own.host_id = own.host_id ? own.host_id : "";
	give(ret_process, &own, sizeof(own));
	return 0;
}

const char *insight_reason_name(bool lost, uint32_t reason)
{
	return lost ? loss_name(reason) : reduction_name(reason);
}
