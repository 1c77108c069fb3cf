// SPDX-License-Identifier: Apache-2.0
/* Describes the rows of the input `self`. */
#include "rows.h"

/* Tables: clang-format would make a line of each member. */
/* clang-format off */

#define LEDGER(member_)   SONDE_MEMBER(struct ledger_row, member_)
#define HEALTH(member_)   SONDE_MEMBER(struct health_row, member_)
#define INSTANCE(member_) SONDE_MEMBER(struct instance_row, member_)
#define STATE(member_)    SONDE_MEMBER(struct state_row, member_)
#define QUEUE(member_)    SONDE_MEMBER(struct queue_row, member_)
#define LOG(member_)      SONDE_MEMBER(struct log_row, member_)
#define DECISION(member_) SONDE_MEMBER(struct decision_row, member_)

/* Who speaks, the same in all: this sonde as a service. */
#define HEAD_FIELDS(at_, time_) \
	{ .name = "time", .type = SONDE_TIME, at_(time_ns), .role = SONDE_ROLE_TIME, .help = time_ }, \
	{ .name = "service.name", .type = SONDE_TEXT, at_(service), .scope = SONDE_SCOPE_RESOURCE, \
	  .help = "\"sonde\"" }, \
	{ .name = "service.version", .type = SONDE_TEXT, at_(version), .scope = SONDE_SCOPE_RESOURCE, \
	  .help = "version of the daemon" }, \
	{ .name = "service.instance.id", .type = SONDE_TEXT, at_(host), .zero_is_null = true, \
	  .scope = SONDE_SCOPE_RESOURCE, \
	  .help = "id of this sonde, the same over all its runs" }

#define COMPONENT(at_, help_) \
	{ .name = "sonde.component.id", .type = SONDE_TEXT, at_(component), .zero_is_null = true, \
	  .help = help_ }

#define START_TIME(at_, help_) \
	{ .name = "start_time", .type = SONDE_TIME, at_(start_time_ns), .zero_is_null = true, \
	  .role = SONDE_ROLE_START_TIME, .help = help_ }

/* What only grows, and what goes up and down. */
#define SUM(name_, type_, member_, unit_, help_) \
	{ .name = name_, .type = type_, member_, .role = SONDE_ROLE_SUM, \
	  .temporality = SONDE_CUMULATIVE, .monotonic = true, .unit = unit_, .help = help_ }
#define GAUGE(name_, type_, member_, unit_, help_) \
	{ .name = name_, .type = type_, member_, .role = SONDE_ROLE_GAUGE, .unit = unit_, .help = help_ }

/* ---- ledger ------------------------------------------------------------------------------ */

#define LEDGER_HEAD(member_) LEDGER(head.member_)

static const struct sonde_field ledger_fields[] = {
	HEAD_FIELDS(LEDGER_HEAD, "when the account was read"),
	START_TIME(LEDGER, "since when it counts, over restarts; none: not known"),
	COMPONENT(LEDGER_HEAD, "the instance that counts; of a queue, who takes from it"),
	{ .name = "sonde.account.kind", .type = SONDE_TEXT, LEDGER(kind),
	  .help = "\"kernel\", \"input\", \"route\", \"processor\"" },
	{ .name = "sonde.account.name", .type = SONDE_TEXT, LEDGER(account),
	  .help = "as `status` has it: \"calls\", \"calls > main\", \"main / who\"" },
	{ .name = "sonde.outcome", .type = SONDE_TEXT, LEDGER(outcome), .zero_is_null = true,
	  .help = "\"in\", \"made\", \"out\", \"reduced\", \"lost\", \"repeated\"; none: in flight" },
	{ .name = "sonde.reason", .type = SONDE_TEXT, LEDGER(reason), .zero_is_null = true,
	  .help = "why they were reduced or lost" },
	[LEDGER_ROWS] =
	SUM("sonde.rows", SONDE_U64, LEDGER(rows), "{row}", "rows with that outcome"),
	[LEDGER_EVENTS] =
	SUM("sonde.events", SONDE_U64, LEDGER(events), "{event}", "origin events that they stand for"),
	[LEDGER_FLIGHT_ROWS] =
	GAUGE("sonde.in_flight.rows", SONDE_U64, LEDGER(flight_rows), "{row}",
	      "rows that are queued or held"),
	[LEDGER_FLIGHT_EVENTS] =
	GAUGE("sonde.in_flight.events", SONDE_U64, LEDGER(flight_events), "{event}",
	      "origin events that they stand for"),
	{ 0 }
};

