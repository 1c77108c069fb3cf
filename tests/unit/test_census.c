// SPDX-License-Identifier: Apache-2.0
/* What core/census.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdint.h>
#include <cmocka.h>

#include "census.h"

enum { ENTRIES = 4, ROUNDS = 2000 };

/* What a visit saw, in its order. */
struct seen {
	void *subjects[ENTRIES];
	uint64_t last_id;
	uint32_t count;
};

static int see(void *subject, uint64_t id, void *data)
{
	struct seen *seen = data;

	assert_true(id > seen->last_id);
	seen->last_id = id;
	seen->subjects[seen->count++] = subject;
	return 0;
}

static void entries_are_visited_in_the_order_of_coming(void **state)
{
	struct census_entry entries[ENTRIES] = { 0 };
	struct seen seen = { 0 };
	int subjects[ENTRIES];

	for (int i = 0; i < ENTRIES; i++)
		census_enter(CENSUS_ROUTES, &entries[i], &subjects[i]);
	census_leave(&entries[1]);
	census_leave(&entries[ENTRIES - 1]);
	census_enter(CENSUS_ROUTES, &entries[1], &subjects[1]); /* again, as the last */
	assert_int_equal(census_visit(CENSUS_ROUTES, see, &seen), 0);
	assert_int_equal(seen.count, 3);
	assert_ptr_equal(seen.subjects[0], &subjects[0]);
	assert_ptr_equal(seen.subjects[1], &subjects[2]);
	assert_ptr_equal(seen.subjects[2], &subjects[1]);
	for (int i = 0; i < ENTRIES; i++)
		census_leave(&entries[i]);
	seen = (struct seen){ 0 };
	census_visit(CENSUS_ROUTES, see, &seen);
	assert_int_equal(seen.count, 0);
}

static void who_enters_twice_is_in_it_once(void **state)
{
	struct census_entry entry = { 0 };
	struct seen seen = { 0 };
	int subject;

	census_enter(CENSUS_INSTANCES, &entry, &subject);
	census_enter(CENSUS_INSTANCES, &entry, &subject);
	census_visit(CENSUS_INSTANCES, see, &seen);
	assert_int_equal(seen.count, 1);
	seen = (struct seen){ 0 };
	census_visit(CENSUS_ROUTES, see, &seen);
	assert_int_equal(seen.count, 0);
	census_leave(&entry);
	census_leave(&entry);
}

static int stop_at_once(void *subject, uint64_t id, void *data)
{
	++*(int *)data;
	return 7;
}

static void a_visit_ends_where_it_is_told_to(void **state)
{
	struct census_entry entries[2] = { 0 };
	int subjects[2], count = 0;

	for (int i = 0; i < 2; i++)
		census_enter(CENSUS_ROUTES, &entries[i], &subjects[i]);
	assert_int_equal(census_visit(CENSUS_ROUTES, stop_at_once, &count), 7);
	assert_int_equal(count, 1);
	for (int i = 0; i < 2; i++)
		census_leave(&entries[i]);
}

static int count_up(void *subject, uint64_t id, void *data)
{
	++*(uint64_t *)subject; /* under the lock: the subject is there */
	return 0;
}

static void *come_and_go(void *data)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct census_entry entry = { 0 };
		uint64_t visits = 0;

		census_enter(CENSUS_INSTANCES, &entry, &visits);
		census_leave(&entry);
	}
	return NULL;
}

static void what_is_looked_at_stays_until_it_was_seen(void **state)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, NULL), 0);
	for (int i = 0; i < ROUNDS; i++)
		census_visit(CENSUS_INSTANCES, count_up, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_visited_in_the_order_of_coming),
		cmocka_unit_test(who_enters_twice_is_in_it_once),
		cmocka_unit_test(a_visit_ends_where_it_is_told_to),
		cmocka_unit_test(what_is_looked_at_stays_until_it_was_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
