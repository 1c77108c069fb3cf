// SPDX-License-Identifier: Apache-2.0
/* TLS of lib/hop: who is it, who is refused and why, and certificates that change. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "hop_end.h"

static const char loopback[] = "tls+tcp://127.0.0.1:0";
static char *ours, *theirs; /* directories of two authorities */

static struct hop_settings settings_of(const char *directory, const char *name)
{
	struct hop_settings settings = end_settings();

	settings.tls = end_tls(directory, name);
	return settings;
}

static int authorities_make(void **state)
{
	static const char *const some[] = { "region=localhost,127.0.0.1", "edge-1", "edge-2",
					    NULL };
	static const char *const one[] = { "edge-1", NULL };
	static const char *const expired[] = { "--expired", "old", NULL };

	(void)state;
	ours = authority_make(some);
	theirs = authority_make(one);
	authority_run(ours, expired);
	return 0;
}

static int authorities_remove(void **state)
{
	(void)state;
	authority_remove(ours);
	authority_remove(theirs);
	return 0;
}

static struct hop_settings region(void)
{
	return settings_of(ours, "region");
}

/* ---- who is it --------------------------------------------------------------------------- */

static void each_end_knows_the_other_by_its_certificate(void **state)
{
	struct hop_counts counts;
	struct pair pair;

	(void)state;
	pair_open(&pair, loopback, region(), settings_of(ours, "edge-1"));
	assert_string_equal(hop_peer(pair.accepted)->name, "edge-1");
	assert_string_equal(hop_peer(pair.dialed)->name, "region");
	hop_counts(pair.listener.hop, &counts);
	assert_int_equal(counts.open, 1);
	assert_int_equal(counts.half_open, 0);
	pair_close(&pair);
}

static void messages_of_all_lengths_arrive_both_ways_at_once(void **state)
{
	static const size_t lengths[] = { 0, 1, 16368, 16369, 100, 300000, 131072, 5, 2000000, 0 };
	enum { COUNT = sizeof(lengths) / sizeof(lengths[0]), ROUNDS = 5 };
	struct pair pair;

	(void)state;
	pair_open(&pair, loopback, region(), settings_of(ours, "edge-1"));
	for (uint32_t i = 0; i < COUNT * ROUNDS; i++) {
		char letter = (char)('a' + i % 26);

		assert_int_equal(send_letters(pair.dialed, i, letter, lengths[i % COUNT]), 0);
		assert_int_equal(send_letters(pair.accepted, i, letter, lengths[i % COUNT]), 0);
	}
	for (uint32_t i = 0; i < COUNT * ROUNDS; i++) {
		struct hop_event up = end_expect(&pair.listener, HOP_MESSAGE);
		struct hop_event down = end_expect(&pair.dialer, HOP_MESSAGE);

		assert_int_equal(up.header.sequence, i);
		assert_true(is_letters(up.payload, (char)('a' + i % 26), lengths[i % COUNT]));
		assert_true(is_letters(down.payload, (char)('a' + i % 26), lengths[i % COUNT]));
		hop_buffer_release(up.payload);
		hop_buffer_release(down.payload);
	}
	pair_close(&pair);
}

static void a_reader_that_stops_is_felt_through_tls_too(void **state)
{
	struct hop_settings listener = region(), dialer = settings_of(ours, "edge-1");
	struct hop_event event;
	struct pair pair;
	uint32_t sent = 0;

	(void)state;
	listener.inbox_bytes = 1 << 20;
	dialer.send_bytes = 1 << 20;
	pair_open(&pair, loopback, listener, dialer);
	hop_pause(pair.accepted, true);
	do {
		while (send_letters(pair.dialed, sent, 'm', 70000) == 0)
			sent++;
	} while (end_try(&pair.dialer, &event, 300 * MS_NS) && event.kind == HOP_WRITABLE);
	hop_pause(pair.accepted, false);
	for (uint32_t i = 0; i < sent; i++) {
		event = end_expect(&pair.listener, HOP_MESSAGE);
		assert_int_equal(event.header.sequence, i);
		assert_true(is_letters(event.payload, 'm', 70000));
		hop_buffer_release(event.payload);
	}
	pair_close(&pair);
}

