/* SPDX-License-Identifier: Apache-2.0 */
/* Where a server listens: the text of it read, resolved, and listened at. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "address.h"

enum { BACKLOG = 4096 };

/* ---- the text ---------------------------------------------------------------------------- */

static int port_parse(const char *text, const char *port, struct address *address, char *error,
		      size_t error_size)
{
	char *end;
	unsigned long number = strtoul(port, &end, 10);

	if (*port < '0' || *port > '9' || *end || number > 65535 || strlen(port) > 5) {
		(void)snprintf(error, error_size,
			       "\"%s\" has no port from 0 to 65535 (try \"localhost:4318\")", text);
		return -EINVAL;
	}
	(void)snprintf(address->port, sizeof(address->port), "%lu", number);
	return 0;
}

static int path_parse(const char *path, struct address *address, char *error, size_t error_size)
{
	if (!*path || strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		(void)snprintf(error, error_size,
			       "the path of a socket has 1 to %zu bytes (try "
			       "\"unix:/run/sonde/otlp.sock\")",
			       sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
		return -EINVAL;
	}
	address->path = path;
	return 0;
}

int address_parse(const char *text, struct address *ret_address, char *error, size_t error_size)
{
	struct address address = { .path = NULL };
	const char *host = text, *colon = strrchr(text, ':'), *end = colon;
	int result;

	if (!strncmp(text, "unix:", 5)) {
		result = path_parse(text + 5, &address, error, error_size);
		if (result == 0)
			*ret_address = address;
		return result;
	}
	if (colon && *text == '[' && colon > text && colon[-1] == ']') {
		host = text + 1;
		end = colon - 1;
	} else if (!colon || *text == '[' || memchr(text, ':', (size_t)(colon - text))) {
		(void)snprintf(error, error_size,
			       "\"%s\" is not HOST:PORT (try \"localhost:4318\", \"[::1]:4318\", "
			       "\":4318\" or \"unix:PATH\")",
			       text);
		return -EINVAL;
	}
	if ((size_t)(end - host) >= sizeof(address.host)) {
		(void)snprintf(error, error_size, "the name of the host is too long");
		return -EINVAL;
	}
	memcpy(address.host, host, (size_t)(end - host));
	result = port_parse(text, colon + 1, &address, error, error_size);
	if (result == 0)
		*ret_address = address;
	return result;
}

void address_print(const struct sockaddr_storage *peer, char text[ADDRESS_PEER_BYTES])
{
	char host[INET6_ADDRSTRLEN];

	*text = 0;
	if (peer->ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)peer;

		(void)inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		(void)snprintf(text, ADDRESS_PEER_BYTES, "%s:%u", host, ntohs(v4->sin_port));
	} else if (peer->ss_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const void *)peer;

		(void)inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		(void)snprintf(text, ADDRESS_PEER_BYTES, "[%s]:%u", host, ntohs(v6->sin6_port));
	}
}

/* ---- sockets in a path ------------------------------------------------------------------- */

/* Takes away a socket that nobody listens at. -EADDRINUSE: somebody does, or it is no socket. */
static int path_clear(const struct sockaddr_un *name)
{
	struct stat status;
	int fd, result = -EADDRINUSE;

	if (lstat(name->sun_path, &status))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(status.st_mode))
		return -EADDRINUSE;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)name, sizeof(*name)) && errno == ECONNREFUSED)
		result = unlink(name->sun_path) ? -errno : 0;
	close(fd);
	return result;
}

static int path_listen(const char *path, int *ret_fd)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd, result;

	memcpy(name.sun_path, path, strlen(path));
	result = path_clear(&name);
	if (result < 0)
		return result;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&name, sizeof(name)) || listen(fd, BACKLOG)) {
		result = -errno;
		close(fd);
		return result;
	}
	*ret_fd = fd;
	return 0;
}

/* ---- sockets of the network -------------------------------------------------------------- */

static void port_set(struct sockaddr *name, uint16_t port)
{
	if (name->sa_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)name)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)(void *)name)->sin_port = htons(port);
}

static bool port_is_stated(const struct sockaddr *name)
{
	return name->sa_family == AF_INET6
		       ? ((const struct sockaddr_in6 *)(const void *)name)->sin6_port
		       : ((const struct sockaddr_in *)(const void *)name)->sin_port;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(name);

	if (getsockname(fd, (struct sockaddr *)&name, &length))
		return 0;
	return ntohs(name.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&name)->sin6_port
						: ((struct sockaddr_in *)(void *)&name)->sin_port);
}

