/* SPDX-License-Identifier: Apache-2.0 */
/* Where each signal of the output `otlp` goes: options, variables, and which of them count. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "target.h"

static const char *const *environment; /* "NAME=value", ended by NULL */

static const char *variable(const char *name)
{
	size_t length = strlen(name);

	for (uint32_t i = 0; environment[i]; i++) {
		if (!strncmp(environment[i], name, length) && environment[i][length] == '=')
			return environment[i] + length + 1;
	}
	return NULL;
}

static struct target targets[SIGNAL_COUNT];
static char error[TARGET_ERROR_LENGTH];
static const char *option;

static int resolve(const struct settings *settings, const char *const *variables)
{
	int result;

	environment = variables;
	targets_release(targets);
	result = targets_resolve(settings, variable, targets, &option, error);
	return result;
}

static const char *const none[] = { NULL };

static int released(void **state)
{
	(void)state;
	targets_release(targets);
	return 0;
}

static void a_config_that_says_nothing_goes_to_this_host(void **state)
{
	struct settings settings = { 0 };

	(void)state;
	assert_int_equal(resolve(&settings, none), 0);
	assert_string_equal(targets[SIGNAL_LOGS].url, "http://localhost:4318/v1/logs");
	assert_string_equal(targets[SIGNAL_METRICS].url, "http://localhost:4318/v1/metrics");
	assert_string_equal(targets[SIGNAL_TRACES].url, "http://localhost:4318/v1/traces");
	assert_int_equal(targets[0].protocol, PROTOCOL_HTTP);
	assert_int_equal(targets[0].compression, COMPRESS_NONE);
	assert_int_equal(targets[0].timeout_ns, 10000000000);
	assert_true(targets[0].is_loopback);
	settings.protocol = "grpc";
	assert_int_equal(resolve(&settings, none), 0);
	assert_string_equal(
		targets[SIGNAL_TRACES].url,
		"http://localhost:4317/opentelemetry.proto.collector.trace.v1.TraceService/Export");
}

static void a_base_gets_paths_and_an_address_of_one_signal_none(void **state)
{
	struct settings settings = { .endpoint = "https://h.example/base//",
				     .logs_endpoint = "http://[::1]:9/own?a=b",
				     .traces_endpoint = "http://127.1.2.3" };

	(void)state;
	assert_int_equal(resolve(&settings, none), 0);
	assert_string_equal(targets[SIGNAL_METRICS].url, "https://h.example/base/v1/metrics");
	assert_true(targets[SIGNAL_METRICS].is_tls);
	assert_false(targets[SIGNAL_METRICS].is_loopback);
	assert_string_equal(targets[SIGNAL_LOGS].url, "http://[::1]:9/own?a=b");
	assert_true(targets[SIGNAL_LOGS].is_loopback);
	assert_string_equal(targets[SIGNAL_TRACES].url, "http://127.1.2.3/");
	assert_true(targets[SIGNAL_TRACES].is_loopback);
}

static void a_socket_has_a_path_of_its_own(void **state)
{
	struct settings settings = { .endpoint = "unix:///run/otlp.sock" };

	(void)state;
	assert_int_equal(resolve(&settings, none), 0);
	assert_string_equal(targets[SIGNAL_LOGS].socket, "/run/otlp.sock");
	assert_string_equal(targets[SIGNAL_LOGS].url, "http://localhost/v1/logs");
	assert_true(targets[SIGNAL_LOGS].is_loopback);
}

