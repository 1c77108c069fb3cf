/* SPDX-License-Identifier: Apache-2.0 */
/* Who the daemon is: from the user who starts it to one who may do what the inputs need and no
 * more. */
#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "capability.h"
#include "log.h"
#include "privilege.h"

enum { GROUPS_LIMIT = 1024 };

/* ---- whom to be -------------------------------------------------------------------------- */

static bool number_parse(const char *text, uint32_t *ret_number)
{
	char *end;
	unsigned long long number;

	if (*text < '0' || *text > '9')
		return false;
	number = strtoull(text, &end, 10);
	if (*end || number >= UINT32_MAX)
		return false;
	*ret_number = (uint32_t)number;
	return true;
}

static bool group_find(const char *name, gid_t *ret_gid)
{
	const struct group *group = getgrnam(name);

	if (group)
		*ret_gid = group->gr_gid;
	return group || number_parse(name, ret_gid);
}

/* A user by name or number; one that has a number only has no group of its own. */
static bool user_find(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
	const struct passwd *user;

	errno = 0; /* which tells a user that is not there from one that could not be looked up */
	user = getpwnam(name);
	if (!user && number_parse(name, ret_uid))
		user = getpwuid(*ret_uid);
	if (user) {
		*ret_uid = user->pw_uid;
		*ret_gid = user->pw_gid;
	}
	return user || number_parse(name, ret_uid);
}

static void names_fill(struct privilege *privilege)
{
	const struct passwd *user = getpwuid(privilege->uid);
	const struct group *group = getgrgid(privilege->gid);

	if (user)
		snprintf(privilege->user, sizeof(privilege->user), "%s", user->pw_name);
	else
		snprintf(privilege->user, sizeof(privilege->user), "%u", privilege->uid);
	if (group)
		snprintf(privilege->group, sizeof(privilege->group), "%s", group->gr_name);
	else
		snprintf(privilege->group, sizeof(privilege->group), "%u", privilege->gid);
}

/* What keeps a user from being looked up; 0: there is none of that name. */
static int lookup_error(char *error, size_t error_size)
{
	int number = errno;

	if (number != EMFILE && number != ENFILE && number != ENOMEM && number != EIO)
		return 0;
	snprintf(error, error_size, "cannot look up the user to run as: %s", strerror(number));
	return -number;
}

/* Root runs as the user that the config names, else as `sonde`, else as `nobody`. */
static int user_choose(const struct privilege_config *config, struct privilege *privilege,
		       char *error, size_t error_size)
{
	const char *name = config->user;
	int result;

	privilege->gid = (gid_t)-1;
	if (name && !user_find(name, &privilege->uid, &privilege->gid)) {
		result = lookup_error(error, error_size);
		if (result)
			return result;
		snprintf(error, error_size, "sonde.privileges.user: there is no user \"%s\"", name);
		return -ENOENT;
	}
	if (!name && !user_find("sonde", &privilege->uid, &privilege->gid)) {
		if (!user_find("nobody", &privilege->uid, &privilege->gid)) {
			result = lookup_error(error, error_size);
			if (result)
				return result;
			snprintf(error, error_size,
				 "there is neither a user sonde nor a user nobody to run as (make "
				 "one, or name another with sonde.privileges.user)");
			return -ENOENT;
		}
	}
	if (config->group && !group_find(config->group, &privilege->gid)) {
		snprintf(error, error_size, "sonde.privileges.group: there is no group \"%s\"",
			 config->group);
		return -ENOENT;
	}
	if (privilege->gid != (gid_t)-1)
		return 0;
	snprintf(error, error_size,
		 "user %u has no entry: name its group with "
		 "sonde.privileges.group",
		 privilege->uid);
	return -ENOENT;
}

/* Anyone but root stays who he is. */
static int user_keep(const struct privilege_config *config, struct privilege *privilege,
		     char *error, size_t error_size)
{
	uid_t uid = geteuid();
	gid_t gid = getegid(), any;

	if (config->user && (!user_find(config->user, &uid, &any) || uid != geteuid())) {
		snprintf(error, error_size,
			 "sonde.privileges.user: only root can become \"%s\" (start it as root, or "
			 "as that user)",
			 config->user);
		return -EPERM;
	}
	if (config->group && (!group_find(config->group, &gid) || gid != getegid())) {
		snprintf(error, error_size,
			 "sonde.privileges.group: only root can choose the group \"%s\" (start it "
			 "as root)",
			 config->group);
		return -EPERM;
	}
	privilege->uid = uid;
	privilege->gid = gid;
	return 0;
}

static void shared_find(struct privilege *privilege)
{
	const struct passwd *nobody = getpwnam("nobody");

	privilege->shared =
		nobody && (privilege->uid == nobody->pw_uid || privilege->gid == nobody->pw_gid);
}

int privilege_open(const struct privilege_config *config, struct privilege *ret_privilege,
		   char *error, size_t error_size)
{
	const uint64_t changing = CAPABILITY(CAP_SETUID) | CAPABILITY(CAP_SETGID);
	struct privilege privilege = { .given = capabilities_permitted() };
	char text[CAPABILITY_TEXT_BYTES];
	int result = geteuid() ? user_keep(config, &privilege, error, error_size)
			       : user_choose(config, &privilege, error, error_size);

	if (result)
		return result;
	names_fill(&privilege);
	shared_find(&privilege);
	privilege.held = privilege.given;
	privilege.switches = !geteuid() && privilege.uid;
	if (privilege.switches && changing & ~privilege.given) {
		snprintf(error, error_size,
			 "root cannot become the user %s without the capabilities %s (grant them, "
			 "start it as that user, or say sonde.privileges.user = \"root\")",
			 privilege.user, capabilities_print(changing & ~privilege.given, text));
		return -EPERM;
	}
	*ret_privilege = privilege;
	return 0;
}

