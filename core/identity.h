/* SPDX-License-Identifier: Apache-2.0 */
/* Who a sonde is to those that it sends to: an id drawn at random when its state directory was
 * made, and the number of its run. Together they never come twice. The id is no property of the
 * machine (such as /etc/machine-id, which is not to leave it): daemons with directories of their
 * own have ids of their own. */
#ifndef SONDE_IDENTITY_H
#define SONDE_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

enum { IDENTITY_ID_BYTES = 33 }; /* 32 hexadecimal digits and the end */

struct identity {
	char id[IDENTITY_ID_BYTES];
	uint64_t epoch; /* runs that were counted here so far */
	int fd;
};

/* Reads the file, or makes it with a new id. -EBADMSG: it is no such file, and was left as it is;
 * or what opening, reading or writing returned. */
int identity_open(const char *path, struct identity *ret_identity);

/* Writes down that this run has that number. 0 or a negative errno. */
int identity_begin(struct identity *identity, uint64_t epoch);

void identity_close(struct identity *identity);

#endif
