/* SPDX-License-Identifier: Apache-2.0 */
/* A host for tests of plugins: one instance, driven by hand, without the daemon.
 *
 *	struct sonde_test *test = sonde_test_create(sonde_plugin, "interval=1s", NULL);
 *
 *	sonde_test_start(test);
 *	sonde_test_advance(test, SONDE_TEST_SECOND);
 *	assert(sonde_test_row_count(test) == 1);
 *	assert(sonde_test_number(test, 0, "system.load.1m") >= 0);
 *	sonde_test_release(test);
 *
 * Link with `pkg-config --libs sonde-test`, and with the plugin's own source or without it (a .so
 * by its path). Options, rows, batches and messages are made by the same code as in the daemon.
 *
 * One thread calls all of this. A plugin may have threads of its own, which may call sonde_wake()
 * and nothing else: another service that one of them calls ends the program. Time stands still but
 * for sonde_test_advance(). Nothing here sleeps but sonde_test_poll(). Everything returned belongs
 * to the test and is valid until sonde_test_release(), where nothing else is said. A mistake of
 * the test itself (a row that is not there, a column of another name) ends the program with a line
 * that says which; so does memory that is really refused.
 *
 * This library is not part of the plugin interface: it may change with every version. */
#ifndef SONDE_TEST_H
#define SONDE_TEST_H

#include <sonde/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* The plugin that SONDE_EXPORT() wrote, where it is linked with the test. */
const struct sonde_plugin *sonde_plugin(const struct sonde_host *host);

struct sonde_test;

static const int64_t SONDE_TEST_MILLISECOND = 1000000;
static const int64_t SONDE_TEST_SECOND = 1000000000;

/* ---- the instance ------------------------------------------------------------------------ */

/* An instance that is not started, its options given as "name=value" texts that end with NULL;
 * check() has run. Lists are written "a, b", groups as in a config: "peers=( { port = 1; }, … )".
 * NULL where the daemon would refuse the descriptor or an option: sonde_test_error() then says what
 * the daemon says. The instance has the plugin's name. */
__attribute__((sentinel)) struct sonde_test *sonde_test_create(sonde_plugin_function *plugin, ...);

/* The same for a plugin in a file, which passes the daemon's checks of files; it stays loaded. */
__attribute__((sentinel)) struct sonde_test *sonde_test_load(const char *path, ...);

/* The same as replica `replica` of `replica_count`, with the options in a list that ends with NULL;
 * the list may be NULL. */
struct sonde_test *sonde_test_create_replica(sonde_plugin_function *plugin, uint32_t replica,
					     uint32_t replica_count, const char *const *options);

/* Why the last create, load or set of this thread was refused; "" if it was not. Valid until the
 * next of them. */
const char *sonde_test_error(void);

/* Stops what is started, lets go of what was emitted, frees all. NULL is fine. */
void sonde_test_release(struct sonde_test *test);

/* What the plugin is given; for services that the test calls itself, such as sonde_batch_table(),
 * and for a look at `self`. */
struct sonde_instance *sonde_test_instance(struct sonde_test *test);

/* Runs start(), and returns what it did. After a failure stop() has run, the private struct is as
 * it was but for the options, and the next try is due on the clock, as in the daemon. */
int sonde_test_start(struct sonde_test *test);

/* Runs stop(), if it is started; it may be started again. Deliveries not settled and rows still
 * kept are lost then. */
void sonde_test_stop(struct sonde_test *test);

/* Runs drain(). True: it is done; false: sonde_drained() is still to come (see below). */
bool sonde_test_drain(struct sonde_test *test);
bool sonde_test_is_drained(struct sonde_test *test);

/* Sets a knob as a user does: 0, or what was refused, as sonde_test_error() says; the old value is
 * back then. */
int sonde_test_set(struct sonde_test *test, const char *knob, const char *value);

/* ---- time, fds, wake-ups ----------------------------------------------------------------- */

/* What sonde_now_ns() says; at first 1,000,000,000 s after the epoch. */
int64_t sonde_test_now_ns(struct sonde_test *test);

/* Moves the clock on by ns, at least 0, and runs what falls due on the way, each at its time and in
 * order: timers, the restart after a failed start, wake-ups. 0 runs what is due now. What a
 * callback asks for itself without a delay (sonde_wake() in woken()) waits for the next call.
 * Returns how many callbacks ran. */
uint32_t sonde_test_advance(struct sonde_test *test, int64_t ns);

