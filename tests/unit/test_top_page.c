// SPDX-License-Identifier: Apache-2.0
/* What lib/top/snapshot.h, page.h and census.h promise: tables of what a daemon said twice. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "page.h"

static const int64_t second_ns = 1000000000;

/* Numbers of one moment. */
struct moment {
	int64_t taken_ns;
	uint64_t emitted, filtered, delivered, lost, queued, missed;
};

#define TALLY          "{\"rows\":%llu,\"events\":%llu}"
#define TWICE(number_) (unsigned long long)(number_), (unsigned long long)(number_)

/* A daemon with an input `gen`, a processor `some` in the pipeline `main`, and an output `out`. */
static struct snapshot *snapshot_at(const struct moment *at)
{
	static char text[8192];
	uint64_t passed = at->emitted - at->filtered;
	int length = snprintf(
		text, sizeof(text),
		"{\"format\":1,\"version\":\"0.1.0\",\"pid\":7,\"config\":\"a \\\"b\\\".conf\","
		"\"uptime_seconds\":12.5,\"cpu_seconds\":1.5,\"memory\":{\"limit_bytes\":1000,"
		"\"used_bytes\":100,\"idle_bytes\":20,\"other_bytes\":3},\"ledger_closes\":true,"
		"\"instances\":["
		"{\"name\":\"gen\",\"kind\":\"input\",\"plugin\":\"generate\",\"replica\":0,"
		"\"state\":\"running\",\"failures\":0,\"knobs\":{\"rate\":{\"value\":\"1\"}}},"
		"{\"name\":\"gen\",\"kind\":\"input\",\"plugin\":\"generate\",\"replica\":1,"
		"\"state\":\"running\",\"failures\":0},"
		"{\"name\":\"some\",\"kind\":\"processor\",\"plugin\":\"filter\",\"replica\":0,"
		"\"state\":\"running\",\"failures\":0},"
		"{\"name\":\"out\",\"kind\":\"output\",\"plugin\":\"null\",\"replica\":0,"
		"\"state\":\"degraded\",\"failures\":3,\"problem\":\"full disk\"}],"
		"\"ledger\":["
		"{\"name\":\"gen\",\"kind\":\"kernel\",\"running\":true,\"in\":" TALLY
		",\"lost\":{\"missed\":" TALLY "},\"reduced\":{}},"
		"{\"name\":\"gen\",\"kind\":\"input\",\"running\":true,\"in\":" TALLY
		",\"out\":" TALLY ",\"lost\":{},\"reduced\":{}},"
		"{\"name\":\"gen > main\",\"kind\":\"route\",\"running\":true,\"in\":" TALLY
		",\"out\":" TALLY ",\"queued\":" TALLY ",\"held\":" TALLY
		",\"lost\":{},\"reduced\":{},\"queue_bytes\":512,\"queue_limit_bytes\":1024},"
		"{\"name\":\"main / some\",\"kind\":\"processor\",\"running\":true,\"in\":" TALLY
		",\"out\":" TALLY ",\"lost\":{},\"reduced\":{\"filtered\":" TALLY "}},"
		"{\"name\":\"main > out\",\"kind\":\"route\",\"running\":true,\"in\":" TALLY
		",\"out\":" TALLY ",\"queued\":" TALLY ",\"held\":" TALLY
		",\"lost\":{\"queue full\":" TALLY
		"},\"reduced\":{},\"queue_bytes\":100,\"queue_limit_bytes\":200},"
		"{\"name\":\"old > gone\",\"kind\":\"route\",\"running\":false,\"in\":" TALLY
		",\"lost\":{},\"reduced\":{}}]}\n",
		TWICE(at->emitted), TWICE(at->missed), TWICE(at->emitted), TWICE(at->emitted),
		TWICE(at->emitted), TWICE(at->emitted - at->queued), TWICE(at->queued), TWICE(0),
		TWICE(at->emitted), TWICE(passed), TWICE(at->filtered), TWICE(passed),
		TWICE(at->delivered), TWICE(passed - at->delivered - at->lost), TWICE(0),
		TWICE(at->lost), TWICE(5));

	assert_in_range(length, 1, sizeof(text) - 1);
	return snapshot_read(text, (size_t)length, at->taken_ns);
}

static const struct moment first = {
	.taken_ns = 5000000000, .emitted = 1000, .filtered = 400, .delivered = 500, .lost = 10
};
static const struct moment later = { .taken_ns = 7000000000,
				     .emitted = 3000,
				     .filtered = 1000,
				     .delivered = 1500,
				     .lost = 60,
				     .queued = 100,
				     .missed = 8 };

/* Two snapshots two seconds apart and a page of them. */
struct pages {
	struct snapshot *before, *now;
	struct sheet sheet;
};

static void pages_open(struct pages *pages, enum page page)
{
	struct sheet_view view = { 0 };

	*pages = (struct pages){ .before = snapshot_at(&first), .now = snapshot_at(&later) };
	assert_non_null(pages->before);
	assert_non_null(pages->now);
	assert_int_equal(page_fill(page, pages->before, pages->now, &pages->sheet), 0);
	sheet_arrange(&pages->sheet, &view);
}

