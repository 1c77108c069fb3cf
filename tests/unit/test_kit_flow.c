// SPDX-License-Identifier: Apache-2.0
/* What sonde/test.h promises of what is fed: tables, processors, outputs, and the books. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <sonde/test.h>
#include <cmocka.h> /* last: its macro fail() is a service of the host */

/* ---- plugins ----------------------------------------------------------------------------- */

static int pass(struct sonde_instance *instance, struct sonde_batch *batch)
{
	(void)instance;
	(void)batch;
	return SONDE_PASS;
}

static int fail_all(struct sonde_instance *instance, struct sonde_batch *batch)
{
	return sonde_fail(instance, EIO, "cannot look at %u rows", batch->row_count);
}

static int drop(struct sonde_instance *instance, struct sonde_batch *batch)
{
	(void)instance;
	(void)batch;
	return SONDE_OK;
}

static struct sonde_receipts *kept;

static int hold(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct sonde_receipts *receipts = sonde_keep(instance, batch, kept);

	if (!receipts)
		return sonde_fail(instance, ENOMEM, "no memory for receipts");
	kept = receipts;
	return SONDE_OK;
}

#define PROCESSOR(name_, process_)                                                                 \
	static const struct sonde_plugin *name_##_plugin(const struct sonde_host *host)            \
	{                                                                                          \
		static const struct sonde_plugin plugin = {                                        \
			SONDE_PLUGIN_PROCESSOR, .name = #name_, .summary = "for a test",           \
			.reduces = SONDE_SAMPLED, .process = (process_)                            \
		};                                                                                 \
                                                                                                   \
		(void)host;                                                                        \
		return &plugin;                                                                    \
	}

PROCESSOR(passer, pass)
PROCESSOR(failer, fail_all)
PROCESSOR(dropper, drop)
PROCESSOR(holder, hold)

static struct sonde_test *started(sonde_plugin_function *plugin)
{
	struct sonde_test *test = sonde_test_create(plugin, NULL);

	if (!test)
		fail_msg("%s", sonde_test_error());
	assert_int_equal(sonde_test_start(test), 0);
	kept = NULL;
	return test;
}

static struct sonde_batch *rows(struct sonde_test *test)
{
	return sonde_test_table(test, "some", "a:u8 b:text", "1 x", "2 y", "3 z", NULL);
}

/* ---- tables ------------------------------------------------------------------------------ */

static void a_table_holds_values_of_every_type(void **state)
{
	struct sonde_test *test = started(passer_plugin);
	struct sonde_batch *batch = sonde_test_table(
		test, "all",
		"b:bool i8:i8 i64:i64 u8:u8 u64:u64 d:double t:text y:bytes s:id8:span_id "
		"w:time:start_time l:duration c:u64:sum:cumulative",
		"true -128 -9223372036854775808 255 18446744073709551615 -0.5 'two words' ab "
		"00ff00ff00ff00ff 1 2 3",
		"- - - - - - '' - - - - -", NULL);

	assert_int_equal(sonde_column(batch, 8)->role, SONDE_ROLE_SPAN_ID);
	assert_int_equal(sonde_column(batch, 9)->role, SONDE_ROLE_START_TIME);
	assert_int_equal(sonde_column(batch, 11)->role, SONDE_ROLE_SUM);
	assert_int_equal(sonde_column(batch, 11)->temporality, SONDE_CUMULATIVE);
	assert_int_equal(sonde_test_process(test, batch), SONDE_PASS);
	assert_string_equal(sonde_test_print(test),
			    "all b=true i8=-128 i64=-9223372036854775808 u8=255 "
			    "u64=18446744073709551615 d=-0.5 t=\"two words\" y=0x6162 "
			    "s=0x00ff00ff00ff00ff w=1 l=2 c=3\n"
			    "all t=\"\"\n");
	assert_true(sonde_test_has(test, 1, "t"));
	assert_false(sonde_test_has(test, 1, "i8"));
	sonde_test_release(test);
}

