// SPDX-License-Identifier: Apache-2.0
/* The table of streams under a lock, and lists of what each replica is to say. */
#include "share.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct share {
	struct share *next;
	char *name;
	pthread_mutex_t mutex; /* over everything below, and the lists of members */
	struct streams *streams;
	struct share_member *members;
	uint32_t owner_count;
};

static pthread_mutex_t shares_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct share *shares;

static struct share *share_make(const char *name, uint32_t stream_limit)
{
	struct share *share = calloc(1, sizeof(*share));

	if (!share)
		return NULL;
	share->name = strdup(name);
	share->streams = streams_create(stream_limit);
	if (!share->name || !share->streams) {
		streams_release(share->streams);
		free(share->name);
		free(share);
		return NULL;
	}
	pthread_mutex_init(&share->mutex, NULL);
	share->next = shares;
	shares = share;
	return share;
}

struct share *share_get(const char *name, uint32_t stream_limit)
{
	struct share *share;

	pthread_mutex_lock(&shares_mutex);
	share = shares;
	while (share && strcmp(share->name, name))
		share = share->next;
	if (!share)
		share = share_make(name, stream_limit);
	pthread_mutex_unlock(&shares_mutex);
	return share;
}

void share_enter(struct share *share, struct share_member *member)
{
	pthread_mutex_lock(&share->mutex);
	member->owner = ++share->owner_count;
	member->next = share->members;
	share->members = member;
	pthread_mutex_unlock(&share->mutex);
}

void share_leave(struct share *share, struct share_member *member)
{
	struct share_member **link;

	pthread_mutex_lock(&share->mutex);
	for (link = &share->members; *link && *link != member;)
		link = &(*link)->next;
	if (*link)
		*link = member->next;
	for (; member->due; member->due = member->due->due_next)
		member->due->is_due = false;
	while (member->notices) {
		struct share_notice *notice = member->notices;

		member->notices = notice->next;
		free(notice);
	}
	streams_forsake(share->streams, member->owner);
	pthread_mutex_unlock(&share->mutex);
}

/* ---- frames, under the lock -------------------------------------------------------------- */

static struct share_member *member_of(const struct share *share, const struct stream *stream)
{
	struct share_member *member = share->members;

	while (member && member->owner != stream->user_replica)
		member = member->next;
	return member;
}

/* Wakes who has it; a replica that was not idle is awake already. */
static void say_taken(const struct share *share, struct stream *stream)
{
	struct share_member *member = member_of(share, stream);

	if (!member || stream->is_due)
		return;
	stream->is_due = true;
	stream->due_next = member->due;
	member->due = stream;
	if (!stream->due_next && !member->notices)
		sonde_wake(member->instance);
}

/* Without memory the edge hears nothing: it will send the frame again when it connects anew. */
static void say_refused(const struct share *share, const struct share_frame *frame, uint32_t code,
			const char *text)
{
	struct share_member *member = member_of(share, frame->stream);
	struct share_notice *notice = member ? calloc(1, sizeof(*notice)) : NULL;

	if (!notice)
		return;
	notice->user = frame->stream->user;
	memcpy(notice->position.stream, frame->stream->id, sizeof(notice->position.stream));
	notice->position.sequence = frame->sequence;
	notice->code = code;
	(void)snprintf(notice->text, sizeof(notice->text), "%s", text ? text : "");
	notice->next = member->notices;
	member->notices = notice;
	sonde_wake(member->instance);
}

/* It is not to be said to whom it was to be said. */
static void unsay_taken(const struct share *share, struct stream *stream)
{
	struct share_member *member = member_of(share, stream);
	struct stream **link = member ? &member->due : NULL;

	while (link && *link && *link != stream)
		link = &(*link)->due_next;
	if (!link || !*link)
		return;
	*link = stream->due_next;
	stream->is_due = false;
}

/* From now on all that is said of it is said to this user. */
static void stream_assign(const struct share *share, struct stream *stream,
			  const struct share_member *member, uint64_t user)
{
	bool was_due = stream->is_due;

	if (stream->user == user && stream->user_replica == member->owner)
		return;
	if (was_due)
		unsay_taken(share, stream);
	stream->user = user;
	stream->user_replica = member->owner;
	if (was_due)
		say_taken(share, stream);
}

int share_look(struct share *share, struct share_member *member, uint64_t user,
	       const struct position *position, uint64_t floor)
{
	struct stream *stream;
	int result = -ENOMEM;

	pthread_mutex_lock(&share->mutex);
	stream = streams_get(share->streams, position->stream);
	if (stream) {
		stream_assign(share, stream, member, user);
		result = (int)stream_look(stream, position->sequence, floor);
		if (result == STREAM_TAKEN && stream->taken)
			say_taken(share, stream);
	}
	pthread_mutex_unlock(&share->mutex);
	return result;
}

int share_begin(struct share *share, struct share_member *member, const struct position *position,
		struct share_frame *ret_frame)
{
	struct stream *stream;
	int result = -ENOMEM;

	pthread_mutex_lock(&share->mutex);
	stream = streams_get(share->streams, position->stream);
	if (stream)
		result = stream_begin(stream, position->sequence, member->owner);
	if (!result)
		*ret_frame = (struct share_frame){ stream, position->sequence };
	pthread_mutex_unlock(&share->mutex);
	return result;
}

void share_end(struct share *share, const struct share_frame *frame, uint32_t code,
	       const char *text)
{
	pthread_mutex_lock(&share->mutex);
	if (code != MESSAGE_FINE)
		say_refused(share, frame, code, text);
	if (stream_end(frame->stream, frame->sequence, code == MESSAGE_AGAIN))
		say_taken(share, frame->stream);
	pthread_mutex_unlock(&share->mutex);
}

uint64_t share_taken(struct share *share, const unsigned char stream[16])
{
	const struct stream *found;
	uint64_t taken;

	pthread_mutex_lock(&share->mutex);
	found = streams_find(share->streams, stream);
	taken = found ? found->taken : 0;
	pthread_mutex_unlock(&share->mutex);
	return taken;
}

/* ---- what is to be said ------------------------------------------------------------------ */

/* The oldest notice: what is refused is said before what is acknowledged beyond it. */
static bool take_notice(struct share_member *member, struct share_word *word)
{
	struct share_notice **link = &member->notices, *notice;

	if (!*link)
		return false;
	while ((*link)->next)
		link = &(*link)->next;
	notice = *link;
	*link = NULL;
	word->user = notice->user;
	word->position = notice->position;
	word->code = notice->code;
	memcpy(word->text, notice->text, sizeof(word->text));
	free(notice);
	return true;
}

static bool take_due(struct share_member *member, struct share_word *word)
{
	struct stream *stream = member->due;

	if (!stream)
		return false;
	member->due = stream->due_next;
	stream->is_due = false;
	word->user = stream->user;
	memcpy(word->position.stream, stream->id, sizeof(word->position.stream));
	word->position.sequence = stream->taken;
	word->code = MESSAGE_FINE;
	word->text[0] = '\0';
	return true;
}

bool share_next(struct share *share, struct share_member *member, struct share_word *ret_word)
{
	bool some;

	pthread_mutex_lock(&share->mutex);
	some = take_notice(member, ret_word) || take_due(member, ret_word);
	pthread_mutex_unlock(&share->mutex);
	return some;
}
