// SPDX-License-Identifier: Apache-2.0
/* Messages over plain connections: order, bounds, closing, sharing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hop_end.h"

static const char loopback[] = "tcp://127.0.0.1:0";

static void open_plain(struct pair *pair)
{
	pair_open(pair, loopback, end_settings(), end_settings());
}

/* ---- messages ---------------------------------------------------------------------------- */

static void exchange(struct pair *pair)
{
	static const size_t lengths[] = { 0, 1, 15, 4080, 4096, 4097, 65536, 1000000, 3 };
	enum { COUNT = sizeof(lengths) / sizeof(lengths[0]) };

	for (uint32_t i = 0; i < COUNT; i++) {
		assert_int_equal(send_letters(pair->dialed, i + 1, (char)('a' + i), lengths[i]), 0);
		assert_int_equal(send_letters(pair->accepted, i + 1, (char)('A' + i), lengths[i]),
				 0);
	}
	for (uint32_t i = 0; i < COUNT; i++) {
		struct hop_event up = end_expect(&pair->listener, HOP_MESSAGE);
		struct hop_event down = end_expect(&pair->dialer, HOP_MESSAGE);

		assert_int_equal(up.header.sequence, i + 1);
		assert_int_equal(up.header.type, 7);
		assert_int_equal(up.header.flags, 9);
		assert_int_equal(up.header.length, lengths[i]);
		assert_true(is_letters(up.payload, (char)('a' + i), lengths[i]));
		assert_true(is_letters(down.payload, (char)('A' + i), lengths[i]));
		assert_ptr_equal(down.dialer, pair->dial);
		hop_buffer_release(up.payload);
		hop_buffer_release(down.payload);
	}
}

static void messages_of_all_lengths_arrive_in_order_over_tcp(void **state)
{
	struct hop_counts counts;
	struct pair pair;

	(void)state;
	open_plain(&pair);
	assert_string_equal(hop_peer(pair.accepted)->name, "");
	assert_memory_equal(hop_peer(pair.accepted)->address, "127.0.0.1:", 10);
	exchange(&pair);
	hop_counts(pair.listener.hop, &counts);
	assert_int_equal(counts.messages_in, 10);
	assert_int_equal(counts.messages_out, 9);
	assert_int_equal(counts.bytes_out, 9 * HOP_HEADER_BYTES + 0 + 1 + 15 + 4080 + 4096 + 4097 +
						   65536 + 1000000 + 3);
	assert_int_equal(counts.bytes_in, counts.bytes_out + HOP_HEADER_BYTES + 5);
	assert_int_equal(counts.received_bytes, 0);
	pair_close(&pair);
}

static void messages_arrive_over_a_socket_in_a_path_that_says_whose_they_are(void **state)
{
	char url[160], path[128];
	struct stat status;
	struct pair pair;

	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/sonde-test-hop-%d.sock", (int)getpid());
	(void)snprintf(url, sizeof(url), "ipc://%s", path);
	pair_open(&pair, url, end_settings(), end_settings());
	assert_int_equal(hop_peer(pair.accepted)->user, getuid());
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0660);
	exchange(&pair);
	pair_close(&pair);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void several_connections_send_one_buffer_which_lives_until_the_last_is_done(void **state)
{
	struct hop_header header = { .sequence = 3 };
	struct hop_buffer *buffer = hop_buffer_create(100);
	struct hop_piece pieces[2];
	struct hop_event event;
	struct pair one, other;

	(void)state;
	memset(buffer->data, 'x', 100);
	pieces[0] = (struct hop_piece){ hop_buffer_acquire(buffer), buffer->data, 60 };
	pieces[1] = (struct hop_piece){ hop_buffer_acquire(buffer), buffer->data + 60, 40 };
	open_plain(&one);
	open_plain(&other);
	assert_int_equal(hop_send(one.dialed, &header, pieces, 2), 0);
	pieces[0].buffer = hop_buffer_acquire(buffer);
	assert_int_equal(hop_send(other.dialed, &header, pieces, 1), 0);
	hop_buffer_release(buffer);
	event = end_expect(&one.listener, HOP_MESSAGE);
	assert_true(is_letters(event.payload, 'x', 100));
	hop_buffer_release(event.payload);
	event = end_expect(&other.listener, HOP_MESSAGE);
	assert_true(is_letters(event.payload, 'x', 60));
	hop_buffer_release(event.payload);
	pair_close(&one);
	pair_close(&other);
}