bool address_is_loopback(const struct address *address)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (address->path || !*address->host || !strcmp(address->host, "localhost"))
		return true;
	if (inet_pton(AF_INET, address->host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
	return inet_pton(AF_INET6, address->host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* What is set on the listening socket holds for those that it accepts. */
static int host_listen(const struct addrinfo *info, bool shared, int *ret_fd)
{
	const int on = 1, off = 0;
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), result;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on))) ||
	    (info->ai_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off))) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    bind(fd, info->ai_addr, info->ai_addrlen) || listen(fd, BACKLOG)) {
		result = -errno;
		close(fd);
		return result;
	}
	*ret_fd = fd;
	return 0;
}

static bool is_absent(int result)
{
	return result == -EADDRNOTAVAIL || result == -EAFNOSUPPORT || result == -EPROTONOSUPPORT;
}

/* A host that is listed twice in /etc/hosts has its address twice. */
static bool is_repeated(const struct addrinfo *list, const struct addrinfo *info)
{
	for (; list != info; list = list->ai_next) {
		if (list->ai_family == AF_INET && info->ai_family == AF_INET &&
		    ((const struct sockaddr_in *)(const void *)list->ai_addr)->sin_addr.s_addr ==
			    ((const struct sockaddr_in *)(const void *)info->ai_addr)
				    ->sin_addr.s_addr)
			return true;
		if (list->ai_family == AF_INET6 && info->ai_family == AF_INET6 &&
		    !memcmp(&((const struct sockaddr_in6 *)(const void *)list->ai_addr)->sin6_addr,
			    &((const struct sockaddr_in6 *)(const void *)info->ai_addr)->sin6_addr,
			    sizeof(struct in6_addr)))
			return true;
	}
	return false;
}

/* All addresses of a list; those that this machine does not have may be left out. */
static int list_listen(struct addrinfo *list, bool shared, int fds[ADDRESS_SOCKETS],
		       uint32_t *count, uint16_t *port)
{
	int result = -EADDRNOTAVAIL;
	bool any_port = false;

	for (struct addrinfo *info = list; info && *count < ADDRESS_SOCKETS; info = info->ai_next) {
		int one;

		if (is_repeated(list, info))
			continue;
		if (*port)
			port_set(info->ai_addr, *port);
		one = host_listen(info, shared, &fds[*count]);
		if (one < 0) {
			result = one;
			/* a port that the kernel chose may be another's at another address */
			if (is_absent(one) || (any_port && one == -EADDRINUSE))
				continue;
			return one;
		}
		any_port |= !*port && !port_is_stated(info->ai_addr);
		*port = port_of(fds[(*count)++]);
	}
	return *count ? 0 : result;
}

static int resolve(const struct address *address, struct addrinfo **ret_list, char *error,
		   size_t error_size)
{
	const struct addrinfo wanted = { .ai_family = AF_UNSPEC,
					 .ai_socktype = SOCK_STREAM,
					 .ai_flags = AI_NUMERICSERV };
	int result = getaddrinfo(*address->host ? address->host : NULL, address->port, &wanted,
				 ret_list);

	if (result == 0)
		return 0;
	(void)snprintf(error, error_size, "there is no host \"%s\": %s", address->host,
		       gai_strerror(result));
	return result == EAI_AGAIN ? -EAGAIN : -EINVAL;
}

int address_listen(const struct address *address, bool shared, int ret_fds[ADDRESS_SOCKETS],
		   uint32_t *ret_count, uint16_t *ret_port, char *error, size_t error_size)
{
	struct addrinfo *list;
	int fds[ADDRESS_SOCKETS], result;
	uint32_t count = 0;
	uint16_t port = 0;

	if (address->path) {
		result = shared ? -EOPNOTSUPP : path_listen(address->path, &fds[0]);
		count = result == 0;
	} else {
		result = resolve(address, &list, error, error_size);
		if (result < 0)
			return result;
		result = list_listen(list, shared, fds, &count, &port);
		freeaddrinfo(list);
	}
	if (result < 0) {
		while (count)
			close(fds[--count]);
		(void)snprintf(error, error_size, "cannot listen at %s%s%s: %s",
			       address->path ? address->path : address->host,
			       address->path ? "" : ":", address->port, strerror(-result));
		return result;
	}
	memcpy(ret_fds, fds, count * sizeof(fds[0]));
	*ret_count = count;
	*ret_port = port;
	return 0;
}
