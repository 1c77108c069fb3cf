// SPDX-License-Identifier: Apache-2.0
/* Files and calls that say what the host is. */
#include "machine.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static FILE *file_open(const char *root, const char *path)
{
	char full[PATH_MAX];
	int length = snprintf(full, sizeof(full), "%s/%s", root, path);

	return length < (int)sizeof(full) ? fopen(full, "re") : NULL;
}

/* The first line of a file, without white space at its ends; "" if there is none. */
static void line_read(const char *root, const char *path, char *line, size_t size)
{
	FILE *file = file_open(root, path);
	size_t length;

	line[0] = 0;
	if (!file)
		return;
	if (!fgets(line, (int)size, file))
		line[0] = 0;
	fclose(file);
	length = strlen(line);
	while (length && (line[length - 1] == '\n' || line[length - 1] == ' '))
		line[--length] = 0;
}

static const char *arch_of(const char *machine)
{
	static const char *const names[][2] = {
		{ "x86_64", "amd64" }, { "aarch64", "arm64" }, { "i686", "x86" },
		{ "i586", "x86" },     { "i386", "x86" },      { "armv7l", "arm32" },
		{ "armv6l", "arm32" }, { "ppc64le", "ppc64" }, { "ppc64", "ppc64" },
		{ "ppc", "ppc32" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(machine, names[i][0]) == 0)
			return names[i][1];
	return machine;
}

/* The value behind "NAME=" of a line of os-release, which may stand in quotes; some characters in
 * them have a backslash before them. */
static void value_read(const char *line, const char *name, char *value, size_t size)
{
	size_t length = strlen(name), done = 0;
	char quote = 0;

	if (strncmp(line, name, length) != 0 || line[length] != '=')
		return;
	line += length + 1;
	if (*line == '"' || *line == '\'')
		quote = *line++;
	for (; *line && *line != '\n' && *line != quote && done + 1 < size; line++) {
		if (*line == '\\' && quote == '"' && line[1] && line[1] != '\n')
			line++;
		value[done++] = *line;
	}
	value[done] = 0;
}

static void system_read(const char *root, struct machine *machine)
{
	static const char *const paths[] = { "etc/os-release", "usr/lib/os-release" };
	FILE *file = NULL;
	char line[1024];

	for (int i = 0; i < 2 && !file; i++)
		file = file_open(root, paths[i]);
	while (file && fgets(line, sizeof(line), file)) {
		value_read(line, "NAME", machine->os_name, sizeof(machine->os_name));
		value_read(line, "VERSION_ID", machine->os_version, sizeof(machine->os_version));
		value_read(line, "PRETTY_NAME", machine->os_description,
			   sizeof(machine->os_description));
	}
	if (file)
		fclose(file);
}

void machine_read(const char *root, struct machine *ret_machine)
{
	struct machine machine = { 0 };
	struct utsname names;

	if (uname(&names) == 0) {
		snprintf(machine.name, sizeof(machine.name), "%s", names.nodename);
		snprintf(machine.kernel, sizeof(machine.kernel), "%s", names.release);
		snprintf(machine.arch, sizeof(machine.arch), "%s", arch_of(names.machine));
	}
	line_read(root, "etc/machine-id", machine.id, sizeof(machine.id));
	if (!machine.id[0])
		line_read(root, "var/lib/dbus/machine-id", machine.id, sizeof(machine.id));
	if (strcmp(machine.id, "uninitialized") == 0)
		machine.id[0] = 0;
	system_read(root, &machine);
	*ret_machine = machine;
}

enum cloud machine_cloud(const char *root)
{
	char line[256];

	line_read(root, "sys/class/dmi/id/sys_vendor", line, sizeof(line));
	if (strcmp(line, "Amazon EC2") == 0)
		return CLOUD_AWS;
	line_read(root, "sys/class/dmi/id/bios_version", line, sizeof(line));
	if (strstr(line, "amazon")) /* the older ones, on Xen */
		return CLOUD_AWS;
	line_read(root, "sys/class/dmi/id/product_name", line, sizeof(line));
	if (strcmp(line, "Google Compute Engine") == 0)
		return CLOUD_GCP;
	line_read(root, "sys/class/dmi/id/chassis_asset_tag", line, sizeof(line));
	if (strcmp(line, "7783-7084-3265-9085-8269-3286-77") == 0)
		return CLOUD_AZURE;
	return CLOUD_NONE;
}