/* ---- bounds ------------------------------------------------------------------------------ */

static uint32_t send_until_full(struct hop_connection *connection, size_t length)
{
	uint32_t count = 0;
	int result;

	while ((result = send_letters(connection, count + 1, 'm', length)) == 0)
		count++;
	assert_int_equal(result, -EAGAIN);
	return count;
}

static void a_reader_that_stops_is_felt_by_the_sender_and_loses_nothing(void **state)
{
	struct hop_settings listener = end_settings(), dialer = end_settings();
	struct hop_event event;
	struct hop_counts counts;
	struct pair pair;
	uint32_t sent = 0, more;

	(void)state;
	listener.inbox_bytes = 1 << 20;
	dialer.send_bytes = 1 << 20;
	pair_open(&pair, loopback, listener, dialer);
	hop_pause(pair.accepted, true);
	do {
		more = send_until_full(pair.dialed, 100000);
		sent += more;
	} while (end_try(&pair.dialer, &event, 300 * MS_NS) && event.kind == HOP_WRITABLE);
	hop_counts(pair.listener.hop, &counts);
	assert_true(counts.received_bytes >= 1 << 20 && counts.received_bytes < 2 << 20);
	assert_int_equal(hop_send_copy(pair.dialed, &(struct hop_header){ .type = 1 }, "!", 1), 0);
	assert_false(end_try(&pair.listener, &event, 50 * MS_NS));

	hop_pause(pair.accepted, false);
	for (uint32_t i = 0; i < sent; i++) {
		event = end_expect(&pair.listener, HOP_MESSAGE);
		assert_int_equal(event.header.length, 100000);
		hop_buffer_release(event.payload);
	}
	event = end_expect(&pair.listener, HOP_MESSAGE);
	assert_int_equal(event.header.type, 1);
	hop_buffer_release(event.payload);
	(void)end_expect(&pair.dialer, HOP_WRITABLE);
	pair_close(&pair);
}

static void what_all_connections_have_received_is_bounded_and_each_has_its_turn(void **state)
{
	enum { PAIRS = 4, EACH = 5, LENGTH = 1000000 };
	struct hop_settings settings = end_settings();
	struct end listener, dialers[PAIRS];
	struct hop_connection *dialed[PAIRS];
	uint32_t received = 0;
	struct hop_event event;
	struct hop_counts counts;
	char url[160];

	(void)state;
	settings.received_bytes = 2500000;
	end_create(&listener, settings);
	end_listen(&listener, loopback, url, sizeof(url));
	for (int i = 0; i < PAIRS; i++) {
		end_create(&dialers[i], end_settings());
		(void)end_dial(&dialers[i], url);
		dialed[i] = end_expect(&dialers[i], HOP_OPENED).connection;
		assert_int_equal(send_letters(dialed[i], 0, 'h', 1), 0);
		(void)end_expect(&listener, HOP_OPENED);
		hop_buffer_release(end_expect(&listener, HOP_MESSAGE).payload);
	}
	for (int i = 0; i < PAIRS * EACH; i++)
		assert_int_equal(send_letters(dialed[i % PAIRS], 1, 'x', LENGTH), 0);
	while (received < PAIRS * EACH) {
		hop_counts(listener.hop, &counts);
		assert_true(counts.received_bytes <= settings.received_bytes);
		event = end_expect(&listener, HOP_MESSAGE);
		assert_int_equal(event.header.length, LENGTH);
		hop_buffer_release(event.payload);
		received++;
	}
	for (int i = 0; i < PAIRS; i++)
		end_stop(&dialers[i]);
	end_stop(&listener);
}

