// SPDX-License-Identifier: Apache-2.0
/* Output `statsd` under the test host. */
#undef NDEBUG
#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <sonde/test.h>

/* A receiver; the option that names it is written into `option`. */
static int receiver_open(char *option, size_t size)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert(fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0);
	assert(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
	snprintf(option, size, "port=%u", ntohs(address.sin_port));
	return fd;
}

static void assert_receives(int fd, const char *expected)
{
	char text[512];
	ssize_t length = recv(fd, text, sizeof(text), 0);

	assert(length == (ssize_t)strlen(expected) && !memcmp(text, expected, (size_t)length));
}

int main(void)
{
	const struct sonde_outcome *outcome;
	struct sonde_test *test;
	char option[32];
	int fd = receiver_open(option, sizeof(option));

	assert(!sonde_test_create(sonde_plugin, "address=localhost", NULL));
	assert(strstr(sonde_test_error(), "\"localhost\" is not an IP address"));

	test = sonde_test_create(sonde_plugin, option, NULL);
	assert(test && sonde_test_start(test) == 0);
	sonde_test_write(test, sonde_test_table(test, "load",
						"host:text load:double:gauge calls:u64:sum:delta",
						"a 0.5 7", "b - -", "c - 8", NULL));
	assert_receives(fd, "load:0.5|g");
	assert_receives(fd, "calls:7|c");
	assert_receives(fd, "calls:8|c");
	outcome = sonde_test_outcome(test, 1, 0);
	assert(outcome->verdict == SONDE_DONE && outcome->rejected_rows == 1);
	assert(!strcmp(outcome->reason, "no measure"));
	assert(sonde_test_counter(test, "datagrams") == 3);

	close(fd); /* whether anybody hears it is not UDP's business */
	for (uint64_t delivery = 2; delivery < 5; delivery++) {
		sonde_test_write(test,
				 sonde_test_table(test, "load", "load:double:gauge", "0.5", NULL));
		assert(sonde_test_outcome(test, delivery, 0)->verdict == SONDE_DONE);
	}
	assert(sonde_test_counter(test, "datagrams") == 6);
	sonde_test_release(test);
	return 0;
}
