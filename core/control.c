/* SPDX-License-Identifier: Apache-2.0 */
/* The local control socket: words to the running daemon, a text back. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <sonde/plugin.h>
#include "clock.h"
#include "control.h"
#include "descriptors.h"
#include "log.h"

static const char control_magic[8] = "sonde-c";
static const int64_t client_timeout_ns = 10ll * NS_PER_SECOND;

struct control_header {
	char magic[8];
	uint16_t version, code;
	uint32_t length;
};

_Static_assert(sizeof(struct control_header) == CONTROL_HEADER_BYTES,
	       "the header is 16 bytes on the wire");

/* A connection of the daemon's side: reads a request, then writes the reply. */
struct control_client {
	struct control *control;
	struct control_client *next;
	struct loop_fd *watch;
	struct loop_timer timeout;
	int fd;
	char *data;          /* request while reading, reply (with header) while writing */
	size_t length, done; /* bytes expected, bytes moved */
	bool writing;
	bool borrowed; /* its fd is in the place that is kept for when there are none left */
};

struct control {
	struct loop *loop;
	struct loop_fd *watch;
	int fd;
	int directory_fd; /* of the socket, which another user may not reach by its path */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	control_answer *answer;
	void *data;
	int64_t time_limit_ns;    /* of a connection */
	struct loop_timer resume; /* accepting again, after a pause */
	struct control_client *clients;
	uint32_t client_count;
	struct control_client *asking; /* whose request is being answered */
};

static int address_of(const char *path, struct sockaddr_un *ret_address)
{
	if (strlen(path) >= sizeof(ret_address->sun_path))
		return -ENAMETOOLONG;
	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret_address->sun_path, path, strlen(path));
	return 0;
}

static void client_release(struct control_client *client)
{
	struct control_client **link = &client->control->clients;

	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	client->control->client_count--;
	loop_timer_end(client->control->loop, &client->timeout);
	if (client->watch)
		loop_watch_end(client->control->loop, client->watch);
	if (client->fd >= 0)
		close(client->fd);
	if (client->borrowed)
		descriptors_keep();
	free(client->data);
	free(client);
}

static void client_timed_out(void *data)
{
	client_release(data);
}

int control_split(char *payload, size_t length, char *ret_words[CONTROL_WORD_LIMIT],
		  uint32_t *ret_count)
{
	uint32_t count = 0;

	if (!length || payload[length - 1])
		return -EBADMSG;
	for (size_t at = 0; at < length; at += strlen(payload + at) + 1) {
		if (count == CONTROL_WORD_LIMIT)
			return -EBADMSG;
		ret_words[count++] = payload + at;
	}
	*ret_count = count;
	return 0;
}

void control_head(void *at, uint16_t code, uint32_t length)
{
	struct control_header header = { .version = CONTROL_VERSION,
					 .code = code,
					 .length = length };

	memcpy(header.magic, control_magic, sizeof(header.magic));
	memcpy(at, &header, sizeof(header));
}

int control_take_over(struct control *control)
{
	struct control_client *client = control->asking;
	int fd = client->fd;

	if (client->borrowed)
		return -EMFILE;
	loop_watch_end(control->loop, client->watch);
	client->watch = NULL;
	client->fd = -1;
	return fd;
}

/* In the place of the request, which has been read: what memory is refused for can be said. */
static void client_refuse(struct control_client *client)
{
	static const char message[] = "no memory for the answer: try again\n";
	control_head(client->data, 1 /* the machine refused something */, sizeof(message) - 1);
	memcpy(client->data + CONTROL_HEADER_BYTES, message, sizeof(message) - 1);
	client->length = CONTROL_HEADER_BYTES + sizeof(message) - 1;
	client->done = 0;
	client->writing = true;
}

/* The reply as bytes with its header; frees the request. */
static void client_answer(struct control_client *client)
{
	const char none[CONTROL_HEADER_BYTES] = "";
	struct control *control = client->control;
	char *words[CONTROL_WORD_LIMIT], *reply = NULL;
	uint32_t word_count;
	size_t length = 0;
	uint16_t code;
	FILE *file = open_memstream(&reply, &length);
	bool failed;
	int64_t left_ns = client->timeout.due_ns - clock_monotonic_ns(); /* not the answer's time */

	if (!file) {
		client_refuse(client);
		return;
	}
	fwrite(none, sizeof(none), 1, file);
	control->asking = client;
	if (control_split(client->data + sizeof(none), client->length - sizeof(none), words,
			  &word_count)) {
		code = 2;
		fputs("the request is not a list of words\n", file);
	} else {
		code = control->answer(control->data, words, word_count, file);
	}
	failed = ferror(file) != 0;
	failed |= fclose(file) != 0 || length < sizeof(none);
	if (client->fd < 0) { /* taken over */
		free(reply);
		return;
	}
	if (failed) {
		free(reply);
		client_refuse(client);
		return;
	}
	control_head(reply, code, (uint32_t)(length - sizeof(none)));
	free(client->data);
	client->data = reply;
	client->length = length;
	client->done = 0;
	client->writing = true;
	loop_timer_after(control->loop, &client->timeout, left_ns);
}

