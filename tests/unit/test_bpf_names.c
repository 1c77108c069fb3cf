// SPDX-License-Identifier: Apache-2.0
/* Programs, maps and what they are attached to, in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "names.h"

static char text[NAMES_BYTES];

static void types_have_the_names_that_bpftool_gives_them(void **state)
{
	(void)state;
	assert_string_equal(names_program_type(6, text), "xdp");
	assert_string_equal(names_program_type(26, text), "tracing");
	assert_string_equal(names_program_type(32, text), "netfilter");
	assert_string_equal(names_map_type(1, text), "hash");
	assert_string_equal(names_map_type(27, text), "ringbuf");
	assert_string_equal(names_map_type(32, text), "cgrp_storage");
}

static void a_type_that_is_newer_than_the_list_has_its_number(void **state)
{
	(void)state;
	assert_string_equal(names_program_type(4000000000u, text), "type 4000000000");
	assert_string_equal(names_map_type(99, text), "type 99");
	assert_false(names_is_type("type 99"));
}

static void types_are_known_by_name(void **state)
{
	(void)state;
	assert_true(names_is_type("xdp"));
	assert_true(names_is_type("lru_hash"));
	assert_false(names_is_type("XDP"));
	assert_false(names_is_type(""));
}

static void a_name_is_whole_only_where_it_was_cut(void **state)
{
	struct sonde_inventory_program cut = { .name = "a_name_that_is_",
					       .full_name = "a_name_that_is_long" };
	struct sonde_inventory_program other = { .name = "a_name_that_is_",
						 .full_name = "another_function" };
	struct sonde_inventory_program given = { .name = "short", .full_name = "short_function" };
	struct sonde_inventory_program bare = { .name = "a_name_that_is_" };

	(void)state;
	assert_string_equal(names_program(&cut), "a_name_that_is_long");
	assert_string_equal(names_program(&other), "a_name_that_is_");
	assert_string_equal(names_program(&given), "short");
	assert_string_equal(names_program(&bare), "a_name_that_is_");
}

static void a_target_is_what_the_link_says_else_what_it_was_loaded_for(void **state)
{
	struct sonde_inventory_program program = { .target = "tcp_connect" };
	struct sonde_inventory_program bare = { .id = 1 };
	struct sonde_inventory_link link = { .id = 1 };

	(void)state;
	assert_string_equal(names_target(&program, NULL, text), "tcp_connect");
	assert_string_equal(names_target(&program, &link, text), "tcp_connect");
	assert_string_equal(names_target(&bare, &link, text), "");
	link.namespace = 4026531840u;
	assert_string_equal(names_target(&bare, &link, text), "netns:4026531840");
	link.interface = 2;
	assert_string_equal(names_target(&bare, &link, text), "ifindex:2");
	link.cgroup_id = UINT64_MAX;
	assert_string_equal(names_target(&bare, &link, text), "cgroup:18446744073709551615");
	strcpy(link.target, "sched_switch");
	assert_string_equal(names_target(&program, &link, text), "sched_switch");
}

static void a_tag_is_sixteen_digits(void **state)
{
	static const uint8_t tag[8] = { 0, 1, 0x0f, 0xf0, 0xff, 0x80, 0x7f, 9 };

	(void)state;
	assert_string_equal(names_tag(tag, text), "00010ff0ff807f09");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_have_the_names_that_bpftool_gives_them),
		cmocka_unit_test(a_type_that_is_newer_than_the_list_has_its_number),
		cmocka_unit_test(types_are_known_by_name),
		cmocka_unit_test(a_name_is_whole_only_where_it_was_cut),
		cmocka_unit_test(a_target_is_what_the_link_says_else_what_it_was_loaded_for),
		cmocka_unit_test(a_tag_is_sixteen_digits),
	};

	return cmocka_run_group_tests_name("bpf_names", tests, NULL, NULL);
}
