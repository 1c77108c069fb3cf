// SPDX-License-Identifier: Apache-2.0
/* What core/privilege.h promises of configs; tests/integration/test_privileges.py looks at threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "capability.h"
#include "privilege.h"

static const uint64_t bpf = CAPABILITY(CAP_BPF), network = CAPABILITY(CAP_NET_ADMIN),
		      kill_any = CAPABILITY(CAP_KILL);

static char error[512] = "untouched";

/* Two instances that a pipeline names, and one that none does. */
static struct instance_config instances[3];
static struct config config = { .instances = instances, .instance_count = 3 };

static int set_up(void **state)
{
	instances[0] = (struct instance_config){
		.name = "calls", .source = "calls {}", .routed = true, .needs = { bpf, bpf }
	};
	instances[1] = (struct instance_config){ .name = "packets",
						 .source = "packets {}",
						 .routed = true,
						 .needs = { bpf | network, bpf } };
	instances[2] = (struct instance_config){ .name = "idle",
						 .source = "idle {}",
						 .needs = { UINT64_MAX, UINT64_MAX } };
	config.daemon.privileges = (struct privilege_config){ .keep_set = kill_any };
	strcpy(error, "untouched");
	return 0;
}

static void needs_are_those_of_all_that_is_routed_and_what_is_kept(void **state)
{
	assert_true(privilege_needs_start(&config) == (bpf | network | kill_any));
	assert_true(privilege_needs_running(&config) == (bpf | kill_any));
}

static void nothing_is_missing_where_all_needs_are_held(void **state)
{
	assert_int_equal(privilege_missing(bpf | network, &config, NULL, error, sizeof(error)), 0);
	assert_string_equal(error, "untouched");
}

static void what_is_missing_is_named_with_the_instance_that_needs_it(void **state)
{
	assert_int_equal(privilege_missing(bpf, &config, NULL, error, sizeof(error)), -EPERM);
	assert_string_equal(error, "packets needs net_admin, which sonde does not hold: name it "
				   "in sonde.privileges.keep and restart");
	assert_int_equal(privilege_missing(network, &config, NULL, error, sizeof(error)), -EPERM);
	assert_memory_equal(error, "calls needs bpf,", 16);
}

static void what_stays_as_it_is_needs_no_more_than_to_run(void **state)
{
	assert_int_equal(privilege_missing(bpf, &config, &config, error, sizeof(error)), 0);
}

static void what_changed_starts_anew_and_needs_what_that_takes(void **state)
{
	struct instance_config before[3];
	struct config running = { .instances = before, .instance_count = 3 };

	memcpy(before, instances, sizeof(before));
	before[1].source = "packets { other }";
	assert_int_equal(privilege_missing(bpf, &config, &running, error, sizeof(error)), -EPERM);
	before[1].source = instances[1].source;
	before[1].routed = false;
	assert_int_equal(privilege_missing(bpf, &config, &running, error, sizeof(error)), -EPERM);
}

/* In a process of its own, which root makes another user's for good. */
static void who_is_not_root_stays_who_it_is(void **state)
{
	struct privilege_config none = { 0 }, other = { .user = "root" };
	struct privilege privilege;
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		if (!geteuid() && setresuid(12345, 12345, 12345))
			_exit(1);
		if (privilege_open(&none, &privilege, error, sizeof(error)) ||
		    privilege.uid != geteuid() || privilege.switches)
			_exit(2);
		_exit(privilege_open(&other, &privilege, error, sizeof(error)) == -EPERM ? 0 : 3);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void root_becomes_whom_the_config_names_by_name_or_number(void **state)
{
	struct privilege_config named = { .user = "daemon", .group = "4321" };
	struct privilege privilege;

	if (geteuid() || CAPABILITY(CAP_SETUID) & ~capabilities_permitted()) {
		print_message("only root can become somebody else\n");
		skip();
	}
	assert_int_equal(privilege_open(&named, &privilege, error, sizeof(error)), 0);
	assert_string_equal(privilege.user, "daemon");
	assert_int_equal(privilege.gid, 4321);
	assert_true(privilege.switches && !privilege.shared);
	named = (struct privilege_config){ .user = "0" };
	assert_int_equal(privilege_open(&named, &privilege, error, sizeof(error)), 0);
	assert_string_equal(privilege.user, "root");
	assert_false(privilege.switches);
}

static void a_user_that_there_is_not_is_refused_and_nothing_is_changed(void **state)
{
	static const char *const names[] = { "no such user", "-1", "4294967295", "12x", "" };
	struct privilege privilege = { .uid = 77 };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct privilege_config config_of = { .user = names[i], .group = "0" };

		assert_true(privilege_open(&config_of, &privilege, error, sizeof(error)) < 0);
		assert_int_equal(privilege.uid, 77);
		assert_non_null(strstr(error, "sonde.privileges.user"));
	}
}

#define TEST(name_) cmocka_unit_test_setup(name_, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(needs_are_those_of_all_that_is_routed_and_what_is_kept),
		TEST(nothing_is_missing_where_all_needs_are_held),
		TEST(what_is_missing_is_named_with_the_instance_that_needs_it),
		TEST(what_stays_as_it_is_needs_no_more_than_to_run),
		TEST(what_changed_starts_anew_and_needs_what_that_takes),
		TEST(who_is_not_root_stays_who_it_is),
		TEST(root_becomes_whom_the_config_names_by_name_or_number),
		TEST(a_user_that_there_is_not_is_refused_and_nothing_is_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