/* Whether the header of a request is one of ours; then how long the request is. */
static int header_check(const struct control_header *header)
{
	if (memcmp(header->magic, control_magic, sizeof(control_magic)) ||
	    header->version != CONTROL_VERSION || header->length > CONTROL_REQUEST_LIMIT)
		return -EPROTO;
	return 0;
}

static int client_read(struct control_client *client)
{
	struct control_header header;
	ssize_t count;

	while (client->done < client->length) {
		count = read(client->fd, client->data + client->done,
			     client->length - client->done);
		if (count < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (!count)
			return -ECONNRESET;
		client->done += (size_t)count;
		if (client->done == sizeof(header) && client->length == sizeof(header)) {
			memcpy(&header, client->data, sizeof(header));
			if (header_check(&header) || !header.length)
				return -EPROTO;
			client->length += header.length;
		}
	}
	client_answer(client);
	return client->fd < 0 ? -EPIPE : 0;
}

static int client_write(struct control_client *client)
{
	while (client->done < client->length) {
		ssize_t count = send(client->fd, client->data + client->done,
				     client->length - client->done, MSG_NOSIGNAL);

		if (count < 0)
			return errno == EAGAIN ? 0 : -errno;
		client->done += (size_t)count;
	}
	return -EPIPE; /* all is said: the connection ends */
}

static void client_ready(void *data, int fd, uint32_t events)
{
	struct control_client *client = data;
	int result = client->writing ? 0 : client_read(client);

	if (!result && client->writing)
		result = client_write(client);
	if (!result && client->writing)
		result = loop_watch_change(client->control->loop, client->watch, SONDE_WRITABLE);
	if (result)
		client_release(client);
}

static void control_resume(void *data)
{
	struct control *control = data;

	loop_watch_change(control->loop, control->watch, SONDE_READABLE);
}

/* Fds or memory ran out: whoever knocks stays at the door for a moment, and keeps nobody busy. */
static void control_pause(struct control *control)
{
	loop_watch_change(control->loop, control->watch, 0);
	loop_timer_after(control->loop, &control->resume, NS_PER_SECOND);
}

/* Where there are no descriptors left, one client at a time is served all the same: that is when
 * somebody wants to look. A negative errno. */
static int client_accept(int listen_fd, bool *ret_borrowed)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	*ret_borrowed = fd < 0 && descriptors_note(errno) && descriptors_lend();
	if (*ret_borrowed)
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (*ret_borrowed && fd < 0) {
		int error = errno;

		descriptors_keep();
		errno = error;
	}
	return fd < 0 ? -errno : fd;
}

static void control_accept(void *data, int listen_fd, uint32_t events)
{
	struct control *control = data;
	struct control_client *client;
	bool borrowed;
	int fd = client_accept(listen_fd, &borrowed);

	if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM)
		control_pause(control);
	if (fd < 0)
		return;
	client = calloc(1, sizeof(*client));
	if (!client || control->client_count == CONTROL_CLIENT_LIMIT) {
		free(client);
		close(fd);
		if (borrowed)
			descriptors_keep();
		return;
	}
	client->borrowed = borrowed;
	client->control = control;
	client->fd = fd;
	client->next = control->clients;
	control->clients = client;
	control->client_count++;
	client->timeout = (struct loop_timer){ .run = client_timed_out, .data = client };
	client->length = sizeof(struct control_header);
	client->data = malloc(sizeof(struct control_header) + CONTROL_REQUEST_LIMIT);
	client->watch = calloc(1, sizeof(*client->watch));
	if (client->watch)
		*client->watch = (struct loop_fd){ .run = client_ready, .data = client, .fd = fd };
	if (!client->data || !client->watch ||
	    loop_watch(control->loop, client->watch, SONDE_READABLE)) {
		free(client->watch);
		client->watch = NULL;
		client_release(client);
		return;
	}
	loop_timer_after(control->loop, &client->timeout, control->time_limit_ns);
}

/* A socket that nobody answers on was left by a daemon that died. */
static int remove_stale(const struct sockaddr_un *address)
{
	struct stat status;
	int fd, result;

	if (lstat(address->sun_path, &status))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(status.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	result = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;
	close(fd);
	if (!result || result == -EAGAIN) /* it answers, or is too busy for it */
		return -EADDRINUSE;
	if (result != -ECONNREFUSED)
		return result;
	return unlink(address->sun_path) ? -errno : 0;
}

static const char *socket_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int directory_open(const char *path)
{
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path) + 2];
	int fd;

	snprintf(directory, sizeof(directory), "%.*s.", (int)(socket_name(path) - path), path);
	fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int control_open(struct control *control)
{
	struct sockaddr_un address;
	mode_t mask;
	int result = address_of(control->path, &address);

	if (!result)
		result = remove_stale(&address);
	if (result)
		return result;
	control->directory_fd = directory_open(control->path);
	if (control->directory_fd < 0)
		return control->directory_fd;
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control->fd < 0)
		return -errno;
	mask = umask(0117); /* for its owner and group */
	result = bind(control->fd, (struct sockaddr *)&address, sizeof(address)) ||
				 listen(control->fd, CONTROL_CLIENT_LIMIT)
			 ? -errno
			 : 0;
	umask(mask);
	if (result)
		return result;
	control->watch = calloc(1, sizeof(*control->watch));
	if (!control->watch)
		return -ENOMEM;
	*control->watch =
		(struct loop_fd){ .run = control_accept, .data = control, .fd = control->fd };
	return loop_watch(control->loop, control->watch, SONDE_READABLE);
}

