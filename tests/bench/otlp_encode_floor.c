/* SPDX-License-Identifier: Apache-2.0 */
/* System calls as OTLP, written by hand from arrays whose columns, keys and lengths the code knows:
 * the least that encoding can cost. It goes forwards: the lengths of rows take two bytes and those
 * of what is around them five, whether they need them or not; attributes that are texts of a
 * dictionary lie ready. */
#include <string.h>

#include "otlp_encode_floor.h"

enum { ROW_LENGTH_BYTES = 2, LENGTH_BYTES = 5 };

const char *const call_names[CALL_NAMES] = {
	"read",       "write",      "openat",   "close",      "futex",        "epoll_wait",
	"recvfrom",   "sendto",     "newfstat", "mmap",       "munmap",       "mprotect",
	"ioctl",      "poll",       "lseek",    "brk",        "getpid",       "clock_nanosleep",
	"readlinkat", "getdents64", "statx",    "faccessat2", "execve",       "wait4",
	"clone3",     "exit_group", "pread64",  "pwrite64",   "rt_sigaction", "rt_sigprocmask",
	"connect",    "accept4",
};

const char *const call_commands[CALL_COMMANDS] = {
	"bash",    "sshd",    "nginx",    "postgres",    "redis-server", "python3", "node",
	"java",    "systemd", "dockerd",  "containerd",  "kubelet",      "envoy",   "etcd",
	"kworker", "cron",    "rsyslogd", "dbus-daemon", "git",          "make",    "cc1",
	"ld",      "as",      "ninja",    "meson",       "curl",         "tar",     "gzip",
	"grep",    "find",    "awk",      "sed",         "sort",         "cat",     "ls",
	"haproxy", "mysqld",  "php-fpm",  "prometheus",  "grafana",
};

const double call_bounds[CALL_BUCKETS - 1] = { 1e-6,  2e-6,  4e-6,   8e-6,   16e-6,
					       32e-6, 64e-6, 128e-6, 256e-6, 512e-6,
					       1e-3,  2e-3,  4e-3,   8e-3,   16e-3 };

/* An attribute up to its value, in a block that is copied whole. */
struct key {
	unsigned char bytes[32];
	uint32_t length;
	uint32_t rest; /* bytes of the pair without its value */
};

/* A whole attribute. */
struct pair {
	unsigned char bytes[60];
	uint32_t length;
};

static struct key log_process, log_thread, log_duration, log_result, log_cgroup;
static struct key span_process, span_thread, span_result;
static struct key point_cgroup, histogram_cgroup;
static struct pair log_names[CALL_NAMES], log_commands[CALL_COMMANDS];
static struct pair span_commands[CALL_COMMANDS];
static struct pair point_names[CALL_NAMES], point_commands[CALL_COMMANDS];
static struct pair histogram_names[CALL_NAMES], histogram_commands[CALL_COMMANDS];

/* ---- pieces ------------------------------------------------------------------------------ */

static inline unsigned char *put_varint(unsigned char *at, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*at++ = (unsigned char)(value | 0x80);
	*at++ = (unsigned char)value;
	return at;
}

static inline uint32_t varint_size(uint64_t value)
{
	return ((63 - (uint32_t)__builtin_clzll(value | 1)) * 9 + 73) / 64;
}

static inline unsigned char *put_fixed(unsigned char *at, unsigned char tag, uint64_t value)
{
	*at = tag;
	memcpy(at + 1, &value, sizeof(value));
	return at + 9;
}

static inline unsigned char *put_bytes(unsigned char *at, const void *bytes, size_t length)
{
	memcpy(at, bytes, length);
	return at + length;
}

static inline unsigned char *put_integer(unsigned char *at, const struct key *key, uint64_t value)
{
	uint32_t size = varint_size(value);

	memcpy(at, key->bytes, sizeof(key->bytes));
	at[1] = (unsigned char)(key->rest + size);
	at[key->length - 2] = (unsigned char)(1 + size);
	return put_varint(at + key->length, value);
}

static inline unsigned char *put_pair(unsigned char *at, const struct pair *pair)
{
	memcpy(at, pair->bytes, sizeof(pair->bytes));
	return at + pair->length;
}

static inline void end_row(unsigned char *length, const unsigned char *end)
{
	uint32_t bytes = (uint32_t)(end - length - ROW_LENGTH_BYTES);

	length[0] = (unsigned char)(bytes | 0x80);
	length[1] = (unsigned char)(bytes >> 7);
}

static void end_message(unsigned char *length, const unsigned char *end)
{
	uint64_t bytes = (uint64_t)(end - length - LENGTH_BYTES);

	for (int place = 0; place < LENGTH_BYTES - 1; place++)
		length[place] = (unsigned char)(bytes >> (7 * place) | 0x80);
	length[LENGTH_BYTES - 1] = (unsigned char)(bytes >> 28);
}

