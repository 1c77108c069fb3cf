// SPDX-License-Identifier: Apache-2.0
/* A library that a plugin of the tests is linked with. */
int needed_value(void);

__attribute__((visibility("default"))) int needed_value(void)
{
	return 0;
}