int control_listen(struct loop *loop, const char *path, control_answer *answer, void *data,
		   struct control **ret_control)
{
	struct control *control = calloc(1, sizeof(*control));
	int result;

	if (!control)
		return -ENOMEM;
	*control = (struct control){ .loop = loop,
				     .fd = -1,
				     .directory_fd = -1,
				     .answer = answer,
				     .data = data,
				     .time_limit_ns = client_timeout_ns };
	control->resume = (struct loop_timer){ .run = control_resume, .data = control };
	if (strlen(path) >= sizeof(control->path)) {
		free(control);
		return -ENAMETOOLONG;
	}
	memcpy(control->path, path, strlen(path) + 1);
	result = control_open(control);
	if (result) {
		if (control->fd >= 0)
			close(control->fd);
		if (control->directory_fd >= 0)
			close(control->directory_fd);
		free(control->watch);
		free(control);
		return result;
	}
	*ret_control = control;
	return 0;
}

void control_limit_time(struct control *control, int64_t limit_ns)
{
	control->time_limit_ns = limit_ns;
}

void control_close(struct control *control)
{
	if (!control)
		return;
	while (control->clients)
		client_release(control->clients);
	loop_timer_end(control->loop, &control->resume);
	loop_watch_end(control->loop, control->watch);
	close(control->fd);
	unlinkat(control->directory_fd, socket_name(control->path), 0);
	close(control->directory_fd);
	free(control);
}

/* ---- client ------------------------------------------------------------------------------ */

static int move_all(int fd, void *data, size_t length, bool writing)
{
	char *at = data;

	while (length) {
		ssize_t count = writing ? send(fd, at, length, MSG_NOSIGNAL) : read(fd, at, length);

		if (count < 0 && errno == EINTR)
			continue;
		if (!count || (count < 0 && (errno == EPIPE || errno == ECONNRESET)))
			return -EPROTO; /* it hung up: another version, or too busy */
		if (count < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		at += count;
		length -= (size_t)count;
	}
	return 0;
}

static int words_send(int fd, const char *const *words, uint32_t word_count)
{
	char head[CONTROL_HEADER_BYTES], request[CONTROL_REQUEST_LIMIT];
	size_t length = 0;
	int result;

	for (uint32_t i = 0; i < word_count; i++) {
		size_t size = strlen(words[i]) + 1;

		if (size > sizeof(request) - length)
			return -EMSGSIZE;
		memcpy(request + length, words[i], size);
		length += size;
	}
	control_head(head, 0, (uint32_t)length);
	result = move_all(fd, head, sizeof(head), true);
	return result ? result : move_all(fd, request, length, true);
}

int control_receive(int fd, uint16_t *ret_code, char **ret_reply, size_t *ret_length)
{
	struct control_header header;
	char *reply;
	int result = move_all(fd, &header, sizeof(header), false);

	if (result)
		return result;
	if (memcmp(header.magic, control_magic, sizeof(control_magic)) ||
	    header.version != CONTROL_VERSION || header.length > CONTROL_REPLY_LIMIT)
		return -EPROTO;
	reply = malloc((size_t)header.length + 1);
	if (!reply)
		return -ENOMEM;
	result = move_all(fd, reply, header.length, false);
	if (result) {
		free(reply);
		return result;
	}
	reply[header.length] = '\0';
	*ret_code = header.code;
	*ret_reply = reply;
	*ret_length = header.length;
	return 0;
}

int control_ask(const char *path, const char *const *words, uint32_t word_count, uint16_t *ret_code,
		char **ret_reply, size_t *ret_length)
{
	return control_ask_within(path, words, word_count, client_timeout_ns, ret_code, ret_reply,
				  ret_length);
}

int control_begin(const char *path, const char *const *words, uint32_t word_count,
		  int64_t patience_ns, int *ret_fd)
{
	struct timeval timeout = { .tv_sec = patience_ns / NS_PER_SECOND };
	struct sockaddr_un address;
	int fd, result = address_of(path, &address);

	if (result)
		return result;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		result = -errno;
	else
		result = words_send(fd, words, word_count);
	if (result)
		close(fd);
	else
		*ret_fd = fd;
	return result;
}

int control_ask_within(const char *path, const char *const *words, uint32_t word_count,
		       int64_t patience_ns, uint16_t *ret_code, char **ret_reply,
		       size_t *ret_length)
{
	int fd, result = control_begin(path, words, word_count, patience_ns, &fd);

	if (result)
		return result;
	result = control_receive(fd, ret_code, ret_reply, ret_length);
	close(fd);
	return result;
}
