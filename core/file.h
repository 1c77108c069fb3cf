/* SPDX-License-Identifier: Apache-2.0 */
/* Small files read whole, within a bound. */
#ifndef SONDE_FILE_H
#define SONDE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/* Reads a file of at most `limit` bytes; *ret_content is the caller's to free and ends with a zero
 * byte. regular: nothing but a regular file will do (-ENODEV), since a pipe may never begin or
 * end. -EFBIG: it holds more; -EISDIR; -errno. */
int file_read(const char *path, size_t limit, bool regular, char **ret_content, size_t *ret_length);

/* Freed and closed at the end of their block. */
#define CLEANUP(function_) __attribute__((cleanup(function_)))

static inline void text_free(char **text)
{
	free(*text);
}

static inline void file_close(int *file)
{
	if (*file >= 0)
		close(*file);
}

#endif
