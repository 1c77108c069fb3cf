/* SPDX-License-Identifier: Apache-2.0 */
/* A bearer token in a file that may be changed at any time. */
#ifndef SONDE_OTLP_TOKEN_H
#define SONDE_OTLP_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum { TOKEN_LENGTH_LIMIT = 16384 };

/* Zeroed, nothing was read yet. */
struct token {
	char *text;          /* NULL: none that is good */
	uint32_t generation; /* how often another one was read */
	struct stat seen;
};

/* Reads the file if it is another than last time, or was written since. -EBADMSG: it is empty,
 * too long or not one line; else the errno. The token of before is then not good any more. */
int token_refresh(struct token *token, const char *path);
void token_release(struct token *token);

#endif