static void an_oversized_message_closes_its_connection_at_once(void **state)
{
	struct hop_settings listener = end_settings();
	struct hop_event event;
	struct pair pair;

	(void)state;
	listener.message_bytes = 1000;
	pair_open(&pair, loopback, listener, end_settings());
	assert_int_equal(send_letters(pair.accepted, 1, 'x', 1001), -EMSGSIZE);
	assert_int_equal(send_letters(pair.dialed, 1, 'x', 1000), 0);
	assert_int_equal(send_letters(pair.dialed, 2, 'x', 1001), 0);
	hop_buffer_release(end_expect(&pair.listener, HOP_MESSAGE).payload);
	event = end_expect(&pair.listener, HOP_CLOSED);
	assert_int_equal(event.reason, HOP_OVERSIZED);
	assert_string_equal(event.detail, "a message of 1001 bytes where 1000 are allowed");
	(void)end_expect(&pair.dialer, HOP_CLOSED);
	pair_close(&pair);
}

/* ---- ends -------------------------------------------------------------------------------- */

static void what_came_before_the_peer_closed_is_handed_out_before_its_end(void **state)
{
	struct hop_event event;
	struct pair pair;

	(void)state;
	open_plain(&pair);
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_letters(pair.dialed, 1, 'x', 10), 0);
	hop_close(pair.dialed, 100 * MS_NS);
	assert_int_equal(send_letters(pair.dialed, 1, 'x', 10), -EPIPE);
	event = end_expect(&pair.dialer, HOP_CLOSED);
	assert_int_equal(event.reason, HOP_BY_OWNER);
	assert_ptr_equal(event.dialer, pair.dial);
	for (int i = 0; i < 3; i++)
		hop_buffer_release(end_expect(&pair.listener, HOP_MESSAGE).payload);
	event = end_expect(&pair.listener, HOP_CLOSED);
	assert_int_equal(event.reason, HOP_BY_PEER);
	assert_ptr_equal(event.connection, pair.accepted);
	assert_int_equal(send_letters(pair.accepted, 1, 'x', 10), -EPIPE);
	pair_close(&pair);
}

/* Messages that nobody has taken. */
static void fill_inbox(struct pair *pair, uint32_t count)
{
	struct hop_counts counts;

	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(send_letters(pair->dialed, i + 1, 'x', 10), 0);
	do {
		hop_counts(pair->listener.hop, &counts);
		(void)usleep(1000);
	} while (counts.messages_in < count + 1);
}

static void what_waits_is_kept_by_a_pause_and_thrown_away_by_a_close(void **state)
{
	struct hop_event event;
	struct pair pair;

	(void)state;
	open_plain(&pair);
	fill_inbox(&pair, 3);
	hop_pause(pair.accepted, true);
	end_is_quiet(&pair.listener, 20 * MS_NS);
	hop_pause(pair.accepted, false);
	event = end_expect(&pair.listener, HOP_MESSAGE);
	assert_int_equal(event.header.sequence, 1);
	hop_buffer_release(event.payload);
	hop_close(pair.accepted, 20000 * MS_NS); /* it leaves, and is not closed yet */
	end_is_quiet(&pair.listener, 20 * MS_NS);
	hop_close(pair.dialed, 0);
	event = end_expect(&pair.listener, HOP_CLOSED);
	assert_int_equal(event.reason, HOP_BY_OWNER);
	pair_close(&pair);
}

