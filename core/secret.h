/* SPDX-License-Identifier: Apache-2.0 */
/* What must not be seen in a log or a status: the values of secrets, masked in any text. */
#ifndef SONDE_SECRET_H
#define SONDE_SECRET_H

enum {
	SECRET_BYTES_LEAST = 4, /* what is shorter would take words out of every message */
	SECRET_LIMIT = 1024,    /* beyond it the one that was hidden first is given up */
};

/* From now on secret_mask() takes it out. Texts shorter than SECRET_BYTES_LEAST are not hidden. Any
 * thread. 0 or -ENOMEM. */
int secret_hide(const char *secret);

/* Replaces each secret in the text by "***", in place; also one of which at least half is there,
 * since a message may have been cut. Any thread. */
void secret_mask(char *text);

#endif