/* Waits, really, until a watched fd is ready or sonde_wake() was called, and runs ready() of each
 * such fd and woken(). Returns how many callbacks ran; 0: nothing came within timeout_ms (of true
 * time). The clock of the test does not move. */
uint32_t sonde_test_poll(struct sonde_test *test, int timeout_ms);

/* Runs ready() of a watched fd as if the events had come, whatever its state is: for a hang-up,
 * say, that a test cannot bring about. */
void sonde_test_ready(struct sonde_test *test, int fd, uint32_t events);

/* ---- what it says ------------------------------------------------------------------------ */

/* All lines so far, each ended by a newline: "error: MESSAGE", "warning: ", "info: ", "debug: ",
 * "problem: " and "note: " of check(). Valid until the next call into the test. */
const char *sonde_test_log(struct sonde_test *test);

/* Whether the text occurs in the log. */
bool sonde_test_logged(struct sonde_test *test, const char *text);

/* Why the instance is degraded, as `status` would say it; NULL: it is well. */
const char *sonde_test_degraded(struct sonde_test *test);

/* A counter of its table. */
uint64_t sonde_test_counter(struct sonde_test *test, const char *name);

/* A cell of what report() says now; NAN or NULL: there is no such cell. */
double sonde_test_report_number(struct sonde_test *test, const char *table, const char *row,
				const char *column);
const char *sonde_test_report_text(struct sonde_test *test, const char *table, const char *row,
				   const char *column);

/* Knobs that the plugin set by sonde_set(), one a line: "calls.sample=1% for 5000000000 ns". Those
 * held by sonde_hold_knobs() have " by NAME: REASON" behind them; "NAME is given up". */
const char *sonde_test_sets(struct sonde_test *test);

/* ---- what it emits ----------------------------------------------------------------------- */

/* Rows that count, of all batches emitted and not forgotten, in the order of emission. What was
 * emitted row by row is gathered first. */
uint32_t sonde_test_row_count(struct sonde_test *test);

/* The schema of a row, and whether it has a value in a column; false if it has no such column. */
const char *sonde_test_schema(struct sonde_test *test, uint32_t row);
bool sonde_test_has(struct sonde_test *test, uint32_t row, const char *column);

/* The value of a row in a column, which it must have. number: any number, bool, time or duration;
 * integer: the same, of 64 bits; text: of any type, as sonde_test_print() writes it. */
double sonde_test_number(struct sonde_test *test, uint32_t row, const char *column);
int64_t sonde_test_integer(struct sonde_test *test, uint32_t row, const char *column);
const char *sonde_test_text(struct sonde_test *test, uint32_t row, const char *column);

/* All rows, a line each: `SCHEMA column=value column=value`, columns without a value left out. */
const char *sonde_test_print(struct sonde_test *test);

/* The batches themselves, valid until forgotten; NULL: past the last. */
uint32_t sonde_test_batch_count(struct sonde_test *test);
struct sonde_batch *sonde_test_batch(struct sonde_test *test, uint32_t index);

/* Lets go of all that was emitted, as branches of the daemon do that have delivered it
 * (SONDE_DONE), could not for now (SONDE_RETRY) or never will (SONDE_REJECTED); reason may be NULL.
 * settled() of an input runs for tokens that nobody holds any more. Returns how many callbacks ran.
 */
uint32_t sonde_test_forget(struct sonde_test *test, enum sonde_verdict verdict, const char *reason);

/* ---- what it is fed ---------------------------------------------------------------------- */

/* A batch written as a table. columns: "NAME:TYPE", "NAME:TYPE:ROLE" or, of sums and histograms,
 * "NAME:TYPE:ROLE:TEMPORALITY" ("delta", "cumulative"), with blanks between; types and roles are
 * called as in the manual of a plugin, with '_' for a blank in a role ("start_time"). Then one
 * text a row, NULL at the end, its cells with blanks between; - is no value, '…' a text with
 * blanks. Types: integers, double, bool ("true"), time and duration (ns), text, bytes, id8 and id16
 * (hex); the rest by the services. The caller owns the batch, and gives it to one of the functions
 * below.
 *
 *	sonde_test_table(test, "load", "time:time:time host:text value:double:gauge",
 *			 "1000 alpha 0.5", "2000 'beta gamma' -", NULL) */
__attribute__((sentinel)) struct sonde_batch *
sonde_test_table(struct sonde_test *test, const char *schema, const char *columns, ...);

/* Processor: runs process() over the batch, whose reference it takes over. Returns what process()
 * did; what went on is among the rows emitted. */
int sonde_test_process(struct sonde_test *test, struct sonde_batch *batch);

