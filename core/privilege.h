/* SPDX-License-Identifier: Apache-2.0 */
/* Who the daemon is: from the user who starts it to one who may do what the inputs need and no
 * more. docs/privileges.md tells users how it goes. */
#ifndef SONDE_PRIVILEGE_H
#define SONDE_PRIVILEGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "config.h"
#include "graph.h"

struct privilege_drop;

struct privilege {
	char user[64], group[64]; /* names, or numbers where there is no name */
	uid_t uid;                /* that it runs as, or will */
	gid_t gid;
	bool switches; /* it was started by root and becomes another user */
	bool shared;   /* that user or group is that of `nobody`, who others may be too */
	bool dropped;
	uint64_t given;              /* capabilities that it was started with */
	uint64_t held;               /* that its threads hold now */
	struct privilege_drop *drop; /* under way; NULL: none is */
};

/* Finds out who it is and whom it will be; changes nothing. A negative errno and a message that
 * names the mend: no such user, or one that it may not become. */
int privilege_open(const struct privilege_config *config, struct privilege *ret_privilege,
		   char *error, size_t error_size);

/* The same, with the message or what else someone should know of it in the log. */
int privilege_begin(struct privilege *ret_privilege, const struct privilege_config *config);

/* As root, what the user is to own from now on: the state directory and the control socket's with
 * what lies in them, if they are root's and hold nothing else (the socket's only where that is the
 * default), and the socket. */
void privilege_hand_over(const struct privilege *privilege, const char *state_path,
			 const char *control_path);

/* While there is one thread. No program that is executed gains anything from now on. Root becomes
 * the user, and all capabilities stay until privilege_drop(); anyone else, who could not take them
 * from the threads of plugins later, keeps what `config` declares it needs. */
int privilege_enter(struct privilege *privilege, const struct config *config);

/* How it went: 0; -EPERM: some thread has more than it should; or what the change of user said. */
typedef void privilege_done(void *data, int result);

/* Once all has started, on the home loop's thread: this thread and those of the graph's loops will
 * hold what its instances need to run and what its config keeps, threads that plugins made nothing,
 * and none will be root's; then `done` is called, here. Each loop does its part between two
 * callbacks; one that has not come after 30 s is not waited for, and its thread loses all. -ENOMEM.
 * Once only: later calls do nothing. Loops that this thread starts from now on hold the same. */
int privilege_drop(struct privilege *privilege, struct loop *home, const struct graph *graph,
		   privilege_done *done, void *data);

/* Before the home loop goes: `done` will not be called any more. */
void privilege_forget(struct privilege *privilege);

/* What the instances that a pipeline names, and `keep`, need: to start, or only to run. */
uint64_t privilege_needs_start(const struct config *config);
uint64_t privilege_needs_running(const struct config *config);

/* Whether a daemon that holds these capabilities could start the config's instances: 0, or -EPERM
 * and a message that names what is missing and the first instance that needs it. Those that are in
 * `running` (NULL: none) unchanged are started already, and need what running needs. */
int privilege_missing(uint64_t held, const struct config *config, const struct config *running,
		      char *error, size_t error_size);

/* Whether a reload may put the config in the place of the one that runs; else it says why not: more
 * is needed than is held, or the giving up has not begun, and new threads would lose all. */
bool privilege_allows(const struct privilege *privilege, const struct config *config,
		      const struct config *running, FILE *reply);

/* Says in the log what the user may not do, though a reload or a reopening will ask for it: read
 * the config, write to the state directory, open again the files that are being written. */
void privilege_warn(const struct privilege *privilege, const char *config_path,
		    const char *state_path);

#endif