static void variables_fill_what_the_config_leaves_open(void **state)
{
	static const char *const all[] = {
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://all:1",
		"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://logs:2/x",
		"OTEL_EXPORTER_OTLP_PROTOCOL=http/json",
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf",
		"OTEL_EXPORTER_OTLP_COMPRESSION=gzip",
		"OTEL_EXPORTER_OTLP_TIMEOUT=2500",
		"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT=1",
		"OTEL_EXPORTER_OTLP_HEADERS=a=b",
		"OTEL_EXPORTER_OTLP_CERTIFICATE=/ca",
		"OTEL_EXPORTER_OTLP_CLIENT_KEY=/key",
		"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=/certificate",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=",
		NULL,
	};
	struct settings settings = { 0 };

	(void)state;
	assert_int_equal(resolve(&settings, all), 0);
	assert_string_equal(targets[SIGNAL_LOGS].url, "http://logs:2/x");
	assert_string_equal(targets[SIGNAL_METRICS].url, "http://all:1/v1/metrics");
	assert_string_equal(targets[SIGNAL_TRACES].url, "http://all:1/v1/traces");
	assert_int_equal(targets[SIGNAL_LOGS].protocol, PROTOCOL_HTTP_JSON);
	assert_int_equal(targets[SIGNAL_TRACES].protocol, PROTOCOL_HTTP);
	assert_int_equal(targets[SIGNAL_TRACES].compression, COMPRESS_GZIP);
	assert_int_equal(targets[SIGNAL_LOGS].timeout_ns, 2500000000);
	assert_int_equal(targets[SIGNAL_METRICS].timeout_ns, 1000000);
	assert_int_equal(targets[SIGNAL_LOGS].header_count, 1);
	assert_string_equal(targets[SIGNAL_LOGS].headers[0], "a: b");
	assert_string_equal(targets[SIGNAL_LOGS].ca_file, "/ca");
	assert_string_equal(targets[SIGNAL_LOGS].key_file, "/key");
	assert_string_equal(targets[SIGNAL_LOGS].certificate_file, "/certificate");
}

static void what_the_config_says_counts_before_variables(void **state)
{
	static const char *const all[] = {
		"OTEL_EXPORTER_OTLP_ENDPOINT=not even a URL",
		"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=nor this",
		"OTEL_EXPORTER_OTLP_PROTOCOL=telegraph",
		"OTEL_EXPORTER_OTLP_COMPRESSION=steam",
		"OTEL_EXPORTER_OTLP_TIMEOUT=soon",
		"OTEL_EXPORTER_OTLP_HEADERS=%",
		"OTEL_EXPORTER_OTLP_CERTIFICATE=/ca",
		NULL,
	};
	static const char *const headers[] = { "a=b" };
	struct settings settings = { .endpoint = "http://own:1",
				     .protocol = "http",
				     .compression = "none",
				     .timeout_ns = 1,
				     .headers = { headers, 1 },
				     .ca_file = "/own" };

	(void)state;
	assert_int_equal(resolve(&settings, all), 0);
	assert_string_equal(targets[SIGNAL_LOGS].url, "http://own:1/v1/logs");
	assert_int_equal(targets[SIGNAL_LOGS].compression, COMPRESS_NONE);
	assert_int_equal(targets[SIGNAL_LOGS].header_count, 0);
	assert_string_equal(targets[SIGNAL_LOGS].ca_file, "/own");
}

static void an_address_of_grpc_without_a_scheme_is_tls_unless_said(void **state)
{
	static const char *const secure[] = { "OTEL_EXPORTER_OTLP_ENDPOINT=host:4317",
					      "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", NULL };
	static const char *const plain[] = { "OTEL_EXPORTER_OTLP_ENDPOINT=host:4317",
					     "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
					     "OTEL_EXPORTER_OTLP_INSECURE=TRUE", NULL };
	struct settings settings = { 0 };

	(void)state;
	assert_int_equal(resolve(&settings, secure), 0);
	assert_true(targets[SIGNAL_LOGS].is_tls);
	assert_int_equal(resolve(&settings, plain), 0);
	assert_false(targets[SIGNAL_LOGS].is_tls);
	assert_int_equal(strncmp(targets[SIGNAL_LOGS].url, "http://host:4317/", 17), 0);
}