static void an_end_that_leaves_says_so_in_tls(void **state)
{
	struct pair pair;

	(void)state;
	pair_open(&pair, loopback, region(), settings_of(ours, "edge-1"));
	assert_int_equal(send_letters(pair.accepted, 1, 'x', 500000), 0);
	hop_close(pair.accepted, 20000 * MS_NS); /* the peer closes sooner */
	hop_buffer_release(end_expect(&pair.dialer, HOP_MESSAGE).payload);
	assert_int_equal(end_expect(&pair.dialer, HOP_CLOSED).reason, HOP_BY_PEER);
	assert_int_equal(end_expect(&pair.listener, HOP_CLOSED).reason, HOP_BY_OWNER);
	pair_close(&pair);
}

/* ---- who is refused ---------------------------------------------------------------------- */

/* One dialer, which is refused by the listener, by itself, or by both. */
static void refused(struct hop_settings dialer_settings, enum hop_reason at_dialer,
		    enum hop_reason at_listener, const char *detail)
{
	struct end listener, dialer;
	struct hop_event event;
	struct hop_counts counts;
	char url[160];

	end_create(&listener, region());
	end_listen(&listener, loopback, url, sizeof(url));
	end_create(&dialer, dialer_settings);
	(void)end_dial(&dialer, url);
	assert_true(end_try(&dialer, &event, 20000 * MS_NS));
	if (event.kind == HOP_OPENED) /* the listener's no comes later */
		event = end_expect(&dialer, HOP_CLOSED);
	assert_true(event.kind == HOP_CLOSED || event.kind == HOP_FAILED);
	assert_string_equal(hop_reason_name(event.reason), hop_reason_name(at_dialer));
	event = end_expect(&listener, HOP_REFUSED);
	assert_string_equal(hop_reason_name(event.reason), hop_reason_name(at_listener));
	assert_memory_equal(event.address, "127.0.0.1:", 10);
	if (detail)
		assert_string_equal(event.detail, detail);
	hop_counts(listener.hop, &counts);
	assert_int_equal(counts.refused[at_listener], 1);
	assert_int_equal(counts.half_open, 0);
	end_stop(&dialer);
	end_stop(&listener);
}

static void a_certificate_of_another_authority_is_refused(void **state)
{
	struct hop_settings settings = settings_of(theirs, "edge-1");

	(void)state;
	settings.tls.authority = end_tls(ours, "edge-1").authority;
	refused(settings, HOP_NOT_ADMITTED, HOP_UNTRUSTED,
		"unable to get local issuer certificate");
}

static void an_expired_certificate_is_refused(void **state)
{
	(void)state;
	refused(settings_of(ours, "old"), HOP_NOT_ADMITTED, HOP_EXPIRED, "certificate has expired");
}

static void a_dialer_refuses_a_listener_of_another_authority(void **state)
{
	(void)state;
	refused(settings_of(theirs, "edge-1"), HOP_UNTRUSTED, HOP_NOT_ADMITTED, NULL);
}

static void a_dialer_refuses_a_listener_of_another_name(void **state)
{
	struct hop_settings settings = settings_of(ours, "edge-1");

	(void)state;
	settings.tls.server_name = "elsewhere.example";
	refused(settings, HOP_OTHER_NAME, HOP_NOT_ADMITTED, NULL);
}

/* A client that is none of ours. */
static int client_connect(const char *url)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void expect_refusal(struct end *listener, enum hop_reason reason)
{
	struct hop_event event = end_expect(listener, HOP_REFUSED);

	if (event.reason != reason)
		fail_msg("refused as \"%s\" (%s), not as \"%s\"", hop_reason_name(event.reason),
			 event.detail, hop_reason_name(reason));
}

