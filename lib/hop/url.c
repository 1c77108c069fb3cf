// SPDX-License-Identifier: Apache-2.0
/* The URLs that a hop knows, taken apart, and what is wrong with others. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "connection.h"

enum { HOST_BYTES = 256 };

/* What follows the scheme, or NULL. */
static const char *behind(const char *url, const char *scheme)
{
	size_t length = strlen(scheme);

	return strncmp(url, scheme, length) ? NULL : url + length;
}

bool hop_url_is_tls(const char *url)
{
	return behind(url, "tls+tcp://") != NULL;
}

static const char *address_of(const char *url)
{
	const char *address = behind(url, "tls+tcp://");

	return address ? address : behind(url, "tcp://");
}

static int problem(char *error, size_t error_size, const char *url, const char *text)
{
	(void)snprintf(error, error_size, "\"%s\" %s", url, text);
	return -EINVAL;
}

/* "HOST:PORT" or "[v6]:PORT". -EINVAL. */
static int address_split(const char *address, char host[HOST_BYTES], const char **ret_port)
{
	bool is_v6 = address[0] == '[';
	const char *begin = address + is_v6;
	const char *end = is_v6 ? strstr(begin, "]:") : strchr(begin, ':');
	size_t length = end ? (size_t)(end - begin) : 0;

	if (!end || length >= HOST_BYTES || (is_v6 && !length))
		return -EINVAL;
	memcpy(host, begin, length);
	host[length] = 0;
	*ret_port = end + 1 + is_v6;
	return strpbrk(host, "/?#@ ") ? -EINVAL : 0;
}

static bool port_is_valid(const char *port, bool listens)
{
	size_t length = strspn(port, "0123456789");
	unsigned long number = strtoul(port, NULL, 10);

	return length > 0 && length <= 5 && !port[length] && number <= UINT16_MAX &&
	       (listens || number > 0);
}

/* Going by the text alone: names but one are somewhere else. */
static bool host_is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, host, &v6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&v6);
	return !strcmp(host, "localhost");
}

static int tcp_check(const char *url, bool listens, char *error, size_t error_size)
{
	char host[HOST_BYTES];
	const char *port;
	bool is_all;

	if (address_split(address_of(url), host, &port) < 0)
		return problem(error, error_size, url,
			       "has no host and port (try \"tls+tcp://region.example:7443\")");
	if (!port_is_valid(port, listens))
		return problem(error, error_size, url, "has no port from 1 to 65535");
	is_all = !*host || !strcmp(host, "*");
	if (is_all && !listens)
		return problem(error, error_size, url, "names no host to dial");
	if (!hop_url_is_tls(url) && !host_is_loopback(host))
		return problem(
			error, error_size, url,
			"would carry everything unprotected beyond this host: use tls+tcp://");
	return 0;
}

int hop_url_check(const char *url, bool listens, char *error, size_t error_size)
{
	const char *path = behind(url, "ipc://");

	if (address_of(url))
		return tcp_check(url, listens, error, error_size);
	if (!path)
		return problem(error, error_size, url,
			       "is no URL of a hop: tls+tcp://HOST:PORT, tcp://HOST:PORT or "
			       "ipc:///PATH");
	if (path[0] != '/')
		return problem(error, error_size, url,
			       "has no absolute path (try \"ipc:///run/sonde/hop.sock\")");
	if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return problem(error, error_size, url, "has a path that is too long for a socket");
	return 0;
}

int hop_url_split(const char *url, char **ret_url, char **ret_host)
{
	const char *address = address_of(url), *port;
	char host[HOST_BYTES] = "";
	char *plain = NULL, *copy;

	if (address && address_split(address, host, &port) < 0)
		return -EINVAL;
	if (asprintf(&plain, "%s%s", address ? "tcp://" : "", address ? address : url) < 0)
		return -ENOMEM;
	copy = ret_host ? strdup(host) : NULL;
	if (ret_host && !copy) {
		free(plain);
		return -ENOMEM;
	}
	*ret_url = plain;
	if (ret_host)
		*ret_host = copy;
	return 0;
}
