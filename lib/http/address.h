/* SPDX-License-Identifier: Apache-2.0 */
/* Where a server listens: the text of it read, resolved, and listened at. */
#ifndef SONDE_HTTP_ADDRESS_H
#define SONDE_HTTP_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { ADDRESS_SOCKETS = 4, ADDRESS_HOST_BYTES = 256, ADDRESS_PEER_BYTES = 64 };

/* "HOST:PORT", "[v6]:PORT", ":PORT" or "unix:PATH", taken apart. */
struct address {
	char host[ADDRESS_HOST_BYTES]; /* "": loopback */
	char port[8];                  /* "0" to "65535"; "": a path */
	const char *path;              /* within the text; NULL: a host */
};

/* -EINVAL: `error` says what is wrong and what would be right. */
int address_parse(const char *text, struct address *ret_address, char *error, size_t error_size);

/* Whether nobody from another host can come there, going by the text alone: a path, the name
 * localhost, or an address of loopback as digits. */
bool address_is_loopback(const struct address *address);

/* Listens at all that the address stands for: for a name each of its addresses, of which one must
 * work. The sockets do not block; `ret_port` is the port of all of them, 0 for a path. A socket
 * that nobody listens at any more is taken out of the way. -EINVAL and others with `error`. */
int address_listen(const struct address *address, bool shared, int ret_fds[ADDRESS_SOCKETS],
		   uint32_t *ret_count, uint16_t *ret_port, char *error, size_t error_size);

/* "ADDRESS:PORT", "[v6]:PORT", or "" for a socket in a path. */
void address_print(const struct sockaddr_storage *peer, char text[ADDRESS_PEER_BYTES]);

#endif