/* ---- health ------------------------------------------------------------------------------ */

#define HEALTH_HEAD(member_) HEALTH(head.member_)

static const struct sonde_field health_fields[] = {
	HEAD_FIELDS(HEALTH_HEAD, "when it was read"),
	START_TIME(HEALTH, "when the process started"),
	GAUGE("process.uptime", SONDE_DOUBLE, HEALTH(uptime_s), "s", "since it started"),
	SUM("process.cpu.time", SONDE_DOUBLE, HEALTH(cpu_s), "s", "of the process, in user mode and kernel"),
	GAUGE("process.memory.usage", SONDE_U64, HEALTH(resident_bytes), "By",
	      "resident, shared pages included"),
	[HEALTH_MEMORY_LIMIT] =
	GAUGE("sonde.memory.limit", SONDE_U64, HEALTH(memory_limit_bytes), "By",
	      "bound of its private memory; none: there is no bound"),
	GAUGE("sonde.memory.room", SONDE_U64, HEALTH(room_bytes), "By", "of the bound, what rows may have"),
	GAUGE("sonde.memory.used", SONDE_U64, HEALTH(used_bytes), "By", "what rows and their texts have"),
	GAUGE("sonde.memory.idle", SONDE_U64, HEALTH(idle_bytes), "By", "blocks kept to be used again"),
	GAUGE("sonde.memory.peak", SONDE_U64, HEALTH(peak_bytes), "By", "most that both ever were"),
	GAUGE("sonde.memory.reserved", SONDE_U64, HEALTH(reserved_bytes), "By",
	      "promised to inputs that have not read yet"),
	GAUGE("sonde.memory.other", SONDE_U64, HEALTH(other_bytes), "By",
	      "private memory that is not for rows"),
	GAUGE("sonde.memory.kernel", SONDE_U64, HEALTH(kernel_bytes), "By",
	      "BPF maps and programs, as the kernel counts them"),
	SUM("sonde.memory.shed", SONDE_U64, HEALTH(shed_rows), "{row}",
	    "rows let go from queues for want of memory"),
	SUM("sonde.memory.refused", SONDE_U64, HEALTH(refused_count), "{allocation}",
	    "memory that the bound refused"),
	SUM("sonde.memory.failed", SONDE_U64, HEALTH(failed_count), "{allocation}",
	    "memory that the machine refused"),
	GAUGE("process.thread.count", SONDE_U32, HEALTH(thread_count), "{thread}", "threads"),
	GAUGE("sonde.thread.stuck", SONDE_DOUBLE, HEALTH(stuck_s), "s",
	      "longest that a thread has not come around, as seen once a second"),
	GAUGE("process.unix.file_descriptor.count", SONDE_U64, HEALTH(descriptor_count),
	      "{file_descriptor}", "open file descriptors"),
	GAUGE("sonde.file_descriptor.limit", SONDE_U64, HEALTH(descriptor_limit), "{file_descriptor}",
	      "how many there may be"),
	SUM("sonde.file_descriptor.refused", SONDE_U64, HEALTH(descriptor_refused_count), "{time}",
	    "how often there was none left"),
	SUM("sonde.log.written", SONDE_U64, HEALTH(log_written), "{line}", "lines of the log"),
	SUM("sonde.log.held_back", SONDE_U64, HEALTH(log_held), "{line}", "lines held back as repeats"),
	SUM("sonde.log.lost", SONDE_U64, HEALTH(log_lost), "{line}", "lines that nobody read in time"),
	GAUGE("sonde.run", SONDE_U64, HEALTH(run), "{run}", "number of this run of the sonde"),
	{ 0 }
};