static void a_connection_that_ends_while_paused_keeps_its_messages_and_its_end(void **state)
{
	struct pair pair;

	(void)state;
	open_plain(&pair);
	fill_inbox(&pair, 2);
	hop_pause(pair.accepted, true);
	hop_close(pair.dialed, 0);
	end_is_quiet(&pair.listener, 50 * MS_NS);
	hop_pause(pair.accepted, false);
	for (int i = 0; i < 2; i++)
		hop_buffer_release(end_expect(&pair.listener, HOP_MESSAGE).payload);
	assert_int_equal(end_expect(&pair.listener, HOP_CLOSED).reason, HOP_BY_PEER);
	pair_close(&pair);
}

static void a_dialer_dials_again_when_it_is_told_to(void **state)
{
	struct hop_event event;
	struct pair pair;

	(void)state;
	open_plain(&pair);
	assert_int_equal(hop_dial_again(pair.dial, 0), -EBUSY);
	hop_close(pair.accepted, 0);
	(void)end_expect(&pair.listener, HOP_CLOSED);
	event = end_expect(&pair.dialer, HOP_CLOSED);
	assert_int_equal(event.reason, HOP_BY_PEER);
	assert_int_equal(hop_dial_again(event.dialer, 20 * MS_NS), 0);
	event = end_expect(&pair.dialer, HOP_OPENED);
	assert_ptr_equal(hop_dialer_data(event.dialer), &pair.dialer);
	end_stop(&pair.listener);
	(void)end_expect(&pair.dialer, HOP_CLOSED);
	assert_int_equal(hop_dial_again(pair.dial, 0), 0);
	event = end_expect(&pair.dialer, HOP_FAILED);
	assert_int_equal(event.reason, HOP_UNREACHABLE);
	assert_string_equal(event.detail, "Connection refused");
	assert_int_equal(hop_dial_again(pair.dial, 3600 * 1000 * MS_NS), 0);
	pair_close(&pair); /* while it sleeps */
}

static void who_says_nothing_is_closed_but_not_while_it_is_not_heard(void **state)
{
	struct hop_settings listener = end_settings();
	struct pair pair;

	(void)state;
	listener.silence_ns = 200 * MS_NS;
	pair_open(&pair, loopback, listener, end_settings());
	hop_pause(pair.accepted, true);
	end_is_quiet(&pair.listener, 400 * MS_NS);
	assert_int_equal(send_letters(pair.dialed, 1, 'x', 1), 0);
	hop_pause(pair.accepted, false);
	hop_buffer_release(end_expect(&pair.listener, HOP_MESSAGE).payload);
	assert_int_equal(end_expect(&pair.listener, HOP_CLOSED).reason, HOP_SILENT);
	pair_close(&pair);
}

/* ---- sharing ----------------------------------------------------------------------------- */

static void replicas_share_a_listener_and_its_connections(void **state)
{
	enum { REPLICAS = 3, DIALERS = 6 };
	struct end replicas[REPLICAS], stranger, dialer;
	struct hop_settings other = end_settings();
	char url[160], again[160], error[256];

	(void)state;
	for (int i = 0; i < REPLICAS; i++)
		end_create(&replicas[i], end_settings());
	end_listen(&replicas[0], loopback, url, sizeof(url));
	end_listen(&replicas[1], loopback, again, sizeof(again));
	end_listen(&replicas[2], loopback, again, sizeof(again));
	assert_string_equal(url, again);
	other.name = "stranger";
	end_create(&stranger, other);
	assert_int_equal(hop_listen(stranger.hop, url, error, sizeof(error)), -EADDRINUSE);

	end_create(&dialer, end_settings());
	for (int i = 0; i < DIALERS; i++) {
		(void)end_dial(&dialer, url);
		assert_int_equal(
			send_letters(end_expect(&dialer, HOP_OPENED).connection, 0, 'h', 1), 0);
	}
	for (int i = 0; i < REPLICAS; i++) { /* two each, which open in any order */
		for (int events = 0; events < 4; events++) {
			struct hop_event event;

			assert_true(end_try(&replicas[i], &event, 20000 * MS_NS));
			hop_buffer_release(event.payload);
		}
		end_is_quiet(&replicas[i], 0);
	}
	end_stop(&replicas[0]); /* the others go on */
	for (int i = 0; i < 2; i++)
		(void)end_expect(&dialer, HOP_CLOSED);
	(void)end_dial(&dialer, url);
	(void)end_expect(&dialer, HOP_OPENED);
	end_stop(&replicas[1]);
	end_stop(&replicas[2]);
	end_stop(&stranger);
	end_stop(&dialer);
}