/* In a child process; see assert_dies() of test_kit_mistakes.c, which also reads what it says. */
static int end_of(const char *columns, const char *row)
{
	int status;
	pid_t child = fork();

	if (!child) {
		signal(SIGABRT, SIG_DFL);
		fclose(stderr);
		sonde_test_table(sonde_test_create(passer_plugin, NULL), "some", columns, row,
				 NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_wrong_table_ends_the_program(void **state)
{
	assert_int_equal(end_of("a:u8", "255"), 0);
	assert_int_equal(end_of("a:u8", "256"), SIGABRT);
	assert_int_equal(end_of("a:u8", "-1"), SIGABRT);
	assert_int_equal(end_of("a:i8", "128"), SIGABRT);
	assert_int_equal(end_of("a:double", "1.5x"), SIGABRT);
	assert_int_equal(end_of("a:bool", "yes"), SIGABRT);
	assert_int_equal(end_of("a:id8", "00"), SIGABRT);
	assert_int_equal(end_of("a:id8", "zz00000000000000"), SIGABRT);
	assert_int_equal(end_of("a", "1"), SIGABRT);
	assert_int_equal(end_of("a:number", "1"), SIGABRT);
	assert_int_equal(end_of("a:u8:rank", "1"), SIGABRT);
	assert_int_equal(end_of("a:u8:sum:sometimes", "1"), SIGABRT);
	assert_int_equal(end_of("a:u8:sum:delta:more", "1"), SIGABRT);
	assert_int_equal(end_of("a:u8 b:u8", "1"), SIGABRT);
	assert_int_equal(end_of("a:u8", "1 2"), SIGABRT);
	assert_int_equal(end_of("a:text", "'open"), SIGABRT);
}

/* ---- processors -------------------------------------------------------------------------- */

static void every_row_of_a_processor_is_in_the_books(void **state)
{
	struct sonde_test *test = started(passer_plugin);

	sonde_test_process(test, rows(test));
	assert_int_equal(sonde_test_account(test).in, 3);
	assert_int_equal(sonde_test_account(test).out, 3);
	assert_int_equal(sonde_test_account(test).settled, 0);
	sonde_test_forget(test, SONDE_DONE, NULL);
	assert_int_equal(sonde_test_account(test).settled, 3);
	sonde_test_release(test);

	test = started(dropper_plugin);
	assert_int_equal(sonde_test_process(test, rows(test)), 0);
	assert_int_equal(sonde_test_account(test).reduced[SONDE_SAMPLED], 3);
	assert_int_equal(sonde_test_account(test).settled, 3);
	sonde_test_release(test);

	test = started(failer_plugin);
	assert_int_equal(sonde_test_process(test, rows(test)), -EIO);
	assert_int_equal(sonde_test_account(test).lost[SONDE_LOST_FAILED], 3);
	assert_true(sonde_test_logged(test, "error: cannot look at 3 rows"));
	assert_non_null(sonde_test_degraded(test));
	sonde_test_release(test);
}

static void rows_that_are_kept_are_held_until_others_stand_for_them(void **state)
{
	struct sonde_test *test = started(holder_plugin);
	struct sonde_test_account account;

	sonde_test_process(test, rows(test));
	sonde_test_process(test, rows(test));
	assert_int_equal(sonde_test_account(test).held, 6);
	assert_int_equal(sonde_emit_folded(
				 sonde_test_instance(test), kept,
				 sonde_test_table(test, "folded", "sum:u64:sum:delta", "12", NULL)),
			 0);
	kept = NULL;
	account = sonde_test_account(test);
	assert_int_equal(account.held, 0);
	assert_int_equal(account.reduced[SONDE_AGGREGATED], 5);
	assert_int_equal(account.out, 1);
	assert_int_equal(account.settled, 0);
	sonde_test_forget(test, SONDE_DONE, NULL);
	assert_int_equal(sonde_test_account(test).settled, 6);

	sonde_test_refuse_memory(test, 1);
	assert_int_equal(sonde_test_process(test, rows(test)), -ENOMEM);
	assert_true(sonde_test_refuse_memory(test, 0));
	assert_int_equal(sonde_test_account(test).lost[SONDE_LOST_FAILED], 3);

	sonde_test_process(test, rows(test));
	sonde_test_stop(test);
	assert_int_equal(sonde_test_account(test).lost[SONDE_LOST_SHUTDOWN], 3);
	sonde_test_release(test);
}

/* ---- outputs ----------------------------------------------------------------------------- */

static struct sonde_delivery *given;
static uint32_t attempt, batch_count;
static int answer;

static int keep_delivery(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	given = delivery;
	attempt = delivery->attempt;
	batch_count = delivery->batch_count;
	return answer < 0 ? sonde_fail(instance, -answer, "cannot write") : answer;
}

static const struct sonde_plugin *writer_plugin(const struct sonde_host *host)
{
	static const struct sonde_plugin plugin = {
		SONDE_PLUGIN_OUTPUT, .name = "writer", .summary = "for a test",
		.in_flight = 2,      .batch_limit = 3, .write = keep_delivery
	};

	(void)host;
	return &plugin;
}

static void what_is_handed_over_at_once_is_done(void **state)
{
	struct sonde_test *test = started(writer_plugin);

	answer = SONDE_OK;
	assert_int_equal(sonde_test_write(test, rows(test)), SONDE_OK);
	assert_int_equal(sonde_test_outcome(test, 1, 0)->verdict, SONDE_DONE);
	assert_int_equal(sonde_test_in_flight(test), 0);
	sonde_test_release(test);
}

static void what_is_refused_is_offered_again_with_the_same_number(void **state)
{
	struct sonde_test *test = started(writer_plugin);

	answer = -EAGAIN;
	assert_int_equal(sonde_test_write(test, rows(test)), -EAGAIN);
	assert_int_equal(sonde_test_outcome(test, 1, 0)->verdict, SONDE_RETRY);
	assert_non_null(sonde_test_degraded(test));
	answer = SONDE_LATER;
	assert_int_equal(sonde_test_write_again(test, 1), SONDE_LATER);
	assert_int_equal(given->sequence, 1);
	assert_int_equal(attempt, 2);
	assert_null(sonde_test_degraded(test));
	sonde_test_release(test);
}

static void batches_are_answered_one_by_one_and_later(void **state)
{
	const struct sonde_outcome done = { .size = sizeof(done), .rejected_rows = 1 };
	const struct sonde_outcome retry = {
		.size = sizeof(retry), .verdict = SONDE_RETRY, .retry_after_ns = 5, .reason = "busy"
	};
	struct sonde_test *test = started(writer_plugin);
	struct sonde_instance *instance = sonde_test_instance(test);
	struct sonde_batch *const batches[] = { rows(test), rows(test), rows(test) };
	struct sonde_delivery *first;

	answer = SONDE_LATER;
	assert_int_equal(sonde_test_write_together(test, batches, 3), SONDE_LATER);
	first = given;
	sonde_test_write(test, rows(test));
	assert_int_equal(sonde_test_in_flight(test), 2);
	assert_null(sonde_test_outcome(test, 1, 1));
	sonde_settle_batch(instance, first, 1, &done);
	assert_int_equal(sonde_test_outcome(test, 1, 1)->rejected_rows, 1);
	assert_null(sonde_test_outcome(test, 1, 0));
	sonde_settle(instance, first, &retry); /* what is left of it */
	assert_int_equal(sonde_test_outcome(test, 1, 1)->verdict, SONDE_DONE);
	assert_string_equal(sonde_test_outcome(test, 1, 2)->reason, "busy");
	assert_int_equal(sonde_test_in_flight(test), 1);

	sonde_test_write_again(test, 1);
	assert_int_equal(batch_count, 2);
	first = given;
	sonde_settle(instance, first, &done);
	assert_int_equal(sonde_test_outcome(test, 1, 2)->verdict, SONDE_DONE);
	sonde_settle(instance, first, &done);
	assert_true(sonde_test_logged(test, "answers a delivery that has its answer"));
	sonde_test_stop(test); /* the second delivery has no answer */
	assert_int_equal(sonde_test_in_flight(test), 0);
	assert_null(sonde_test_outcome(test, 2, 0));
	sonde_test_release(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_holds_values_of_every_type),
		cmocka_unit_test(a_wrong_table_ends_the_program),
		cmocka_unit_test(every_row_of_a_processor_is_in_the_books),
		cmocka_unit_test(rows_that_are_kept_are_held_until_others_stand_for_them),
		cmocka_unit_test(what_is_handed_over_at_once_is_done),
		cmocka_unit_test(what_is_refused_is_offered_again_with_the_same_number),
		cmocka_unit_test(batches_are_answered_one_by_one_and_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
