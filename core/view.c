/* SPDX-License-Identifier: Apache-2.0 */
/* The command `top`: finds the library that draws it, and lends it the control socket. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <top.h>
#include "clock.h"
#include "control.h"
#include "daemon.h"
#include "shared_object.h"
#include "view.h"

/* The view stands still so long at most, for a daemon that is slow. */
static const int64_t view_patience_ns = 2ll * NS_PER_SECOND;

static int view_ask(void *data, const char *const *words, uint32_t word_count, uint16_t *ret_code,
		    char **ret_reply, size_t *ret_length)
{
	return control_ask_within(data, words, word_count, view_patience_ns, ret_code, ret_reply,
				  ret_length);
}

static int view_begin(void *data, const char *const *words, uint32_t word_count, int *ret_fd)
{
	return control_begin(data, words, word_count, view_patience_ns, ret_fd);
}

/* That of the build tree lies there; else the one that was installed. */
static const char *library_path(char path[PATH_MAX])
{
	static const char beside[] = "/lib/top/sonde-top.so";
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - sizeof(beside));
	char *slash;

	path[length > 0 ? length : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash) {
		memcpy(slash, beside, sizeof(beside));
		if (!access(path, F_OK))
			return path;
	}
	return SONDE_LIBRARY_DIRECTORY "/sonde-top.so";
}

int view_run(const char *socket, int64_t interval_ns, bool colour)
{
	struct top_host host = { .size = sizeof(host),
				 .interval_ns = interval_ns,
				 .colour = colour,
				 .ask = view_ask,
				 .begin = view_begin,
				 .receive = control_receive,
				 .rows_code = CONTROL_ROWS };
	char path[PATH_MAX], line[PATH_MAX + 512], *data = strdup(socket);
	struct refusal refusal = { .path = library_path(path), .line = line, .size = sizeof(line) };
	top_function *function;
	void *symbol;
	int result;

	host.data = data;
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		result = -ENOTTY;
	} else if (shared_object_symbol(&refusal, TOP_SYMBOL, &symbol)) {
		fprintf(stderr, "sonde: %s\n", line);
		result = EXIT_CODE_FAILED;
	} else {
		memcpy(&function, &symbol, sizeof(function));
		result = data ? function(&host) : -ENOMEM;
	}
	free(data);
	if (result == -ENOTTY)
		fprintf(stderr, "sonde: top needs a terminal of a known type (TERM); `sonde "
				"status` does not\n");
	else if (result == -ESTALE)
		fprintf(stderr, "sonde: %s: it is of another version of sonde\n", refusal.path);
	else
		return result;
	return result == -ENOTTY ? EXIT_CODE_INPUT : EXIT_CODE_FAILED;
}