/* ---- what is the same in all rows -------------------------------------------------------- */

static struct key key_of(unsigned char tag, const char *name)
{
	struct key key = { .rest = (uint32_t)strlen(name) + 5 };
	unsigned char *at = key.bytes;

	*at++ = tag;
	at++;
	*at++ = 0x0a;
	*at++ = (unsigned char)strlen(name);
	at = put_bytes(at, name, strlen(name));
	*at++ = 0x12;
	at++;
	*at++ = 0x18;
	key.length = (uint32_t)(at - key.bytes);
	return key;
}

static struct pair pair_of(unsigned char tag, const char *name, const char *text)
{
	struct key key = key_of(tag, name);
	struct pair pair = { .length = key.length + 1 + (uint32_t)strlen(text) };

	memcpy(pair.bytes, key.bytes, key.length);
	pair.bytes[1] = (unsigned char)(pair.length - 2);
	pair.bytes[key.length - 2] = (unsigned char)(strlen(text) + 2);
	pair.bytes[key.length - 1] = 0x0a;
	pair.bytes[key.length] = (unsigned char)strlen(text);
	memcpy(pair.bytes + key.length + 1, text, strlen(text));
	return pair;
}

static void prepare_names(struct pair *pairs, unsigned char tag)
{
	for (uint32_t code = 0; code < CALL_NAMES; code++)
		pairs[code] = pair_of(tag, "syscall.name", call_names[code]);
}

static void prepare_commands(struct pair *pairs, unsigned char tag)
{
	for (uint32_t code = 0; code < CALL_COMMANDS; code++)
		pairs[code] = pair_of(tag, "process.command", call_commands[code]);
}

void floor_prepare(void)
{
	log_process = key_of(0x32, "process.pid");
	log_thread = key_of(0x32, "thread.id");
	log_duration = key_of(0x32, "syscall.duration");
	log_result = key_of(0x32, "syscall.return");
	log_cgroup = key_of(0x32, "cgroup.id");
	span_process = key_of(0x4a, "process.pid");
	span_thread = key_of(0x4a, "thread.id");
	span_result = key_of(0x4a, "syscall.return");
	point_cgroup = key_of(0x3a, "cgroup.id");
	histogram_cgroup = key_of(0x4a, "cgroup.id");
	prepare_names(log_names, 0x32);
	prepare_names(point_names, 0x3a);
	prepare_names(histogram_names, 0x4a);
	prepare_commands(log_commands, 0x32);
	prepare_commands(span_commands, 0x4a);
	prepare_commands(point_commands, 0x3a);
	prepare_commands(histogram_commands, 0x4a);
}

/* Opens request, resource and scope; where their lengths go is remembered. */
static unsigned char *open_scope(unsigned char *at, unsigned char **resource, unsigned char **scope)
{
	static const char resource_bytes[] =
		"\x0a\x19\x0a\x17\x0a\x0cservice.name\x12\x07\x0a\x05sonde";
	static const char scope_bytes[] = "\x0a\x09\x0a\x07syscall";

	*at++ = 0x0a;
	*resource = at;
	at = put_bytes(at + LENGTH_BYTES, resource_bytes, sizeof(resource_bytes) - 1);
	*at++ = 0x12;
	*scope = at;
	return put_bytes(at + LENGTH_BYTES, scope_bytes, sizeof(scope_bytes) - 1);
}

static size_t close_scope(const unsigned char *memory, const unsigned char *at,
			  unsigned char *resource, unsigned char *scope)
{
	end_message(scope, at);
	end_message(resource, at);
	return (size_t)(at - memory);
}

/* ---- requests ---------------------------------------------------------------------------- */

size_t floor_logs(unsigned char *memory, const struct calls *calls)
{
	unsigned char *resource, *scope, *at = open_scope(memory, &resource, &scope), *length;

	for (uint32_t row = 0; row < CALL_ROWS; row++) {
		*at++ = 0x12;
		length = at;
		at = put_fixed(at + ROW_LENGTH_BYTES, 0x09, calls->time_ns[row]);
		at = put_bytes(at, "\x10\x09\x2a\x09\x0a\x07syscall", 13);
		at = put_pair(at, &log_names[calls->name[row]]);
		at = put_integer(at, &log_process, calls->process[row]);
		at = put_integer(at, &log_thread, calls->thread[row]);
		at = put_pair(at, &log_commands[calls->command[row]]);
		at = put_integer(at, &log_duration, calls->duration_ns[row]);
		at = put_integer(at, &log_result, (uint64_t)calls->result[row]);
		at = put_integer(at, &log_cgroup, calls->cgroup[row]);
		at = put_fixed(at, 0x59, calls->time_ns[row] + calls->duration_ns[row]);
		end_row(length, at);
	}
	return close_scope(memory, at, resource, scope);
}

