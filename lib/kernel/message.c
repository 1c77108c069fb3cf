// SPDX-License-Identifier: Apache-2.0
/* Keeps libbpf's lines and explains refusals: which hook, which error, which capability. */
#include "message.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static __thread char captured[4096];
static __thread size_t captured_bytes;

static int message_keep(enum libbpf_print_level level, const char *format, va_list arguments)
{
	size_t room = sizeof(captured) - captured_bytes;
	int written;

	if (level == LIBBPF_DEBUG || room < 2)
		return 0;
	written = vsnprintf(captured + captured_bytes, room, format, arguments);
	if (written > 0)
		captured_bytes += (size_t)written < room ? (size_t)written : room - 1;
	return written;
}

void message_capture(void)
{
	captured_bytes = 0;
	captured[0] = 0;
	libbpf_set_print(message_keep);
}

int message_contains(const char *text)
{
	return strstr(captured, text) != NULL;
}

static uint64_t capabilities_effective(void)
{
	unsigned long long bits = 0;
	char line[256];
	FILE *file = fopen("/proc/thread-self/status", "re");

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "CapEff: %llx", &bits) == 1)
			break;
	fclose(file);
	return bits;
}

enum { BIT_DAC_READ_SEARCH = 2, BIT_SYS_ADMIN = 21, BIT_PERFMON = 38, BIT_BPF = 39 };

static void capabilities_missing(char *out, size_t out_bytes, const char *variant)
{
	uint64_t has = capabilities_effective();
	int full = has >> BIT_SYS_ADMIN & 1;
	int no_bpf = !full && !(has >> BIT_BPF & 1);
	int no_perfmon = !full && !(has >> BIT_PERFMON & 1);
	int no_files = !strcmp(variant, "tracepoint") && !(has >> BIT_DAC_READ_SEARCH & 1);

	snprintf(out, out_bytes, "%s%s%s%s%s", no_bpf ? "CAP_BPF" : "",
		 no_bpf && no_perfmon ? " and " : "", no_perfmon ? "CAP_PERFMON" : "",
		 no_files && (no_bpf || no_perfmon) ? " and " : "",
		 no_files ? "CAP_DAC_READ_SEARCH" : "");
}

int message_lacking(char *out, size_t out_bytes)
{
	char missing[64];

	capabilities_missing(missing, sizeof(missing), "");
	if (!missing[0])
		return 0;
	snprintf(out, out_bytes,
		 "%s missing: start sonde as root, or with the capabilities that "
		 "`sonde check` prints",
		 missing);
	return 1;
}

void message_explain(char *out, size_t out_bytes, const char *hook, const char *variant, int error)
{
	char missing[64];
	const char *why = strerror(-error);

	capabilities_missing(missing, sizeof(missing), variant);
	if ((error == -EPERM || error == -EACCES) && missing[0]) {
		snprintf(out, out_bytes, "%s by %s: refused for lack of %s", hook, variant,
			 missing);
		return;
	}
	if (error == -ENOENT && !strcmp(variant, "tracepoint") &&
	    access("/sys/kernel/tracing/events", F_OK) &&
	    access("/sys/kernel/debug/tracing/events", F_OK))
		why = "tracefs is not mounted at /sys/kernel/tracing";
	else if (error == -ESRCH || error == -ENOENT)
		why = "this kernel has no such hook";
	else if (message_contains("BTF is required") || message_contains("kernel BTF"))
		why = "this kernel carries no type information (BTF)";
	snprintf(out, out_bytes, "%s by %s: %s", hook, variant, why);
}
