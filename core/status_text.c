/* SPDX-License-Identifier: Apache-2.0 */
/* Status for people: what runs, what flows, what is lost and whether the ledger closes. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "capability.h"
#include "clock.h"
#include "quantity.h"
#include "push.h"
#include "status.h"

enum {
	NAME_WIDTH_LEAST = 24,
	NUMBERS_WIDTH = 56, /* of the other columns of the ledger */
	KERNEL_WIDTH = sizeof(" (kernel)") - 1,
};

struct printer {
	FILE *file;
	uint32_t width, name_width;
	const char *bold, *dim, *red, *yellow, *green, *plain;
};

/* "12.3 k": three digits and a prefix; within 7 characters. */
static const char *short_number(double value, char buffer[16])
{
	static const char *const prefixes[] = { "", " k", " M", " G", " T", " P", " E" };
	uint32_t at = 0;

	while (value >= 999.5 && at < 6) {
		value /= 1000;
		at++;
	}
	if (at == 0 && value == (double)(uint64_t)value)
		snprintf(buffer, 16, "%.0f", value);
	else
		snprintf(buffer, 16, "%.*f%s",
			 value < 9.995   ? 2
			 : value < 99.95 ? 1
					 : 0,
			 value, prefixes[at]);
	return buffer;
}

static const char *short_bytes(uint64_t bytes, char buffer[16])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	uint32_t at = 0;

	while (value >= 1023.5 && at < 4) {
		value /= 1024;
		at++;
	}
	snprintf(buffer, 16, "%.*f %s", at && value < 99.95 ? 1 : 0, value, units[at]);
	return buffer;
}

static void print_privilege(const struct privilege *privilege, struct printer *p)
{
	char text[CAPABILITY_TEXT_BYTES];

	if (!privilege)
		return;
	if (privilege->dropped)
		fprintf(p->file, "%suser %s   capabilities %s%s\n", p->dim, privilege->user,
			capabilities_print(privilege->held, text), p->plain);
	else
		fprintf(p->file, "%suser %s   starting: privileges are not given up yet%s\n",
			p->yellow, privilege->user, p->plain);
}

/* How near the daemon is to its bounds, and in red what that has cost. */
static void print_bounds(const struct status *status, struct printer *p)
{
	const struct memory_snapshot *memory = &status->memory;
	const struct descriptors_snapshot *descriptors = &status->descriptors;
	char limit[16], rows[16], peak[16], rest[16];

	fprintf(p->file, "%smemory of %s: rows %s (%s at most so far), the rest %s%s", p->dim,
		memory->limit_bytes == SIZE_MAX ? "any size"
						: short_bytes(memory->limit_bytes, limit),
		short_bytes(memory->counted_bytes - status->idle_bytes, rows),
		short_bytes(memory->peak_bytes, peak), short_bytes(memory->other_bytes, rest),
		p->plain);
	if (memory->shed_rows)
		fprintf(p->file, "  %s%" PRIu64 " rows shed%s", p->red, memory->shed_rows,
			p->plain);
	if (memory->refused_count + memory->failed_count)
		fprintf(p->file, "  %srefused %" PRIu64 " times%s", p->red,
			memory->refused_count + memory->failed_count, p->plain);
	fprintf(p->file, "\n%sdescriptors %" PRIu64 " of %" PRIu64 "%s", p->dim, descriptors->used,
		descriptors->limit, p->plain);
	if (descriptors->refused_count)
		fprintf(p->file, "  %srefused %" PRIu64 " times%s", p->red,
			descriptors->refused_count, p->plain);
	fputs("\n\n", p->file);
}

static void print_head(const struct status *status, struct printer *p)
{
	char uptime[32], rss[16];

	fprintf(p->file, "%ssonde %s%s  pid %d  up %s  run %" PRIu64 "  memory %s  CPU %.2f %%\n",
		p->bold, SONDE_VERSION, p->plain, getpid(),
		duration_print((int64_t)status->uptime_s * 1000000000, uptime),
		ledger_epoch(status->sources->ledger), short_bytes(status->rss_bytes, rss),
		status->uptime_s > 0 ? 100 * status->cpu_s / status->uptime_s : 0.0);
	fprintf(p->file, "%sconfig %s   state %s%s\n", p->dim, status->sources->graph->config->path,
		status->sources->state_path, p->plain);
	print_privilege(status->sources->privilege, p);
	print_bounds(status, p);
}

