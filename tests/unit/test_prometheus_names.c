// SPDX-License-Identifier: Apache-2.0
/* Names, units and labels that the output `prometheus` makes, and what it reads out of Accept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "../../plugins/output/prometheus/accept.h"
#include "../../plugins/output/prometheus/naming.h"

static void assert_metric(const char *name, const char *unit, bool is_counter, bool is_gauge,
			  const char *wanted)
{
	struct json out = { 0 };

	naming_metric(&out, name, naming_unit(unit, is_gauge, true).suffix, is_counter);
	assert_int_equal(out.length, strlen(wanted));
	assert_memory_equal(out.data, wanted, out.length);
	json_release(&out);
}

static void assert_label(const char *key, const char *wanted)
{
	struct json out = { 0 };

	naming_label(&out, key, strlen(key));
	assert_int_equal(out.length, strlen(wanted));
	assert_memory_equal(out.data, wanted, out.length);
	json_release(&out);
}

static void assert_unit(const char *unit, const char *suffix, double divisor)
{
	struct naming_unit made = naming_unit(unit, false, true);

	assert_string_equal(made.suffix, suffix);
	assert_true(made.divisor == divisor);
}

static void units_become_words_and_fractions_of_a_second_become_seconds(void **state)
{
	assert_unit("s", "seconds", 1);
	assert_unit("ns", "seconds", 1e9);
	assert_unit("us", "seconds", 1e6);
	assert_unit("ms", "seconds", 1e3);
	assert_unit("min", "minutes", 1);
	assert_unit("By", "bytes", 1);
	assert_unit("KiBy", "kibibytes", 1);
	assert_unit("%", "percent", 1);
	assert_unit("By/s", "bytes_per_second", 1);
	assert_unit("{packet}/min", "per_minute", 1);
	assert_unit("m/s", "meters_per_second", 1);
	assert_unit("1/s", "per_second", 1);
	assert_unit("{call}", "", 1);
	assert_unit("", "", 1);
	assert_unit("1", "", 1);
	assert_unit("own unit", "own_unit", 1);
	assert_unit("ms/s", "milliseconds_per_second", 1);
	assert_string_equal(naming_unit("ns", false, false).suffix, "nanoseconds");
	assert_true(naming_unit("ns", false, false).divisor == 1);
	assert_string_equal(naming_unit("1", true, true).suffix, "ratio");
}

static void a_unit_of_any_length_is_cut_and_never_too_long(void **state)
{
	char unit[400];

	for (size_t length = 1; length < sizeof(unit); length++) {
		memset(unit, 'x', length);
		unit[length / 2] = '/';
		unit[length] = '\0';
		assert_true(strlen(naming_unit(unit, false, true).suffix) < UNIT_BYTES);
		memset(unit, '{', length);
		assert_true(strlen(naming_unit(unit, false, true).suffix) < UNIT_BYTES);
	}
}

static void names_keep_what_names_may_have(void **state)
{
	assert_metric("syscall.calls", "{call}", true, false, "syscall_calls");
	assert_metric("http.server.request.duration", "s", false, false,
		      "http_server_request_duration_seconds");
	assert_metric("disk.io", "By", true, false, "disk_io_bytes");
	assert_metric("a-b c//d", "", false, false, "a_b_c_d");
	assert_metric("a..b", "", false, false, "a_b");
	assert_metric("9lives", "", false, false, "_9lives");
	assert_metric("", "", false, false, "_");
	assert_metric("ns:name", "", false, false, "ns:name");
	assert_metric("gr\xc3\xb6\xc3\x9f", "", false, false, "gr");
	assert_metric("ends.", "s", false, false, "ends_seconds");
}

static void suffixes_stand_there_once(void **state)
{
	assert_metric("requests.total", "", true, false, "requests");
	assert_metric("sent_bytes_total", "By", true, false, "sent_bytes");
	assert_metric("sent.bytes", "By", true, false, "sent_bytes");
	assert_metric("uptime.seconds", "ms", false, false, "uptime_seconds");
	assert_metric("total", "", true, false, "total");
	assert_metric("load", "1", false, true, "load_ratio");
	assert_metric("load", "1", true, false, "load");
}

static void labels_keep_what_labels_may_have(void **state)
{
	assert_label("syscall.name", "syscall_name");
	assert_label("a:b", "a_b");
	assert_label("0a", "key_0a");
	assert_label("", "key_");
	assert_label("__name__", "_name_");
}

static void the_format_with_the_largest_weight_is_taken(void **state)
{
	static const char protobuf[] = "application/vnd.google.protobuf;"
				       "proto=io.prometheus.client.MetricFamily;encoding=delimited";
	char both[512];

	assert_int_equal(accept_format(NULL), ACCEPT_TEXT);
	assert_int_equal(accept_format(""), ACCEPT_TEXT);
	assert_int_equal(accept_format("*/*"), ACCEPT_TEXT);
	assert_int_equal(accept_format("text/plain"), ACCEPT_TEXT);
	assert_int_equal(accept_format("application/openmetrics-text"), ACCEPT_OPENMETRICS);
	assert_int_equal(
		accept_format("Application/OpenMetrics-Text ; Version=\"1.0.0\" , text/plain"),
		ACCEPT_OPENMETRICS);
	assert_int_equal(accept_format("application/openmetrics-text;version=0.0.1"), ACCEPT_TEXT);
	assert_int_equal(accept_format("application/openmetrics-text;q=0.5,text/plain;q=0.6"),
			 ACCEPT_TEXT);
	assert_int_equal(accept_format("application/openmetrics-text;q=0,text/html"), ACCEPT_TEXT);
	assert_int_equal(accept_format(protobuf), ACCEPT_PROTOBUF);
	assert_int_equal(accept_format("application/vnd.google.protobuf"), ACCEPT_TEXT);
	/* as a Prometheus says it that would have native histograms, and one that would not */
	(void)snprintf(both, sizeof(both),
		       "%s,application/openmetrics-text;version=1.0.0;q=0.8,"
		       "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		       protobuf);
	assert_int_equal(accept_format(both), ACCEPT_PROTOBUF);
	assert_int_equal(accept_format("application/openmetrics-text;version=1.0.0,"
				       "application/openmetrics-text;version=0.0.1;q=0.75,"
				       "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
			 ACCEPT_OPENMETRICS);
}

static void gzip_is_given_to_who_takes_it(void **state)
{
	assert_false(accept_gzip(NULL));
	assert_false(accept_gzip("identity, deflate"));
	assert_true(accept_gzip("deflate, GZIP"));
	assert_true(accept_gzip("gzip;q=0.001"));
	assert_false(accept_gzip("gzip;q=0, *"));
	assert_true(accept_gzip("*"));
	assert_false(accept_gzip("*;q=0.000"));
	assert_false(accept_gzip("gzip;q=x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_become_words_and_fractions_of_a_second_become_seconds),
		cmocka_unit_test(a_unit_of_any_length_is_cut_and_never_too_long),
		cmocka_unit_test(names_keep_what_names_may_have),
		cmocka_unit_test(suffixes_stand_there_once),
		cmocka_unit_test(labels_keep_what_labels_may_have),
		cmocka_unit_test(the_format_with_the_largest_weight_is_taken),
		cmocka_unit_test(gzip_is_given_to_who_takes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