static void an_address_of_another_owner_in_this_process_is_refused_by_name(void **state)
{
	char url[160], again[160], path[128], error[256];
	struct hop_settings other = end_settings();
	struct end one, stranger;

	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/sonde-test-hop-%d.sock", (int)getpid());
	(void)snprintf(url, sizeof(url), "ipc://%s", path);
	end_create(&one, end_settings());
	end_listen(&one, url, again, sizeof(again));
	other.name = "stranger";
	end_create(&stranger, other);
	assert_int_equal(hop_listen(stranger.hop, url, error, sizeof(error)), -EADDRINUSE);
	assert_memory_equal(error, "test listens at ipc:///tmp/", 27);
	end_stop(&one);
	end_stop(&stranger);
}

static void an_address_is_free_again_when_the_last_has_left_it(void **state)
{
	struct end first, second;
	char url[160], again[160];
	struct pair pair;

	(void)state;
	open_plain(&pair);
	end_create(&first, end_settings());
	end_create(&second, end_settings());
	(void)snprintf(url, sizeof(url), "%s", pair.url);
	end_stop(&pair.listener); /* with a connection that is open */
	end_listen(&first, url, again, sizeof(again));
	hop_listen_end(first.hop);
	end_listen(&second, url, again, sizeof(again));
	end_stop(&first);
	end_stop(&second);
	pair_close(&pair);
}

static void an_end_leaves_no_descriptor_behind(void **state)
{
	struct pair pair;
	uint32_t before;

	(void)state; /* nng is at work since the first test, with descriptors of its own */
	before = open_files();
	for (int i = 0; i < 10; i++) {
		open_plain(&pair);
		for (int k = 0; k < 100; k++)
			(void)send_letters(pair.dialed, 1, 'x', 10000);
		pair_close(&pair);
	}
	open_files_return_to(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_of_all_lengths_arrive_in_order_over_tcp),
		cmocka_unit_test(messages_arrive_over_a_socket_in_a_path_that_says_whose_they_are),
		cmocka_unit_test(
			several_connections_send_one_buffer_which_lives_until_the_last_is_done),
		cmocka_unit_test(a_reader_that_stops_is_felt_by_the_sender_and_loses_nothing),
		cmocka_unit_test(
			what_all_connections_have_received_is_bounded_and_each_has_its_turn),
		cmocka_unit_test(an_oversized_message_closes_its_connection_at_once),
		cmocka_unit_test(what_came_before_the_peer_closed_is_handed_out_before_its_end),
		cmocka_unit_test(what_waits_is_kept_by_a_pause_and_thrown_away_by_a_close),
		cmocka_unit_test(
			a_connection_that_ends_while_paused_keeps_its_messages_and_its_end),
		cmocka_unit_test(a_dialer_dials_again_when_it_is_told_to),
		cmocka_unit_test(who_says_nothing_is_closed_but_not_while_it_is_not_heard),
		cmocka_unit_test(replicas_share_a_listener_and_its_connections),
		cmocka_unit_test(an_address_of_another_owner_in_this_process_is_refused_by_name),
		cmocka_unit_test(an_address_is_free_again_when_the_last_has_left_it),
		cmocka_unit_test(an_end_leaves_no_descriptor_behind),
	};

	return cmocka_run_group_tests_name("hop", tests, NULL, NULL);
}