/* Only where not every line of the log was written. */
static void print_log(const struct status *status, struct printer *p)
{
	char held[16], lost[16];

	if (!status->log.held && !status->log.lost)
		return;
	fprintf(p->file,
		"%slog: %s lines held back as repeats, %s lost since nobody read them%s\n\n",
		p->yellow, short_number((double)status->log.held, held),
		short_number((double)status->log.lost, lost), p->plain);
}

static void print_instances(const struct status *status, struct printer *p)
{
	fprintf(p->file, "%s%-18s %-10s %-12s %-9s %s%s\n", p->dim, "INSTANCE", "KIND", "PLUGIN",
		"STATE", "NOTES", p->plain);
	for (uint32_t i = 0; i < status->instance_count; i++) {
		const struct status_instance *at = &status->instances[i];
		bool well = !strcmp(at->state, "running");

		fprintf(p->file, "%-18s %-10s %-12s %s%-9s%s", at->instance->base.name, at->section,
			at->instance->plugin->descriptor->name, well ? p->green : p->red, at->state,
			p->plain);
		if (at->callback)
			fprintf(p->file, " in %s for %.0f s", at->callback, at->busy_s);
		if (at->problem)
			fprintf(p->file, " %s", at->problem);
		if (at->retry_count)
			fprintf(p->file, " %" PRIu64 " retries", at->retry_count);
		fputc('\n', p->file);
	}
	fputc('\n', p->file);
}

static struct tally tally_sum(const struct tally *tallies, uint32_t count)
{
	struct tally sum = { 0 };

	for (uint32_t i = 0; i < count; i++) {
		sum.rows += tallies[i].rows;
		sum.events += tallies[i].events;
	}
	return sum;
}

/* Rows of an account; the kernel's are events. */
static uint64_t count_of(const struct status_account *at, struct tally tally)
{
	return at->account->kind == ACCOUNT_KERNEL ? tally.events : tally.rows;
}

static void print_account(const struct status_account *at, struct printer *p)
{
	struct tally reduced = tally_sum(at->numbers.reduced, SONDE_REDUCTION_COUNT);
	struct tally lost = tally_sum(at->numbers.lost, SONDE_LOSS_COUNT);
	uint64_t lost_count = count_of(at, lost);
	char in[16], out[16], less[16], gone[16], waiting[16], rate[16];
	char name[LEDGER_NAME_BYTES + 16];

	snprintf(name, sizeof(name), "%s%s", at->numbers.name,
		 at->account->kind == ACCOUNT_KERNEL ? " (kernel)" : "");
	fprintf(p->file, "%-*.*s %7s %7s %7s %s%7s%s %7s %7s  %s%s%s\n", (int)p->name_width,
		(int)p->name_width, name,
		short_number(at->account->kind == ACCOUNT_KERNEL ? at->rate.events : at->rate.rows,
			     rate),
		short_number((double)count_of(at, at->numbers.in), in),
		short_number((double)count_of(at, at->numbers.out), out), lost_count ? p->red : "",
		short_number((double)lost_count, gone), p->plain,
		short_number((double)count_of(at, reduced), less),
		short_number((double)(at->queued.rows + at->held.rows), waiting),
		at->silent   ? p->yellow
		: at->closes ? p->green
			     : p->red,
		at->silent   ? "busy"
		: at->closes ? "yes"
			     : "NO",
		p->plain);
}

/* As wide as the longest name where there is room for it. */
static uint32_t name_width(const struct status *status, uint32_t width)
{
	uint32_t wanted = NAME_WIDTH_LEAST;

	for (uint32_t i = 0; i < status->account_count; i++) {
		const struct account *numbers = &status->accounts[i].numbers;
		uint32_t length = (uint32_t)strlen(numbers->name) +
				  (numbers->kind == ACCOUNT_KERNEL ? KERNEL_WIDTH : 0);

		if (status->accounts[i].known && length > wanted)
			wanted = length;
	}
	if (wanted + NUMBERS_WIDTH > width)
		wanted = width > NUMBERS_WIDTH ? width - NUMBERS_WIDTH : 0;
	return wanted > NAME_WIDTH_LEAST ? wanted : NAME_WIDTH_LEAST;
}

