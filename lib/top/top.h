/* SPDX-License-Identifier: Apache-2.0 */
/* The live view of `sonde top`: what the program hands over to the library that draws it, which is
 * loaded only then, with the libraries that it needs. */
#ifndef SONDE_TOP_H
#define SONDE_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOP_SYMBOL "sonde_top"

/* How it reaches a daemon; as in core/control.h. */
struct top_host {
	uint32_t size; /* of this struct: both are of one version */
	uint32_t reserved;
	int64_t interval_ns; /* between two looks */
	bool colour;
	void *data;
	/* Asks; the reply is freed with free(). */
	int (*ask)(void *data, const char *const *words, uint32_t word_count, uint16_t *ret_code,
		   char **ret_reply, size_t *ret_length);
	/* Asks for a reply in several messages, which come at the fd. */
	int (*begin)(void *data, const char *const *words, uint32_t word_count, int *ret_fd);
	int (*receive)(int fd, uint16_t *ret_code, char **ret_payload, size_t *ret_length);
	uint16_t rows_code; /* of messages that are rows */
};

/* Runs until the user has seen enough: 0. -ENOTTY: there is no terminal, or one that is not known;
 * -ESTALE: the host is of another version; else as ask(): no daemon answered the first time. */
typedef int top_function(const struct top_host *host);

#endif
