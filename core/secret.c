/* SPDX-License-Identifier: Apache-2.0 */
/* What must not be seen in a log or a status: the values of secrets, masked in any text. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "secret.h"

static const char mask[] = "***";

_Static_assert(sizeof(mask) - 1 <= SECRET_BYTES_LEAST, "a text must not grow");

/* They stay when the config that named them is gone: whoever had a token once may still speak of
 * it.
 */
static struct {
	pthread_rwlock_t lock;
	char *secrets[SECRET_LIMIT];
	uint32_t count; /* atomic */
	uint32_t next;  /* the place of the one to give up, once all are taken */
} hidden = { .lock = PTHREAD_RWLOCK_INITIALIZER };

static bool secret_is_hidden(const char *secret)
{
	for (uint32_t i = 0; i < hidden.count; i++) {
		if (!strcmp(hidden.secrets[i], secret))
			return true;
	}
	return false;
}

static int secret_keep(const char *secret)
{
	char *copy = strdup(secret);

	if (!copy)
		return -ENOMEM;
	if (hidden.count == SECRET_LIMIT) {
		free(hidden.secrets[hidden.next]);
		hidden.secrets[hidden.next] = copy;
		hidden.next = (hidden.next + 1) % SECRET_LIMIT;
	} else {
		hidden.secrets[hidden.count] = copy;
		__atomic_store_n(&hidden.count, hidden.count + 1, __ATOMIC_RELEASE);
	}
	return 0;
}

int secret_hide(const char *secret)
{
	int result = 0;

	if (strlen(secret) < SECRET_BYTES_LEAST)
		return 0;
	pthread_rwlock_wrlock(&hidden.lock);
	if (!secret_is_hidden(secret))
		result = secret_keep(secret);
	pthread_rwlock_unlock(&hidden.lock);
	return result;
}

/* How many bytes at the front are a secret, or a large part of one. */
static size_t secret_length(const char *at)
{
	size_t longest = 0;

	for (uint32_t i = 0; i < hidden.count; i++) {
		const char *secret = hidden.secrets[i];
		size_t same = 0, whole;

		if (*secret != *at)
			continue;
		while (secret[same] && secret[same] == at[same])
			same++;
		whole = strlen(secret);
		if (same >= SECRET_BYTES_LEAST && 2 * same >= whole && same > longest)
			longest = same;
	}
	return longest;
}

void secret_mask(char *text)
{
	const char *from = text;
	char *to = text;

	if (!__atomic_load_n(&hidden.count, __ATOMIC_ACQUIRE))
		return;
	pthread_rwlock_rdlock(&hidden.lock);
	while (*from) {
		size_t length = secret_length(from);

		if (length) {
			memcpy(to, mask, sizeof(mask) - 1);
			to += sizeof(mask) - 1;
			from += length;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
	pthread_rwlock_unlock(&hidden.lock);
}