size_t floor_spans(unsigned char *memory, const struct calls *calls)
{
	unsigned char *resource, *scope, *at = open_scope(memory, &resource, &scope), *length;

	for (uint32_t row = 0; row < CALL_ROWS; row++) {
		const char *name = call_names[calls->name[row]];
		size_t name_length = strlen(name);

		*at++ = 0x12;
		length = at;
		at += ROW_LENGTH_BYTES;
		*at++ = 0x0a;
		*at++ = 16;
		at = put_bytes(at, calls->trace[row], 16);
		*at++ = 0x12;
		*at++ = 8;
		at = put_bytes(at, calls->span[row], 8);
		*at++ = 0x2a;
		*at++ = (unsigned char)name_length;
		at = put_bytes(at, name, name_length);
		*at++ = 0x30;
		*at++ = 1;
		at = put_fixed(at, 0x39, calls->time_ns[row]);
		at = put_fixed(at, 0x41, calls->time_ns[row] + calls->duration_ns[row]);
		at = put_integer(at, &span_process, calls->process[row]);
		at = put_integer(at, &span_thread, calls->thread[row]);
		at = put_pair(at, &span_commands[calls->command[row]]);
		at = put_integer(at, &span_result, (uint64_t)calls->result[row]);
		end_row(length, at);
	}
	return close_scope(memory, at, resource, scope);
}

/* Opens a metric in a scope. */
static unsigned char *open_metric(unsigned char *at, const char *name, const char *unit,
				  unsigned char tag, unsigned char **metric, unsigned char **data)
{
	*at++ = 0x12;
	*metric = at;
	at += LENGTH_BYTES;
	*at++ = 0x0a;
	*at++ = (unsigned char)strlen(name);
	at = put_bytes(at, name, strlen(name));
	*at++ = 0x1a;
	*at++ = (unsigned char)strlen(unit);
	at = put_bytes(at, unit, strlen(unit));
	*at++ = tag;
	*data = at;
	return at + LENGTH_BYTES;
}

size_t floor_points(unsigned char *memory, const struct calls *calls)
{
	unsigned char *resource, *scope, *metric, *data, *length;
	unsigned char *at = open_scope(memory, &resource, &scope);

	at = open_metric(at, "syscall.calls", "{call}", 0x3a, &metric, &data);
	for (uint32_t row = 0; row < CALL_ROWS; row++) {
		*at++ = 0x0a;
		length = at;
		at = put_fixed(at + ROW_LENGTH_BYTES, 0x11, calls->time_ns[0]);
		at = put_fixed(at, 0x19, calls->time_ns[CALL_ROWS - 1]);
		at = put_fixed(at, 0x31, calls->count[row]);
		at = put_pair(at, &point_names[calls->name[row]]);
		at = put_pair(at, &point_commands[calls->command[row]]);
		at = put_integer(at, &point_cgroup, calls->cgroup[row]);
		end_row(length, at);
	}
	at = put_bytes(at, "\x10\x01\x18\x01", 4);
	end_message(data, at);
	end_message(metric, at);
	return close_scope(memory, at, resource, scope);
}

size_t floor_histograms(unsigned char *memory, const struct calls *calls)
{
	unsigned char *resource, *scope, *metric, *data, *length;
	unsigned char *at = open_scope(memory, &resource, &scope);
	uint64_t sum;

	at = open_metric(at, "syscall.duration", "s", 0x4a, &metric, &data);
	for (uint32_t row = 0; row < CALL_ROWS; row++) {
		*at++ = 0x0a;
		length = at;
		at = put_fixed(at + ROW_LENGTH_BYTES, 0x11, calls->time_ns[0]);
		at = put_fixed(at, 0x19, calls->time_ns[CALL_ROWS - 1]);
		at = put_fixed(at, 0x21, calls->count[row]);
		memcpy(&sum, &calls->sum[row], sizeof(sum));
		at = put_fixed(at, 0x29, sum);
		at = put_bytes(at, "\x32\x80\x01", 3);
		at = put_bytes(at, calls->buckets[row], sizeof(calls->buckets[row]));
		at = put_bytes(at, "\x3a\x78", 2);
		at = put_bytes(at, call_bounds, sizeof(call_bounds));
		at = put_pair(at, &histogram_names[calls->name[row]]);
		at = put_pair(at, &histogram_commands[calls->command[row]]);
		at = put_integer(at, &histogram_cgroup, calls->cgroup[row]);
		end_row(length, at);
	}
	at = put_bytes(at, "\x10\x01", 2);
	end_message(data, at);
	end_message(metric, at);
	return close_scope(memory, at, resource, scope);
}