static void who_speaks_no_tls_is_refused(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: region\r\n\r\n";
	unsigned char garbage[3][200];
	struct end listener;
	char url[160];
	int fd;

	(void)state;
	end_create(&listener, region());
	end_listen(&listener, loopback, url, sizeof(url));
	fd = client_connect(url);
	assert_int_equal(write(fd, request, sizeof(request)), sizeof(request));
	expect_refusal(&listener, HOP_NOT_TLS);
	(void)close(fd);
	memset(garbage[0], 0, sizeof(garbage[0])); /* a message of ours, plain */
	memset(garbage[1], 0xff, sizeof(garbage[1]));
	for (size_t i = 0; i < sizeof(garbage[2]); i++)
		garbage[2][i] = (unsigned char)(i * 167 + 13);
	for (int i = 0; i < 3; i++) {
		fd = client_connect(url);
		assert_int_equal(write(fd, garbage[i], sizeof(garbage[i])), sizeof(garbage[i]));
		expect_refusal(&listener, HOP_NOT_TLS);
		(void)close(fd);
	}
	end_stop(&listener);
}

/* Shakes hands as OpenSSL does by itself, with no certificate, and reads what comes of it. */
static void client_shake(const char *url, int most_version, bool knows_itself_refused)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	int fd = client_connect(url);
	char byte;

	assert_int_equal(SSL_set_max_proto_version(ssl, most_version), 1);
	assert_int_equal(SSL_set_fd(ssl, fd), 1);
	if (SSL_connect(ssl) == 1)
		assert_true(SSL_read(ssl, &byte, 1) <= 0);
	if (knows_itself_refused) /* and not merely cut off */
		assert_int_equal(ERR_GET_REASON(ERR_peek_error()),
				 most_version == TLS1_3_VERSION
					 ? SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED
					 : SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
	ERR_clear_error();
	SSL_free(ssl);
	SSL_CTX_free(context);
	(void)close(fd);
}

static void who_shows_no_certificate_or_an_old_tls_is_refused_and_told_so(void **state)
{
	struct end listener;
	char url[160];

	(void)state;
	end_create(&listener, region());
	end_listen(&listener, loopback, url, sizeof(url));
	client_shake(url, TLS1_3_VERSION, true);
	expect_refusal(&listener, HOP_NO_CERTIFICATE);
	client_shake(url, TLS1_2_VERSION, true);
	expect_refusal(&listener, HOP_OLD_TLS);
	end_stop(&listener);
}

static void who_is_not_done_in_time_is_refused_even_if_it_speaks(void **state)
{
	struct hop_settings settings = region();
	struct end listener;
	int silent, slow;
	char url[160];

	(void)state;
	settings.open_ns = 300 * MS_NS;
	end_create(&listener, settings);
	end_listen(&listener, loopback, url, sizeof(url));
	silent = client_connect(url);
	expect_refusal(&listener, HOP_SLOW);
	slow = client_connect(url);
	for (int i = 0; i < 40; i++) { /* of a hello that would go on */
		struct hop_event event;
		static const unsigned char hello[] = { 0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3 };

		(void)!send(slow, &hello[i < 11 ? i : 10], 1, MSG_NOSIGNAL);
		if (end_try(&listener, &event, 20 * MS_NS)) {
			assert_int_equal(event.kind, HOP_REFUSED);
			assert_int_equal(event.reason, HOP_SLOW);
			(void)close(slow);
			slow = -1;
			break;
		}
	}
	assert_int_equal(slow, -1);
	(void)close(silent);
	end_stop(&listener);
}

static void of_too_many_half_open_ones_the_oldest_goes(void **state)
{
	enum { SILENT = 6 };
	struct hop_settings settings = region();
	struct hop_counts counts;
	struct end listener, dialer;
	int silent[SILENT];
	char url[160];

	(void)state;
	settings.half_open = 4;
	end_create(&listener, settings);
	end_listen(&listener, loopback, url, sizeof(url));
	for (int i = 0; i < SILENT; i++)
		silent[i] = client_connect(url);
	for (int i = 0; i < SILENT - 4; i++)
		expect_refusal(&listener, HOP_CROWDED);
	end_create(&dialer, settings_of(ours, "edge-1"));
	(void)end_dial(&dialer, url);
	assert_int_equal(send_letters(end_expect(&dialer, HOP_OPENED).connection, 1, 'x', 1), 0);
	expect_refusal(&listener, HOP_CROWDED);
	assert_string_equal(hop_peer(end_expect(&listener, HOP_OPENED).connection)->name, "edge-1");
	hop_counts(listener.hop, &counts);
	assert_int_equal(counts.half_open, 3);
	for (int i = 0; i < SILENT; i++)
		(void)close(silent[i]);
	end_stop(&dialer);
	end_stop(&listener);
}