static void privilege_announce(const struct privilege *privilege,
			       const struct privilege_config *config)
{
	uint64_t lacking = capabilities_lacking(config->keep_set, privilege->given);
	char text[CAPABILITY_TEXT_BYTES];

	if (privilege->switches && privilege->shared && !config->user)
		log_write(SONDE_WARNING, NULL,
			  "runs as %s, group %s, who other programs may be too (make a user of its "
			  "own: useradd --system sonde; or name one with sonde.privileges.user)",
			  privilege->user, privilege->group);
	if (!geteuid() && !privilege->uid)
		log_write(SONDE_WARNING, NULL,
			  "stays root, as sonde.privileges.user says; its capabilities go all the "
			  "same");
	if (lacking)
		log_write(SONDE_WARNING, NULL,
			  "sonde.privileges.keep names %s, which it was not started with",
			  capabilities_print(lacking, text));
}

int privilege_begin(struct privilege *ret_privilege, const struct privilege_config *config)
{
	char error[512];
	int result = privilege_open(config, ret_privilege, error, sizeof(error));

	if (result)
		log_write(SONDE_ERROR, NULL, "%s", error);
	else
		privilege_announce(ret_privilege, config);
	return result;
}

/* ---- before there are threads ------------------------------------------------------------ */

static int groups_set(const struct privilege *privilege)
{
	gid_t groups[GROUPS_LIMIT];
	int count = GROUPS_LIMIT;

	if (getgrouplist(privilege->user, privilege->gid, groups, &count) < 0) {
		groups[0] = privilege->gid;
		count = 1;
	}
	return setgroups((size_t)count, groups) ? -errno : 0;
}

/* Saved, root stays until privilege_drop(): the change of that last id is what takes the
 * capabilities from threads that nobody but the C library can reach. */
static int user_become(const struct privilege *privilege)
{
	int result = groups_set(privilege);

	if (!result && (setresgid(privilege->gid, privilege->gid, privilege->gid) ||
			setresuid(privilege->uid, privilege->uid, 0)))
		result = -errno;
	return result;
}

int privilege_enter(struct privilege *privilege, const struct config *config)
{
	uint64_t needed = privilege_needs_start(config);
	uint64_t serving = capabilities_serving(needed, privilege->given);
	int result = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* -EINVAL before 4.3 */
	for (uint32_t number = 0;
	     number < capability_count() && privilege->given & CAPABILITY(CAP_SETPCAP); number++)
		prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
	if (privilege->switches)
		result = user_become(privilege);
	else
		privilege->held = serving;
	if (!result)
		result = capabilities_hold(privilege->held);
	/* Its memory holds secrets, which whoever else is this user shall not read. */
	if (!result && privilege->given)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return result;
}

/* ---- needs ------------------------------------------------------------------------------- */

static struct needs config_needs(const struct config *config)
{
	uint64_t kept = config->daemon.privileges.keep_set;
	struct needs needs = { .start = kept, .running = kept };

	for (uint32_t i = 0; i < config->instance_count; i++) {
		if (!config->instances[i].routed)
			continue;
		needs.start |= config->instances[i].needs.start;
		needs.running |= config->instances[i].needs.running;
	}
	return needs;
}

uint64_t privilege_needs_start(const struct config *config)
{
	return config_needs(config).start;
}

uint64_t privilege_needs_running(const struct config *config)
{
	return config_needs(config).running;
}

/* A reload leaves what did not change as it is. */
static bool is_running(const struct config *running, const struct instance_config *instance)
{
	for (uint32_t i = 0; running && i < running->instance_count; i++) {
		const struct instance_config *other = &running->instances[i];

		if (other->routed && !strcmp(other->name, instance->name))
			return !strcmp(other->source, instance->source);
	}
	return false;
}

int privilege_missing(uint64_t held, const struct config *config, const struct config *running,
		      char *error, size_t error_size)
{
	char text[CAPABILITY_TEXT_BYTES];

	for (uint32_t i = 0; i < config->instance_count; i++) {
		const struct instance_config *instance = &config->instances[i];
		uint64_t needed = is_running(running, instance) ? instance->needs.running
								: instance->needs.start;
		uint64_t lacking = capabilities_lacking(needed, held);

		if (!instance->routed || !lacking)
			continue;
		snprintf(error, error_size,
			 "%s needs %s, which sonde does not hold: name it in "
			 "sonde.privileges.keep and restart",
			 instance->name, capabilities_print(lacking, text));
		return -EPERM;
	}
	return 0;
}

bool privilege_allows(const struct privilege *privilege, const struct config *config,
		      const struct config *running, FILE *reply)
{
	char error[512];

	if (privilege->given && !privilege->dropped && !privilege->drop) {
		fputs("an instance is still starting, and privileges are not given up yet: try "
		      "again\n",
		      reply);
		return false;
	}
	if (!privilege_missing(privilege->held, config, running, error, sizeof(error)))
		return true;
	fprintf(reply, "%s\n", error);
	return false;
}