static void print_ledger(const struct status *status, struct printer *p)
{
	p->name_width = name_width(status, p->width);
	fprintf(p->file, "%s%-*s %7s %7s %7s %7s %7s %7s  %s%s\n", p->dim, (int)p->name_width,
		"LEDGER (rows)", "in/s", "in", "out", "lost", "reduced", "waiting", "closes",
		p->plain);
	for (uint32_t i = 0; i < status->account_count; i++) {
		if (status->accounts[i].known)
			print_account(&status->accounts[i], p);
	}
	fputc('\n', p->file);
}

static void print_reasons(const struct status *status, struct printer *p)
{
	bool any = false;

	for (uint32_t i = 0; i < status->account_count; i++) {
		const struct status_account *at = &status->accounts[i];

		for (uint32_t r = 0; r < SONDE_LOSS_COUNT && at->known; r++) {
			uint64_t count = count_of(at, at->numbers.lost[r]);

			if (!count)
				continue;
			if (!any)
				fprintf(p->file, "%sLOST%s\n", p->dim, p->plain);
			any = true;
			fprintf(p->file, "%s%12" PRIu64 "%s  %-12s at %s%s\n", p->red, count,
				p->plain, loss_name(r), at->numbers.name,
				at->account->kind == ACCOUNT_KERNEL ? " (kernel)" : "");
		}
	}
	if (any)
		fputc('\n', p->file);
}

static void print_queues(const struct status *status, struct printer *p)
{
	for (uint32_t i = 0; i < status->account_count; i++) {
		const struct status_account *at = &status->accounts[i];
		char used[16], limit[16], high[16];

		if (!at->known || at->account->kind != ACCOUNT_ROUTE)
			continue;
		if (at->disk_limit_bytes)
			fprintf(p->file, "queue %s: %s of %s on disk\n", at->numbers.name,
				short_bytes(at->disk_bytes, used),
				short_bytes(at->disk_limit_bytes, limit));
		if (at->high_bytes * 10 < at->limit_bytes)
			continue;
		fprintf(p->file, "queue %s: %s of %s, %s at most so far\n", at->numbers.name,
			short_bytes(at->bytes, used), short_bytes(at->limit_bytes, limit),
			short_bytes(at->high_bytes, high));
	}
}

/* What full queues have done to inputs. */
static void print_pressure(const struct status *status, struct printer *p)
{
	struct pressure_input input;
	char since[32];

	for (uint32_t i = 0;
	     status->sources->pressure && pressure_input(status->sources->pressure, i, &input); i++)
		fprintf(p->file,
			"%sturned down: %s to one row in %u, for %s%s: queue %s > %s is %.0f %% "
			"full\n",
			p->yellow, input.name, input.one_in,
			duration_print((clock_monotonic_ns() - input.since_ns) / NS_PER_SECOND *
					       NS_PER_SECOND,
				       since),
			p->plain, input.from, input.to, 100 * (input.share < 1 ? input.share : 1));
}

/* What a reload took out and what could not leave yet. */
static void print_leaving(const struct status *status, struct printer *p)
{
	for (uint32_t i = 0; i < status->account_count; i++) {
		const struct status_account *at = &status->accounts[i];
		const char *to = strstr(at->numbers.name, " > ");
		uint64_t rows = at->queued.rows + at->held.rows;

		if (!at->leaving || !to || !rows)
			continue;
		fprintf(p->file,
			"%sleaving: %" PRIu64 " rows of %s wait to be handed over%s "
			"(`sonde drop %s` gives them up)\n",
			p->yellow, rows, at->numbers.name, p->plain, to + 3);
	}
}

static void print_cell(const struct report_cell *cell, struct printer *p)
{
	char number[16];

	if (cell->text)
		fprintf(p->file, "  %s%s%s %s", p->dim, cell->column, p->plain, cell->text);
	else
		fprintf(p->file, "  %s%s%s %s%s%s", p->dim, cell->column, p->plain,
			short_number(cell->number, number), *cell->unit ? " " : "", cell->unit);
}

