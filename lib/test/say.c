/* SPDX-License-Identifier: Apache-2.0 */
/* What an instance under test says: lines, problems, counters, tables. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "problem.h"
#include "report.h"
#include "test_host.h"

static _Thread_local char last_error[4096];
static _Thread_local struct sonde_test *current;

void test_die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("sonde-test: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	abort();
}

void *test_memory(void *memory)
{
	if (!memory)
		test_die("no memory");
	return memory;
}

void test_text_add(struct test_text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	text->data = test_memory(realloc(text->data, text->length + (size_t)length + 1));
	va_start(arguments, format);
	vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
	va_end(arguments);
	text->length += (size_t)length;
}

struct sonde_test *test_current(void)
{
	return current;
}

void test_enter(struct sonde_test *test)
{
	current = test;
}

void test_error_set(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(last_error, sizeof(last_error), format, arguments);
	va_end(arguments);
}

const char *sonde_test_error(void)
{
	return last_error;
}

/* ---- in the place of the core's log and problems ----------------------------------------- */

void log_write(enum sonde_level level, const char *subject, const char *format, ...)
{
	static const char *const levels[] = { "error", "warning", "info", "debug" };
	char message[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	if (current)
		test_text_add(&current->log, "%s: %s\n", levels[level <= SONDE_DEBUG ? level : 3],
			      message);
}

/* Errors are the reason why there is no test; notes stand in its log. */
void problems_add(struct problems *problems, enum severity severity, struct place place,
		  const char *format, ...)
{
	struct sonde_test *test = (struct sonde_test *)problems;
	char message[1024];
	size_t length = strlen(last_error);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	test_text_add(&test->log, "%s: %s\n", severity == PROBLEM_NOTE ? "note" : "problem",
		      message);
	if (severity == PROBLEM_ERROR)
		snprintf(last_error + length, sizeof(last_error) - length, "%s%s",
			 length ? "\n" : "", message);
}

/* Only whether there are too many to look for nearest names. */
uint32_t problems_count(const struct problems *problems, enum severity severity)
{
	return *last_error != '\0';
}

const char *sonde_test_log(struct sonde_test *test)
{
	return test->log.data ? test->log.data : "";
}

bool sonde_test_logged(struct sonde_test *test, const char *text)
{
	return strstr(sonde_test_log(test), text) != NULL;
}

const char *sonde_test_sets(struct sonde_test *test)
{
	return test->sets.data ? test->sets.data : "";
}

const char *sonde_test_degraded(struct sonde_test *test)
{
	return test->instance->failed_callback != CALLBACK_NONE ? test->instance->problem : NULL;
}

/* ---- status ------------------------------------------------------------------------------ */

uint64_t sonde_test_counter(struct sonde_test *test, const char *name)
{
	const struct sonde_counter *counters = test->descriptor.counters;
	const char *self = test->instance->base.self;

	for (uint32_t i = 0; i < test->plugin.counter_count; i++) {
		if (!strcmp(counters[i].name, name))
			return __atomic_load_n((const uint64_t *)(self + counters[i].offset),
					       __ATOMIC_RELAXED);
	}
	test_die("%s has no counter \"%s\"", test->config.name, name);
}

/* What report() says, in an arena that the test keeps. NULL: no such cell. */
static const struct report_cell *report_find(struct sonde_test *test, const char *table,
					     const char *row, const char *column)
{
	struct sonde_report report;
	const struct report_cell *cell;
	int result;

	test_enter(test);
	if (!test->descriptor.report || !instance_is_running(test->instance))
		return NULL;
	report_init(&report, test->arena);
	instance_enter(test->instance, CALLBACK_REPORT);
	result = test->descriptor.report(&test->instance->base, &report);
	instance_leave(test->instance, CALLBACK_REPORT, result);
	for (cell = report.first; cell; cell = cell->next) {
		if (!strcmp(cell->table, table) && !strcmp(cell->row, row) &&
		    !strcmp(cell->column, column))
			break;
	}
	return cell;
}

double sonde_test_report_number(struct sonde_test *test, const char *table, const char *row,
				const char *column)
{
	const struct report_cell *cell = report_find(test, table, row, column);

	return cell && !cell->text ? cell->number : NAN;
}

const char *sonde_test_report_text(struct sonde_test *test, const char *table, const char *row,
				   const char *column)
{
	const struct report_cell *cell = report_find(test, table, row, column);

	return cell ? cell->text : NULL;
}
