// SPDX-License-Identifier: Apache-2.0
/* What the daemon itself understands in a config, in the same tables that plugins use. */
#include "config.h"
#include "section.h"

const char *const section_names[] = {
	[SECTION_SONDE] = "sonde",           [SECTION_INPUTS] = "inputs",
	[SECTION_PROCESSORS] = "processors", [SECTION_OUTPUTS] = "outputs",
	[SECTION_PIPELINES] = "pipelines",   NULL,
};

static const char *const when_full_names[] = {
	[WHEN_FULL_DROP_OLDEST] = "drop_oldest",
	[WHEN_FULL_DROP_NEWEST] = "drop_newest",
	[WHEN_FULL_WAIT] = "wait",
	NULL,
};

static const char *const level_names[] = {
	[SONDE_ERROR] = "error",
	[SONDE_WARNING] = "warning",
	[SONDE_INFO] = "info",
	[SONDE_DEBUG] = "debug",
	NULL,
};

static const char *const log_format_names[] = { [LOG_TEXT] = "text", [LOG_JSON] = "json", NULL };

static const char *const log_target_names[] = {
	[LOG_TO_AUTO] = "auto",
	[LOG_TO_STDERR] = "stderr",
	[LOG_TO_JOURNALD] = "journald",
	NULL,
};

const struct sonde_option daemon_options[] = {
	{ .name = "state",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct daemon_config, state),
	  .help = "directory of the ledger and all else that outlives a restart" },
	{ .name = "control",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct daemon_config, control),
	  .help = "path of the local control socket" },
	{ .name = "drain",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct daemon_config, drain_ns),
	  .value = "5s",
	  .help = "longest time for handing over what is queued when sonde ends" },
	{ .name = "slow",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct daemon_config, slow_ns),
	  .value = "1s",
	  .minimum = "1ms",
	  .help = "a plugin's call that takes longer is named in the log" },
	{ .name = "memory",
	  .type = SONDE_SIZE,
	  SONDE_MEMBER(struct daemon_config, memory_bytes),
	  .value = "0B",
	  .help = "bound of all memory of the daemon; 0B: a share of the machine's" },
	{ .name = "plugins",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct daemon_config, plugins),
	  .help = "directories to look for plugins in, before sonde's own" },
	{ .name = "resource",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct daemon_config, resource),
	  .help = "\"key=value\" attributes of everything that is sent" },
	{ .name = "log",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct daemon_config, log.level),
	  .value = "info",
	  .choices = level_names,
	  .help = "the least that is logged" },
	{ .name = "log_format",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct daemon_config, log.format),
	  .value = "text",
	  .choices = log_format_names,
	  .help = "how lines of the log on stderr are written" },
	{ .name = "log_to",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct daemon_config, log.target),
	  .value = "auto",
	  .choices = log_target_names,
	  .help = "where the log goes; auto: to journald where stderr leads there" },
	{ 0 }
};

const struct sonde_option privilege_options[] = {
	{ .name = "user",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct privilege_config, user),
	  .help = "whom root becomes" },
	{ .name = "group",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct privilege_config, group),
	  .help = "its group; else the user's own" },
	{ .name = "keep",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct privilege_config, keep),
	  .help = "capabilities to hold besides those that inputs need" },
	{ 0 }
};

const struct sonde_option instance_options[] = {
	{ .name = "plugin",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct instance_keys, plugin),
	  .required = true,
	  .help = "which plugin this is: its name, or the path of its file" },
	{ .name = "threads",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct instance_keys, threads),
	  .value = "0",
	  .maximum = "256",
	  .help = "replicas with a thread each; 0: one, on a thread that it shares" },
	{ 0 }
};

const struct sonde_option pipeline_options[] = {
	{ .name = "threads",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct pipeline_config, threads),
	  .value = "0",
	  .maximum = "256",
	  .help = "replicas with a thread each; 0: one, on a thread that it shares" },
	{ 0 }
};

const struct sonde_option route_options[] = {
	{ .name = "output",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct route_keys, output),
	  .required = true,
	  .help = "name of the output" },
	{ .name = "where",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct route_keys, where),
	  .help = "condition: only rows for which it is true go there" },
	{ 0 }
};

#define QUEUE_OPTIONS(memory_, when_full_)                                                         \
	{ .name = "memory",                                                                        \
	  .type = SONDE_SIZE,                                                                      \
	  SONDE_MEMBER(struct queue_config, memory_bytes),                                         \
	  .value = memory_,                                                                        \
	  .minimum = "4KiB",                                                                       \
	  .help = "bytes that queued batches may hold" },                                          \
		{ .name = "disk",                                                                  \
		  .type = SONDE_SIZE,                                                              \
		  SONDE_MEMBER(struct queue_config, disk_bytes),                                   \
		  .value = "0B",                                                                   \
		  .help = "bytes of a queue on disk, which outlives the daemon; 0B: none" },       \
		{ .name = "when_full",                                                             \
		  .type = SONDE_CHOICE,                                                            \
		  SONDE_MEMBER(struct queue_config, when_full),                                    \
		  .value = when_full_,                                                             \
		  .choices = when_full_names,                                                      \
		  .help = "what gives way when the queue is full" },                               \
		{ .name = "turn_down",                                                             \
		  .type = SONDE_BOOL,                                                              \
		  SONDE_MEMBER(struct queue_config, turn_down),                                    \
		  .value = "true",                                                                 \
		  .help = "while it is full, inputs that can be are turned down" },                \
	{                                                                                          \
		0                                                                                  \
	}

const struct sonde_option output_queue_options[] = { QUEUE_OPTIONS("64MiB", "drop_oldest") };
const struct sonde_option pipeline_queue_options[] = { QUEUE_OPTIONS("16MiB", "drop_newest") };

const struct sonde_option retry_options[] = {
	{ .name = "first",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct retry_config, first_ns),
	  .value = "1s",
	  .minimum = "1ms",
	  .help = "time before what failed is offered again" },
	{ .name = "longest",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct retry_config, longest_ns),
	  .value = "60s",
	  .minimum = "1ms",
	  .help = "the time doubles up to this" },
	{ .name = "give_up",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct retry_config, give_up_ns),
	  .value = "0s",
	  .help = "what is older is lost as \"expired\"; 0s: never" },
	{ 0 }
};

const struct section_part daemon_parts[] = { { .name = "privileges",
					       .help = "who the daemon becomes, and what it may do",
					       .options = privilege_options },
					     { 0 } };

const struct section_part output_parts[] = {
	{ .name = "queue",
	  .help = "a group: what waits for this output, in each pipeline that names it",
	  .options = output_queue_options },
	{ .name = "retry",
	  .help = "a group: when what failed is offered again",
	  .options = retry_options },
	{ 0 }
};

const struct section_part pipeline_parts[] = {
	{ .name = "from",
	  .help = "inputs, and pipelines whose rows it takes too",
	  .detail = "list of names · required" },
	{ .name = "through",
	  .help = "processors, in this order",
	  .detail = "list of names · default empty" },
	{ .name = "to",
	  .help = "outputs, by name or as groups",
	  .detail = "list of names and groups · required, unless another pipeline names this one "
		    "in `from`" },
	{ .name = "queue",
	  .help = "a group: what waits before the pipeline, for each that it takes from",
	  .options = pipeline_queue_options },
	{ 0 }
};

const struct section_part route_parts[] = {
	{ .name = "queue",
	  .help = "what waits for the output on this route alone",
	  .detail = "group · default as the output has it" },
	{ 0 }
};