/* A line a row: "sys_enter  runs 12 k  cost 51 ns". */
static void print_report(const struct status_instance *at, struct printer *p)
{
	const char *table = NULL, *row = NULL;

	for (const struct report_cell *cell = at->report.first; cell; cell = cell->next) {
		bool new_table = !table || strcmp(table, cell->table);

		if (row && (new_table || strcmp(row, cell->row)))
			fputc('\n', p->file);
		if (new_table)
			fprintf(p->file, "%s%s of %s%s\n", p->bold, cell->table,
				at->instance->base.name, p->plain);
		if (new_table || strcmp(row, cell->row))
			fprintf(p->file, "  %-22s", cell->row);
		print_cell(cell, p);
		table = cell->table;
		row = cell->row;
	}
	if (row)
		fputs("\n\n", p->file);
}

struct taken_printer {
	const struct instance *instance;
	struct printer *p;
};

static void print_taken(void *context, const char *text)
{
	const struct taken_printer *t = context;

	fprintf(t->p->file, "%sdone at the source%s by %s: %s\n", t->p->green, t->p->plain,
		t->instance->base.name, text);
}

/* Who holds a knob, where that is not the user alone. */
static void print_holders(const struct knobs *knobs, const char *instance, const char *knob,
			  struct printer *p)
{
	struct knob_holder holder, other;
	char left[32];

	if (knob_holder(knobs, instance, knob, 0, &holder) && holder.user &&
	    !knob_holder(knobs, instance, knob, 1, &other))
		return;
	for (uint32_t i = 0; knob_holder(knobs, instance, knob, i, &holder); i++)
		fprintf(p->file, "  %s = %s for %s%s%s\n", holder.actor, holder.value,
			duration_print(holder.left_ns / 1000000000 * 1000000000, left),
			holder.user ? "" : ": ",
			*holder.reason ? holder.reason
			: holder.user  ? ""
				       : holder.name);
}

static void print_knobs(const struct status *status, const struct status_instance *at,
			struct printer *p)
{
	const struct sonde_option *option = at->instance->plugin->descriptor->options;
	char left[32];

	for (; option && option->name && !at->silent; option++) {
		int64_t left_ns = option->knob ? knob_left_ns(status->sources->knobs,
							      at->instance->base.name, option->name)
					       : 0;
		char value[128];

		if (left_ns <= 0)
			continue;
		option_print(option, at->instance->base.self, value, sizeof(value));
		fprintf(p->file, "%s%s.%s = %s%s falls back in %s\n", p->yellow,
			at->instance->base.name, option->name, value, p->plain,
			duration_print(left_ns / 1000000000 * 1000000000, left));
		print_holders(status->sources->knobs, at->instance->base.name, option->name, p);
	}
}

void status_print_text(const struct status *status, FILE *file, uint32_t width, bool colour)
{
	struct printer p = { .file = file,
			     .width = width,
			     .bold = "",
			     .dim = "",
			     .red = "",
			     .yellow = "",
			     .green = "",
			     .plain = "" };

	if (colour) {
		p.bold = "\033[1m";
		p.dim = "\033[2m";
		p.red = "\033[31m";
		p.yellow = "\033[33m";
		p.green = "\033[32m";
		p.plain = "\033[0m";
	}
	print_head(status, &p);
	print_log(status, &p);
	print_instances(status, &p);
	print_ledger(status, &p);
	print_reasons(status, &p);
	print_queues(status, &p);
	print_pressure(status, &p);
	print_leaving(status, &p);
	for (uint32_t i = 0; i < status->instance_count; i++)
		print_report(&status->instances[i], &p);
	for (uint32_t i = 0; i < status->instance_count; i++) {
		struct taken_printer taken = { status->instances[i].instance, &p };

		if (!taken.instance->base.replica) /* all are asked the same */
			push_taken(taken.instance, print_taken, &taken);
	}
	for (uint32_t i = 0; i < status->instance_count; i++)
		print_knobs(status, &status->instances[i], &p);
}