static void pages_close(struct pages *pages)
{
	snapshot_release(pages->before);
	snapshot_release(pages->now);
	sheet_release(&pages->sheet);
}

/* The row whose first text is that, as texts with bars between. */
static const char *line(const struct sheet *sheet, const char *name)
{
	static char text[512];
	char buffer[SHEET_TEXT];
	size_t length = 0;

	for (uint32_t row = 0; row < sheet->shown_count; row++) {
		if (strcmp(sheet_at(sheet, row, 0)->text, name))
			continue;
		for (uint32_t i = 0; i < sheet->column_count; i++)
			length += (size_t)snprintf(
				text + length, sizeof(text) - length, "%s%s", i ? "|" : "",
				sheet_text(&sheet->columns[i], sheet_at(sheet, row, i), true,
					   buffer));
		return text;
	}
	return "no such row";
}

static void what_the_daemon_says_is_read(void **state)
{
	struct snapshot *snapshot = snapshot_at(&later);

	assert_non_null(snapshot);
	assert_string_equal(snapshot->version, "0.1.0");
	assert_string_equal(snapshot->config, "a \"b\".conf");
	assert_int_equal(snapshot->pid, 7);
	assert_int_equal(snapshot->memory_bytes, 123);
	assert_true(snapshot->closes);
	assert_int_equal(snapshot->instance_count, 4);
	assert_string_equal(snapshot->instances[3].problem, "full disk");
	assert_int_equal(snapshot->account_count, 6);
	assert_string_equal(snapshot->accounts[2].from, "gen");
	assert_string_equal(snapshot->accounts[2].to, "main");
	assert_string_equal(snapshot->accounts[4].reasons[0].reason, "queue full");
	snapshot_release(snapshot);
}

static void what_is_no_status_is_refused(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "5", "{\"format\":2}", "{\"format\":" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_null(snapshot_read(texts[i], strlen(texts[i]), 0));
}

static void members_of_other_types_are_as_if_they_were_not_there(void **state)
{
	static const char text[] = "{\"format\":1,\"version\":5,\"pid\":\"x\",\"memory\":[],"
				   "\"instances\":[1,null,{\"name\":{}}],\"ledger\":{\"a\":1}}";
	struct snapshot *snapshot = snapshot_read(text, sizeof(text) - 1, 0);

	assert_non_null(snapshot);
	assert_string_equal(snapshot->version, "");
	assert_int_equal(snapshot->pid, 0);
	assert_int_equal(snapshot->instance_count, 3);
	assert_string_equal(snapshot->instances[2].name, "");
	assert_int_equal(snapshot->account_count, 0);
	snapshot_release(snapshot);
}

static void a_pipeline_has_what_comes_in_goes_out_and_is_lost_a_second(void **state)
{
	struct pages pages;

	pages_open(&pages, PAGE_PIPELINES);
	assert_int_equal(pages.sheet.shown_count, 1); /* what runs no more is not shown */
	/* in 2000, out 1400, filtered 600, lost 50 in 2 s; 100 wait, 1900 went in 2 s */
	assert_string_equal(line(&pages.sheet, "main"),
			    "main|1.00 k|700|300|25|60|100|512 B|50 %|105 ms");
	pages_close(&pages);
}

static void an_instance_has_its_accounts_together(void **state)
{
	struct pages pages;

	pages_open(&pages, PAGE_INSTANCES);
	assert_int_equal(pages.sheet.shown_count, 3); /* replicas are one */
	assert_string_equal(line(&pages.sheet, "gen"),
			    "gen|input|generate|running|1.00 k|1.00 k|0|0|-|-|0|");
	assert_string_equal(line(&pages.sheet, "some"),
			    "some|processor|filter|running|1.00 k|700|0|0|-|-|0|");
	assert_string_equal(line(&pages.sheet, "out"),
			    "out|output|null|degraded|700|500|25|440|100 B|880 ms|3|full disk");
	pages_close(&pages);
}

static void a_state_is_told_whole_however_narrow_it_is(void **state)
{
	uint32_t widths[SHEET_COLUMNS], at = 0;
	struct sheet_view view = page_view(PAGE_INSTANCES);
	struct pages pages;

	pages_open(&pages, PAGE_INSTANCES);
	while (strcmp(pages.sheet.columns[at].title, "STATE"))
		at++;
	for (uint32_t width = 30; width < 120; width++) {
		sheet_layout(&pages.sheet, &view, width, true, widths);
		assert_int_equal(widths[at], strlen("degraded"));
	}
	pages_close(&pages);
}

