/* SPDX-License-Identifier: Apache-2.0 */
/* Why a plugin is refused: one line that names the file, what is wrong and the mend. */
#ifndef SONDE_REFUSAL_H
#define SONDE_REFUSAL_H

#include <stddef.h>

/* Where the line goes. Owns neither text. */
struct refusal {
	const char *path; /* of the file that is refused */
	char *line;       /* at least one byte; shortened if it is too small */
	size_t size;
};

/* Writes "PATH: MESSAGE" and returns result. */
__attribute__((format(printf, 3, 4))) int refuse(const struct refusal *refusal, int result,
						 const char *format, ...);

#endif