#define INSTANCE_HEAD(member_) INSTANCE(head.member_)

static const struct sonde_field instance_fields[] = {
	HEAD_FIELDS(INSTANCE_HEAD, "when it was read"),
	START_TIME(INSTANCE, "when the instance started first"),
	COMPONENT(INSTANCE_HEAD, "the instance"),
	{ .name = "sonde.component.kind", .type = SONDE_TEXT, INSTANCE(kind),
	  .help = "\"input\", \"processor\", \"output\"" },
	{ .name = "sonde.plugin", .type = SONDE_TEXT, INSTANCE(plugin), .help = "its plugin" },
	{ .name = "sonde.replica", .type = SONDE_U32, INSTANCE(replica), .help = "which of its replicas" },
	SUM("sonde.component.failures", SONDE_U64, INSTANCE(failure_count), "{failure}",
	    "calls that failed"),
	[INSTANCE_RETRIES] =
	SUM("sonde.component.retries", SONDE_U64, INSTANCE(retry_count), "{retry}",
	    "of outputs: times that it backed off"),
	GAUGE("sonde.component.busy", SONDE_DOUBLE, INSTANCE(busy_s), "s",
	      "how long a callback has held its thread, from about 1 s on"),
	{ 0 }
};

#define STATE_HEAD(member_) STATE(head.member_)

static const struct sonde_field state_fields[] = {
	HEAD_FIELDS(STATE_HEAD, "when it was read"),
	COMPONENT(STATE_HEAD, "the instance"),
	{ .name = "sonde.component.kind", .type = SONDE_TEXT, STATE(kind),
	  .help = "\"input\", \"processor\", \"output\"" },
	{ .name = "sonde.replica", .type = SONDE_U32, STATE(replica), .help = "which of its replicas" },
	{ .name = "sonde.state", .type = SONDE_TEXT, STATE(state),
	  .help = "\"running\", \"degraded\", \"waiting\", \"busy\", \"leaving\" …" },
	GAUGE("sonde.component.state", SONDE_U8, STATE(is_in_it), "1",
	      "1: it is in this state; 0: it was, since `self` started"),
	{ 0 }
};

#define QUEUE_HEAD(member_) QUEUE(head.member_)

static const struct sonde_field queue_fields[] = {
	HEAD_FIELDS(QUEUE_HEAD, "when it was read"),
	COMPONENT(QUEUE_HEAD, "who takes from it"),
	{ .name = "sonde.account.name", .type = SONDE_TEXT, QUEUE(account), .help = "\"calls > main\"" },
	GAUGE("sonde.queue.bytes", SONDE_U64, QUEUE(bytes), "By", "memory of what is queued"),
	GAUGE("sonde.queue.limit", SONDE_U64, QUEUE(limit_bytes), "By", "how much it may be"),
	GAUGE("sonde.queue.peak", SONDE_U64, QUEUE(peak_bytes), "By", "most that it ever was"),
	GAUGE("sonde.queue.rows", SONDE_U64, QUEUE(rows), "{row}", "rows that are queued"),
	{ 0 }
};

/* ---- log and decisions ------------------------------------------------------------------- */

#define LOG_HEAD(member_)      LOG(head.member_)
#define DECIDED(member_)       DECISION(log.member_)
#define DECISION_HEAD(member_) DECISION(log.head.member_)

