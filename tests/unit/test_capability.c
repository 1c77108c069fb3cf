// SPDX-License-Identifier: Apache-2.0
/* What core/capability.h promises. */
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

static const uint64_t bpf = CAPABILITY(CAP_BPF), perfmon = CAPABILITY(CAP_PERFMON),
		      admin = CAPABILITY(CAP_SYS_ADMIN), network = CAPABILITY(CAP_NET_ADMIN);

static void a_name_is_found_with_and_without_its_prefix_in_any_case(void **state)
{
	static const char *const names[] = { "net_admin", "cap_net_admin", "CAP_NET_ADMIN",
					     "Net_Admin" };
	uint32_t number;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		number = 0;
		assert_int_equal(capability_find(names[i], &number), 0);
		assert_int_equal(number, CAP_NET_ADMIN);
	}
}

static void every_number_of_this_kernel_has_a_name_that_finds_it(void **state)
{
	char name[CAPABILITY_NAME_BYTES];
	uint32_t number;

	assert_in_range(capability_count(), CAP_AUDIT_READ + 1, CAPABILITY_LIMIT);
	for (uint32_t each = 0; each < capability_count(); each++) {
		assert_int_equal(capability_find(capability_name(each, name), &number), 0);
		assert_int_equal(number, each);
	}
}

static void what_is_no_name_is_not_found_and_leaves_the_number_alone(void **state)
{
	static const char *const names[] = { "", "cap_", "cap_cap_bpf", "netadmin", "64", "bpf " };
	uint32_t number = 77;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(capability_find(names[i], &number), -ENOENT);
	assert_int_equal(number, 77);
}

static void the_nearest_name_is_hinted_at(void **state)
{
	char hint[64];

	assert_string_equal(capability_hint("net_amdin", hint, sizeof(hint)),
			    " (did you mean \"net_admin\"?)");
	assert_string_equal(capability_hint("CAP_PERFMOM", hint, sizeof(hint)),
			    " (did you mean \"perfmon\"?)");
	assert_string_equal(capability_hint("wholly different", hint, sizeof(hint)), "");
}

static void a_set_is_printed_by_its_names(void **state)
{
	char text[CAPABILITY_TEXT_BYTES];

	assert_string_equal(capabilities_print(0, text), "none");
	assert_string_equal(capabilities_print(network, text), "net_admin");
	assert_string_equal(capabilities_print(CAPABILITY(CAP_KILL) | network, text),
			    "kill, net_admin");
	assert_true(strlen(capabilities_print(UINT64_MAX, text)) < sizeof(text));
	assert_non_null(strstr(text, "chown, dac_override"));
	assert_non_null(strstr(text, "63"));
}

static void what_is_lacking_is_what_nothing_stands_in_for(void **state)
{
	assert_true(capabilities_lacking(bpf | network, bpf) == network);
	assert_true(capabilities_lacking(bpf | perfmon, admin) == 0);
	assert_true(capabilities_lacking(network, admin) == network);
	assert_true(capabilities_lacking(admin, bpf | perfmon) == admin);
	assert_true(capabilities_lacking(0, 0) == 0);
}

static void what_serves_is_no_more_than_what_is_needed(void **state)
{
	assert_true(capabilities_serving(bpf, bpf | perfmon | admin) == bpf);
	assert_true(capabilities_serving(bpf | perfmon, bpf | admin) == (bpf | admin));
	assert_true(capabilities_serving(bpf | perfmon, admin | network) == admin);
	assert_true(capabilities_serving(network, admin) == 0);
	assert_true(capabilities_serving(0, UINT64_MAX) == 0);
}

/* In a process of its own, as what is given up does not come back. */
static void a_thread_holds_what_it_is_told_and_never_more_again(void **state)
{
	uint64_t before = capabilities_permitted();
	uint64_t some = before & -before; /* the lowest, if there is any */
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		if (capabilities_hold(some) || capabilities_permitted() != some)
			_exit(1);
		if (capabilities_hold(0) || capabilities_permitted())
			_exit(2);
		_exit(capabilities_hold(CAPABILITY(CAP_KILL)) == -EPERM ? 0 : 3);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(capabilities_permitted() == before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_found_with_and_without_its_prefix_in_any_case),
		cmocka_unit_test(every_number_of_this_kernel_has_a_name_that_finds_it),
		cmocka_unit_test(what_is_no_name_is_not_found_and_leaves_the_number_alone),
		cmocka_unit_test(the_nearest_name_is_hinted_at),
		cmocka_unit_test(a_set_is_printed_by_its_names),
		cmocka_unit_test(what_is_lacking_is_what_nothing_stands_in_for),
		cmocka_unit_test(what_serves_is_no_more_than_what_is_needed),
		cmocka_unit_test(a_thread_holds_what_it_is_told_and_never_more_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