static void losses_are_told_by_place_and_reason(void **state)
{
	struct pages pages;

	pages_open(&pages, PAGE_LOSSES);
	assert_int_equal(pages.sheet.shown_count, 3);
	assert_string_equal(line(&pages.sheet, "main > out"),
			    "main > out|lost|queue full|25|60|60");
	assert_string_equal(line(&pages.sheet, "main / some"),
			    "main / some|reduced|filtered|300|1.00 k|1.00 k");
	assert_string_equal(line(&pages.sheet, "gen"), "gen|lost|missed|4|-|8");
	pages_close(&pages);
}

static void with_one_snapshot_nothing_is_known_a_second(void **state)
{
	struct snapshot *snapshot = snapshot_at(&later);
	struct sheet_view view = { 0 };
	struct sheet sheet = { 0 };

	assert_int_equal(page_fill(PAGE_PIPELINES, NULL, snapshot, &sheet), 0);
	sheet_arrange(&sheet, &view);
	assert_string_equal(line(&sheet, "main"), "main|-|-|-|-|60|100|512 B|50 %|-");
	snapshot_release(snapshot);
	sheet_release(&sheet);
}

static void counters_that_began_anew_are_no_rates_below_zero(void **state)
{
	const struct moment fewer = { .taken_ns = later.taken_ns + second_ns, .emitted = 10 };
	struct snapshot *before = snapshot_at(&later), *now = snapshot_at(&fewer);
	struct sheet_view view = { 0 };
	struct sheet sheet = { 0 };

	assert_int_equal(page_fill(PAGE_PIPELINES, before, now, &sheet), 0);
	sheet_arrange(&sheet, &view);
	assert_string_equal(line(&sheet, "main"), "main|0|0|0|0|0|0|512 B|50 %|0 ns");
	snapshot_release(before);
	snapshot_release(now);
	sheet_release(&sheet);
}

/* ---- programs ---------------------------------------------------------------------------- */

#define ROW(time_, start_, id_, runs_)                                                             \
	"{\"schema\":\"bpf.program\",\"time\":\"2026-07-01T12:00:" time_ "Z\"," start_             \
	"\"bpf.program.id\":" id_ ",\"bpf.program.name\":\"p" id_ "\","                            \
	"\"bpf.program.type\":\"xdp\",\"bpf.program.runs\":" runs_                                 \
	",\"bpf.program.run.time\":0.002,\"bpf.program.misses\":0,"                                \
	"\"bpf.program.memory\":4096}\n"
#define SINCE(time_) "\"start_time\":\"2026-07-01T12:00:" time_ "Z\","

static void take(struct census *census, const char *lines)
{
	assert_int_equal(census_take_rows(census, lines, strlen(lines)), 0);
}

static void rows_of_the_input_bpf_become_programs(void **state)
{
	struct sheet_view view = { 0 };
	struct census census = { 0 };
	struct sheet sheet = { 0 };
	char buffer[SHEET_TEXT];

	take(&census, "{\"schema\":\"bpf.map\",\"bpf.map.id\":5}\nno json\n");
	take(&census, ROW("20.500000000", SINCE("10.500000000"), "7", "2000")
			      ROW("20.500000000", "", "8", "0"));
	assert_int_equal(census.count, 2);
	assert_int_equal(page_fill_programs(&census, &sheet), 0);
	sheet_arrange(&sheet, &view);
	assert_string_equal(sheet_at(&sheet, 0, 1)->text, "p7");
	assert_string_equal(sheet_text(&sheet.columns[3], sheet_at(&sheet, 0, 3), true, buffer),
			    "200");
	assert_string_equal(sheet_text(&sheet.columns[4], sheet_at(&sheet, 0, 4), true, buffer),
			    "1.0 us");
	assert_false(sheet_at(&sheet, 1, 3)->known);
	sheet_release(&sheet);
	census_release(&census);
}

static void a_new_reading_takes_the_place_of_the_one_before(void **state)
{
	struct census census = { 0 };

	take(&census, ROW("20.0", "", "1", "0") ROW("20.0", "", "2", "0"));
	take(&census, ROW("20.0", "", "3", "0"));
	assert_int_equal(census.count, 3);
	take(&census, ROW("30.0", "", "2", "0"));
	assert_int_equal(census.count, 1);
	assert_int_equal(census.programs[0].id, 2);
	census_release(&census);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_daemon_says_is_read),
		cmocka_unit_test(what_is_no_status_is_refused),
		cmocka_unit_test(members_of_other_types_are_as_if_they_were_not_there),
		cmocka_unit_test(a_pipeline_has_what_comes_in_goes_out_and_is_lost_a_second),
		cmocka_unit_test(an_instance_has_its_accounts_together),
		cmocka_unit_test(a_state_is_told_whole_however_narrow_it_is),
		cmocka_unit_test(losses_are_told_by_place_and_reason),
		cmocka_unit_test(with_one_snapshot_nothing_is_known_a_second),
		cmocka_unit_test(counters_that_began_anew_are_no_rates_below_zero),
		cmocka_unit_test(rows_of_the_input_bpf_become_programs),
		cmocka_unit_test(a_new_reading_takes_the_place_of_the_one_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