#define LOG_FIELDS(at_) \
	{ .name = "severity", .type = SONDE_U8, at_(severity), .role = SONDE_ROLE_SEVERITY, \
	  .help = "17 error, 13 warning, 9 info, 5 debug" }, \
	{ .name = "severity_text", .type = SONDE_TEXT, at_(severity_text), \
	  .role = SONDE_ROLE_SEVERITY_TEXT, .help = "the same in a word" }, \
	{ .name = "body", .type = SONDE_TEXT, at_(body), .role = SONDE_ROLE_BODY, \
	  .help = "what was said, secrets masked" }, \
	{ .name = "sonde.run", .type = SONDE_U64, at_(run), .help = "number of the run" }, \
	{ .name = "sonde.record", .type = SONDE_U64, at_(number), \
	  .help = "number of the record in the run; one that is missing was missed" }

static const struct sonde_field log_fields[] = {
	HEAD_FIELDS(LOG_HEAD, "when it was said"),
	COMPONENT(LOG_HEAD, "the instance that it is about; none: the daemon"),
	LOG_FIELDS(LOG),
	{ 0 }
};

static const struct sonde_field decision_fields[] = {
	HEAD_FIELDS(DECISION_HEAD, "when it was decided"),
	COMPONENT(DECISION_HEAD, "the instance that it is about; none: the daemon"),
	LOG_FIELDS(DECIDED),
	{ .name = "event_name", .type = SONDE_TEXT, DECISION(event), .role = SONDE_ROLE_EVENT_NAME,
	  .help = "\"sonde.knob.set\", \"sonde.reload\" …" },
	{ .name = "sonde.actor", .type = SONDE_TEXT, DECISION(actor), .zero_is_null = true,
	  .help = "\"user\", \"reload\", \"timer\", \"signal\", \"daemon\", or the instance that decided" },
	{ .name = "sonde.knob", .type = SONDE_TEXT, DECISION(knob), .zero_is_null = true,
	  .help = "the knob that was set" },
	{ .name = "sonde.before", .type = SONDE_TEXT, DECISION(before), .zero_is_null = true,
	  .help = "value of the knob, or state of the instance, before" },
	{ .name = "sonde.after", .type = SONDE_TEXT, DECISION(after), .zero_is_null = true,
	  .help = "and after it" },
	{ .name = "sonde.duration", .type = SONDE_DURATION, DECISION(for_ns), .zero_is_null = true,
	  .unit = "ns", .help = "for how long; none: until something else is decided" },
	{ 0 }
};

const struct sonde_schema rows_schemas[] = {
	[SCHEMA_LEDGER] = { .name = "sonde.ledger", .row_size = sizeof(struct ledger_row),
			    .signal = SONDE_SIGNAL_LEDGER, .fields = ledger_fields,
			    .help = "the ledger: a row for each account, outcome and reason" },
	[SCHEMA_HEALTH] = { .name = "sonde.health", .row_size = sizeof(struct health_row),
			    .fields = health_fields, .help = "the daemon as a process" },
	[SCHEMA_INSTANCE] = { .name = "sonde.health.instance", .row_size = sizeof(struct instance_row),
			      .fields = instance_fields, .help = "what instances count of themselves" },
	[SCHEMA_STATE] = { .name = "sonde.health.state", .row_size = sizeof(struct state_row),
			   .fields = state_fields, .help = "states of instances" },
	[SCHEMA_QUEUE] = { .name = "sonde.health.queue", .row_size = sizeof(struct queue_row),
			   .fields = queue_fields, .help = "queues" },
	[SCHEMA_LOG] = { .name = "sonde.log", .row_size = sizeof(struct log_row),
			 .signal = SONDE_SIGNAL_LOG, .fields = log_fields,
			 .help = "lines of the daemon's log" },
	[SCHEMA_DECISION] = { .name = "sonde.decision", .row_size = sizeof(struct decision_row),
			      .signal = SONDE_SIGNAL_LOG, .fields = decision_fields,
			      .help = "what was decided: knobs, reloads, states" },
	{ 0 }
};
