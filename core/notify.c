/* SPDX-License-Identifier: Apache-2.0 */
/* Tells a service manager how the daemon does, by the datagrams of sd_notify(3). */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "log_line.h"
#include "notify.h"
#include "secret.h"

enum { NOTIFY_BYTES = 1024, STATUS_BYTES = 256 };

static const int64_t stop_margin_ns = 10ll * NS_PER_SECOND;

static struct {
	int fd; /* open from the start, so that a daemon that runs out of fds can still tell; 0:
		   none */
	struct sockaddr_un address;
	socklen_t address_length;
	struct loop *loop; /* NULL: it does not feed */
	struct loop_timer watchdog;
	int64_t watchdog_ns; /* longest silence; 0: nobody watches */
	int64_t stuck_ns;    /* of the loop that is stuck for longest */
	char stuck_loop[16];
	bool withheld; /* the watchdog was not fed when it was time */
} manager;

/* ---- datagrams --------------------------------------------------------------------------- */

/* Along the connection, which root may have been allowed to make and the user that it has become
 * since may not; by the name where the manager has made its socket anew. */
static void notify_send(const char *text, int flags)
{
	if (!manager.fd || send(manager.fd, text, strlen(text), MSG_NOSIGNAL | flags) >= 0)
		return;
	if (errno == ECONNREFUSED || errno == ENOTCONN)
		sendto(manager.fd, text, strlen(text), MSG_NOSIGNAL | flags,
		       (struct sockaddr *)&manager.address, manager.address_length);
}

void notify_ready(void)
{
	char text[NOTIFY_BYTES];

	snprintf(text, sizeof(text), "READY=1\nMAINPID=%d\nSTATUS=running", (int)getpid());
	notify_send(text, 0);
}

void notify_reloading(void)
{
	char text[NOTIFY_BYTES];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reloading",
		 (long long)(clock_monotonic_ns() / NS_PER_US));
	notify_send(text, 0);
}

/* While it drains the main loop does not turn: the drain has a bound of its own, which takes the
 * place of the watchdog's and of the time that a unit has to stop. */
void notify_stopping(int64_t limit_ns)
{
	int64_t longest_ns = INT64_MAX - stop_margin_ns;
	long long us =
		((limit_ns < longest_ns ? limit_ns : longest_ns) + stop_margin_ns) / NS_PER_US;
	char text[NOTIFY_BYTES];
	int length = snprintf(text, sizeof(text),
			      "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld\n"
			      "STATUS=handing over what is queued",
			      us);

	if (manager.watchdog_ns && manager.watchdog_ns / NS_PER_US < us)
		snprintf(text + length, sizeof(text) - (size_t)length,
			 "\nWATCHDOG_USEC=%lld\nWATCHDOG=1", us);
	notify_send(text, 0);
}

void notify_status(const char *format, ...)
{
	char line[STATUS_BYTES], text[NOTIFY_BYTES + 16] = "STATUS=";
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	secret_mask(line);
	log_clean(line, false, text + strlen(text), NOTIFY_BYTES);
	notify_send(text, 0);
}

/* ---- environment ------------------------------------------------------------------------- */

/* A path, or a name that begins with @: those lie in no file system. */
static int address_read(const char *name)
{
	size_t length = strlen(name);

	if (name[0] != '/' && name[0] != '@')
		return -EAFNOSUPPORT;
	if (length < 2 || length >= sizeof(manager.address.sun_path))
		return -EINVAL;
	manager.address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(manager.address.sun_path, name, length);
	if (name[0] == '@')
		manager.address.sun_path[0] = '\0';
	manager.address_length =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '/'));
	return 0;
}

/* The number in an environment variable; 0 where there is none. */
static unsigned long long environment_number(const char *name)
{
	const char *text = getenv(name);
	unsigned long long number;
	char *end;

	if (!text || text[0] < '0' || text[0] > '9')
		return 0;
	errno = 0;
	number = strtoull(text, &end, 10);
	return errno || *end ? 0 : number;
}

static int notify_connect(const char *name)
{
	struct timeval patience = { .tv_sec = 1 };
	int result = address_read(name), fd;

	if (result)
		return result;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	(void)connect(fd, (struct sockaddr *)&manager.address, manager.address_length);
	manager.fd = fd;
	return 0;
}

void notify_open(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	unsigned long long us = environment_number("WATCHDOG_USEC");
	unsigned long long pid = environment_number("WATCHDOG_PID");
	int result = name && *name ? notify_connect(name) : 0;

	if (result)
		log_write(SONDE_WARNING, NULL, "cannot tell the service manager at %s: %s", name,
			  strerror(-result));
	if (us && us <= INT64_MAX / NS_PER_US && (!pid || pid == (unsigned long long)getpid()))
		manager.watchdog_ns = (int64_t)us * NS_PER_US;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void notify_close(void)
{
	if (manager.loop)
		loop_timer_end(manager.loop, &manager.watchdog);
	if (manager.fd)
		close(manager.fd);
	memset(&manager, 0, sizeof(manager));
}

/* ---- watchdog ---------------------------------------------------------------------------- */

static void notify_withhold(void)
{
	long long stuck_s = manager.stuck_ns / NS_PER_SECOND;

	if (manager.withheld)
		return;
	manager.withheld = true;
	log_write(SONDE_ERROR, NULL,
		  "thread %s is stuck for %lld s: the watchdog is not fed until it comes back",
		  manager.stuck_loop, stuck_s);
	notify_status("thread %s is stuck for %lld s", manager.stuck_loop, stuck_s);
}

static void notify_feed(void *data)
{
	if (manager.stuck_ns >= manager.watchdog_ns / 2) {
		notify_withhold();
		return;
	}
	if (manager.withheld)
		notify_status("running");
	manager.withheld = false;
	notify_send("WATCHDOG=1", MSG_DONTWAIT); /* a manager that busy hears of the next one */
}

void notify_watch(struct loop *loop)
{
	if (!manager.fd || !manager.watchdog_ns)
		return;
	manager.loop = loop;
	manager.watchdog = (struct loop_timer){ .run = notify_feed };
	loop_timer_every(loop, &manager.watchdog, (manager.watchdog_ns + 1) / 2);
}

void notify_stuck(const char *loop, int64_t for_ns)
{
	manager.stuck_ns = for_ns;
	if (for_ns)
		snprintf(manager.stuck_loop, sizeof(manager.stuck_loop), "%s", loop);
}