static void headers_of_a_variable_are_percent_encoded(void **state)
{
	static const char *const good[] = {
		"OTEL_EXPORTER_OTLP_HEADERS= api%2Dkey = a%20b%2Cc%3D ,, b= ,c=d=e", NULL
	};
	static const char *const bad[][2] = {
		{ "OTEL_EXPORTER_OTLP_HEADERS=a" },      { "OTEL_EXPORTER_OTLP_HEADERS==b" },
		{ "OTEL_EXPORTER_OTLP_HEADERS=a=%2" },   { "OTEL_EXPORTER_OTLP_HEADERS=a=%zz" },
		{ "OTEL_EXPORTER_OTLP_HEADERS=a b=c" },  { "OTEL_EXPORTER_OTLP_HEADERS=a=b%0Ac" },
		{ "OTEL_EXPORTER_OTLP_HEADERS=a=b%00c" }
	};
	struct settings settings = { 0 };

	(void)state;
	assert_int_equal(resolve(&settings, good), 0);
	assert_int_equal(targets[0].header_count, 3);
	assert_string_equal(targets[0].headers[0], "api-key: a b,c=");
	assert_string_equal(targets[0].headers[1], "b: ");
	assert_string_equal(targets[0].headers[2], "c: d=e");
	for (uint32_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(resolve(&settings, bad[i]), -EINVAL);
		assert_null(option);
		assert_non_null(strstr(error, "OTEL_EXPORTER_OTLP_HEADERS: item 1"));
	}
}

static void what_cannot_be_an_address_is_told_by_its_source(void **state)
{
	static const struct {
		struct settings settings;
		const char *variables[3], *option, *error;
	} cases[] = {
		{ { .endpoint = "host:4318" }, { NULL }, "endpoint", "is no URL" },
		{ { .endpoint = "http://" }, { NULL }, "endpoint", "is no URL" },
		{ { .logs_endpoint = "ftp://h" }, { NULL }, "logs_endpoint", "neither http://" },
		{ { .endpoint = "http://h/v1/traces" },
		  { NULL },
		  "endpoint",
		  "or say traces_endpoint" },
		{ { .endpoint = "https://u:p@h" }, { NULL }, "endpoint", "a user or a password" },
		{ { .endpoint = "unix:otlp" }, { NULL }, "endpoint", "whole path" },
		{ { .endpoint = "http://h/x", .protocol = "grpc" },
		  { NULL },
		  "endpoint",
		  "has no path" },
		{ { 0 },
		  { "OTEL_EXPORTER_OTLP_ENDPOINT=h:1" },
		  NULL,
		  "OTEL_EXPORTER_OTLP_ENDPOINT: \"h:1\" is no URL" },
		{ { 0 },
		  { "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=smtp" },
		  NULL,
		  "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: \"smtp\" is none of http/protobuf" },
		{ { 0 }, { "OTEL_EXPORTER_OTLP_TIMEOUT=10s" }, NULL, "number of milliseconds" },
		{ { 0 },
		  { "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_INSECURE=maybe" },
		  NULL,
		  NULL }, /* of no interest where the address has a scheme */
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int result = resolve(&cases[i].settings, cases[i].variables);

		assert_int_equal(result, cases[i].error ? -EINVAL : 0);
		if (!cases[i].error)
			continue;
		assert_non_null(strstr(error, cases[i].error));
		if (cases[i].option)
			assert_string_equal(option, cases[i].option);
		else
			assert_null(option);
	}
}

static void names_that_sound_secret_are_known(void **state)
{
	(void)state;
	assert_true(settings_sounds_secret("Authorization"));
	assert_true(settings_sounds_secret("X-Api-Key"));
	assert_true(settings_sounds_secret("x-honeycomb-team"));
	assert_true(settings_sounds_secret("DD-API-KEY"));
	assert_false(settings_sounds_secret("X-Scope-OrgID"));
	assert_false(settings_sounds_secret("x-tenant"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_config_that_says_nothing_goes_to_this_host),
		cmocka_unit_test(a_base_gets_paths_and_an_address_of_one_signal_none),
		cmocka_unit_test(a_socket_has_a_path_of_its_own),
		cmocka_unit_test(variables_fill_what_the_config_leaves_open),
		cmocka_unit_test(what_the_config_says_counts_before_variables),
		cmocka_unit_test(an_address_of_grpc_without_a_scheme_is_tls_unless_said),
		cmocka_unit_test(headers_of_a_variable_are_percent_encoded),
		cmocka_unit_test(what_cannot_be_an_address_is_told_by_its_source),
		cmocka_unit_test(names_that_sound_secret_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, released);
}