static void of_too_many_open_ones_the_last_is_refused(void **state)
{
	struct hop_settings settings = region();
	struct hop_event event;
	struct end other;
	struct pair pair;

	(void)state;
	settings.connections = 1;
	pair_open(&pair, loopback, settings, settings_of(ours, "edge-1"));
	end_create(&other, settings_of(ours, "edge-2"));
	(void)end_dial(&other, pair.url);
	event = end_expect(&other, HOP_OPENED);
	assert_int_equal(send_letters(event.connection, 1, 'x', 1), 0);
	expect_refusal(&pair.listener, HOP_CROWDED);
	(void)end_expect(&other, HOP_CLOSED);
	end_stop(&other);
	pair_close(&pair);
}

/* ---- files that change ------------------------------------------------------------------- */

static void copy_to_ours(const char *directory, const char *from, const char *to)
{
	char paths[2][256], bytes[8192];
	size_t length;
	FILE *file;

	(void)snprintf(paths[0], sizeof(paths[0]), "%s/%s", directory, from);
	(void)snprintf(paths[1], sizeof(paths[1]), "%s/%s", ours, to);
	file = fopen(paths[0], "re");
	assert_non_null(file);
	length = fread(bytes, 1, sizeof(bytes), file);
	(void)fclose(file);
	file = fopen(paths[1], "we");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	(void)fclose(file);
}

static void files_that_are_wrong_are_named(void **state)
{
	struct hop_tls tls = end_tls(ours, "edge-1");
	const char *option = NULL;
	char error[512];

	(void)state;
	assert_int_equal(hop_tls_check(&tls, &option, error, sizeof(error)), 0);
	tls.key = end_tls(ours, "edge-2").key;
	assert_true(hop_tls_check(&tls, &option, error, sizeof(error)) < 0);
	assert_string_equal(option, "key");
	assert_non_null(strstr(error, "edge-2.key: key values mismatch"));
	tls = end_tls(ours, "edge-1");
	tls.certificate = "/nowhere/to.be.found";
	assert_true(hop_tls_check(&tls, &option, error, sizeof(error)) < 0);
	assert_string_equal(option, "certificate");
	assert_non_null(strstr(error, "/nowhere/to.be.found: No such file or directory"));
	tls = end_tls(ours, "edge-1");
	tls.revocations = tls.key;
	assert_true(hop_tls_check(&tls, &option, error, sizeof(error)) < 0);
	assert_string_equal(option, "revocations");
	tls = end_tls(ours, "edge-1");
	tls.authority = "";
	assert_true(hop_tls_check(&tls, NULL, error, sizeof(error)) < 0);
	assert_non_null(strstr(error, "the authority is missing"));
}

static void a_new_certificate_holds_from_the_next_connection_on(void **state)
{
	struct hop_settings settings;
	struct hop_event event;
	char error[256] = "";
	struct pair pair;

	(void)state;
	copy_to_ours(ours, "edge-1.pem", "now.pem");
	copy_to_ours(ours, "edge-1.key", "now.key");
	settings = settings_of(ours, "now");
	pair_open(&pair, loopback, region(), settings);
	assert_int_equal(hop_renew(pair.dialer.hop, error, sizeof(error)), 0);
	copy_to_ours(ours, "edge-2.pem", "now.pem");
	assert_int_equal(hop_renew(pair.dialer.hop, error, sizeof(error)), -22);
	assert_non_null(strstr(error, "now.key: key values mismatch"));
	assert_int_equal(hop_renew(pair.dialer.hop, error, sizeof(error)), 0); /* said once */
	copy_to_ours(ours, "edge-2.key", "now.key");
	assert_int_equal(hop_renew(pair.dialer.hop, error, sizeof(error)), 1);
	end_is_quiet(&pair.dialer, 20 * MS_NS);

	hop_close(pair.dialed, 0);
	(void)end_expect(&pair.dialer, HOP_CLOSED);
	(void)end_expect(&pair.listener, HOP_CLOSED);
	assert_int_equal(hop_dial_again(pair.dial, 0), 0);
	event = end_expect(&pair.dialer, HOP_OPENED);
	assert_int_equal(send_letters(event.connection, 1, 'x', 1), 0);
	event = end_expect(&pair.listener, HOP_OPENED);
	assert_string_equal(hop_peer(event.connection)->name, "edge-2");
	pair_close(&pair);
}