/* Processor, before a start: there is a queue on disk before it, and this is what it remembered
 * before it died; length 0: nothing yet. Without, sonde_remember() returns -ENOTSUP. Then its rows
 * are read again: sonde_test_replay() marks a batch that is to be processed as one that was given
 * before; sonde_test_caught_up(): all of them have been, and sonde_recall() says -ENOENT. */
void sonde_test_journal(struct sonde_test *test, const void *recalled, size_t length);
void sonde_test_replay(struct sonde_test *test, struct sonde_batch *batch);
void sonde_test_caught_up(struct sonde_test *test);

/* What it remembers now; returns the length, 0: nothing. */
size_t sonde_test_remembered(struct sonde_test *test, void *buffer, size_t capacity);

/* Processor: what ask() says, one ask a line as `sonde show` prints it; "..." is a line at the end
 * where it returned SONDE_PARTLY. Input: calls take() with these asks, and returns what it took.
 * Before a start and after it; sonde_batch_done() marks a batch as an input would. */
const char *sonde_test_asks(struct sonde_test *test);
uint64_t sonde_test_take(struct sonde_test *test, const struct sonde_ask *asks, uint32_t count);

/* Output: offers the batches as one delivery and returns what write() did. Takes over the
 * references. Deliveries are numbered from 1 in the order of coming. The caller minds in_flight and
 * batch_limit of the descriptor: beyond them the program ends. */
int sonde_test_write(struct sonde_test *test, struct sonde_batch *batch);
int sonde_test_write_together(struct sonde_test *test, struct sonde_batch *const *batches,
			      uint32_t count);

/* Output: offers again, under the same number, what of a delivery was settled for a retry, or
 * refused by write(). */
int sonde_test_write_again(struct sonde_test *test, uint64_t delivery);

/* Deliveries that wait for an answer. */
uint32_t sonde_test_in_flight(struct sonde_test *test);

/* The last answer for a batch of a delivery, counted as when it was written first; NULL: none yet.
 * write() that returns 0 answers SONDE_DONE, a negative errno SONDE_RETRY. */
const struct sonde_outcome *sonde_test_outcome(struct sonde_test *test, uint64_t delivery,
					       uint32_t batch);

/* ---- the books --------------------------------------------------------------------------- */

/* What became of rows, as the ledger has it: in + made = out + all reduced + all lost + held. */
struct sonde_test_account {
	uint64_t in, made, out, held;
	uint64_t reduced[SONDE_REDUCTION_COUNT]; /* by enum sonde_reduction */
	uint64_t lost[SONDE_LOSS_COUNT];         /* by enum sonde_loss */
	uint64_t settled; /* processor: rows fed that everybody has let go of */
};

/* Of an input or processor; of an output zeros. */
struct sonde_test_account sonde_test_account(struct sonde_test *test);

/* The last sonde_tell(); NULL: none. */
const struct sonde_tally *sonde_test_tally(struct sonde_test *test);

/* ---- what it knows of the daemon --------------------------------------------------------- */

/* What sonde_next_account(), sonde_next_health(), sonde_next_record() and sonde_read_process() say
 * from now on; texts are copied, NULL is an empty one, and sizes need not be set. An account of the
 * same kind and name, or the health of the same id, takes the place of the one told before. Records
 * are numbered by the test host. */
void sonde_test_tell_account(struct sonde_test *test, const struct sonde_account *account);
void sonde_test_tell_health(struct sonde_test *test, const struct sonde_health *health);
void sonde_test_tell_record(struct sonde_test *test, enum sonde_record_kind kind,
			    const struct sonde_record *record);
void sonde_test_tell_process(struct sonde_test *test, const struct sonde_process *process);

/* ---- failures on purpose ----------------------------------------------------------------- */

/* Refuses memory once, to the n-th call from now of a service that needs some (sonde_row,
 * sonde_text, sonde_bytes, sonde_heap, sonde_keep, timers, watches, and whatever makes a dictionary
 * or batch or adds to one); 0: to none. Returns whether the refusal asked for before has come: a
 * test that counts n up until it has not went through all. */
bool sonde_test_refuse_memory(struct sonde_test *test, uint32_t n);

/* From now on sonde_check_knob() says this of that knob, in every test; all others pass. NULL: of
 * none. */
void sonde_test_refuse_knob(const char *knob, const char *error);

/* Every queue is full: sonde_reserve() returns -EAGAIN. Once they are not any more, room() runs in
 * the next sonde_test_advance() or sonde_test_poll(). */
void sonde_test_fill_queues(struct sonde_test *test, bool full);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