static void a_revoked_certificate_ends_its_connection_and_is_refused_from_then_on(void **state)
{
	static const char *const revoke[] = { "--revoke", "edge-2", NULL };
	struct hop_settings settings = region();
	struct hop_event event;
	char file[256], error[256] = "";
	struct end other;
	struct pair pair;

	(void)state;
	(void)snprintf(file, sizeof(file), "%s/revocations.pem", ours);
	settings.tls.revocations = file;
	pair_open(&pair, loopback, settings, settings_of(ours, "edge-2"));
	end_create(&other, settings_of(ours, "edge-1"));
	(void)end_dial(&other, pair.url);
	event = end_expect(&other, HOP_OPENED);
	assert_int_equal(send_letters(event.connection, 1, 'x', 1), 0);
	(void)end_expect(&pair.listener, HOP_OPENED);
	hop_buffer_release(end_expect(&pair.listener, HOP_MESSAGE).payload);

	authority_run(ours, revoke);
	assert_int_equal(hop_renew(pair.listener.hop, error, sizeof(error)), 1);
	event = end_expect(&pair.listener, HOP_CLOSED);
	assert_ptr_equal(event.connection, pair.accepted);
	assert_int_equal(event.reason, HOP_REVOKED);
	assert_string_equal(event.detail, "certificate revoked");
	end_is_quiet(&other, 20 * MS_NS);
	(void)end_expect(&pair.dialer, HOP_CLOSED);
	assert_int_equal(hop_dial_again(pair.dial, 0), 0);
	expect_refusal(&pair.listener, HOP_REVOKED);
	end_stop(&other);
	pair_close(&pair);
}

static void a_new_authority_ends_connections_that_it_does_not_know(void **state)
{
	struct hop_settings settings;
	char file[256], error[256] = "";
	struct pair pair;

	(void)state;
	copy_to_ours(ours, "authority.pem", "known.pem");
	(void)snprintf(file, sizeof(file), "%s/known.pem", ours);
	settings = region();
	settings.tls.authority = file;
	pair_open(&pair, loopback, settings, settings_of(ours, "edge-1"));
	copy_to_ours(theirs, "authority.pem", "known.pem");
	assert_int_equal(hop_renew(pair.listener.hop, error, sizeof(error)), 1);
	assert_int_equal(end_expect(&pair.listener, HOP_CLOSED).reason, HOP_UNTRUSTED);
	pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_knows_the_other_by_its_certificate),
		cmocka_unit_test(messages_of_all_lengths_arrive_both_ways_at_once),
		cmocka_unit_test(a_reader_that_stops_is_felt_through_tls_too),
		cmocka_unit_test(an_end_that_leaves_says_so_in_tls),
		cmocka_unit_test(a_certificate_of_another_authority_is_refused),
		cmocka_unit_test(an_expired_certificate_is_refused),
		cmocka_unit_test(a_dialer_refuses_a_listener_of_another_authority),
		cmocka_unit_test(a_dialer_refuses_a_listener_of_another_name),
		cmocka_unit_test(who_speaks_no_tls_is_refused),
		cmocka_unit_test(who_shows_no_certificate_or_an_old_tls_is_refused_and_told_so),
		cmocka_unit_test(who_is_not_done_in_time_is_refused_even_if_it_speaks),
		cmocka_unit_test(of_too_many_half_open_ones_the_oldest_goes),
		cmocka_unit_test(of_too_many_open_ones_the_last_is_refused),
		cmocka_unit_test(files_that_are_wrong_are_named),
		cmocka_unit_test(a_new_certificate_holds_from_the_next_connection_on),
		cmocka_unit_test(
			a_revoked_certificate_ends_its_connection_and_is_refused_from_then_on),
		cmocka_unit_test(a_new_authority_ends_connections_that_it_does_not_know),
	};

	return cmocka_run_group_tests_name("hop_tls", tests, authorities_make, authorities_remove);
}
