// SPDX-License-Identifier: Apache-2.0
/* Steps as the config says them: read, checked, and made ready to work. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "step.h"

enum { PATH_BYTES = 64, EXPLAINED_BYTES = 400 };

static const char *const action_names[ACTIONS] = { "set",  "rename",  "drop",   "hash",
						   "mask", "convert", "extract" };
static const char *const unit_names[] = { "s", "ms", "us", "ns", NULL };
static const int64_t units_ns[] = { 1000000000, 1000000, 1000, 1 };

static const struct {
	const char *name;
	uint32_t type;
} type_names[] = { { "text", SONDE_TEXT }, { "int", SONDE_I64 },   { "double", SONDE_DOUBLE },
		   { "bool", SONDE_BOOL }, { "time", SONDE_TIME }, { "duration", SONDE_DURATION },
		   { NULL, SONDE_NONE } };

#define AT(member_) SONDE_MEMBER(struct step_options, member_)

const struct sonde_option step_options[] = {
	{ .name = "set",
	  .type = SONDE_TEXT,
	  AT(set),
	  .help = "column that gets a value, which need not be there" },
	{ .name = "rename",
	  .type = SONDE_TEXT,
	  AT(rename),
	  .help = "column that gets another name" },
	{ .name = "drop", .type = SONDE_TEXTS, AT(drop), .help = "columns that are taken out" },
	{ .name = "hash",
	  .type = SONDE_TEXTS,
	  AT(hash),
	  .help = "columns whose values become keyed hashes" },
	{ .name = "mask",
	  .type = SONDE_TEXTS,
	  AT(mask),
	  .help = "columns in whose texts something is hidden; \"*\": all" },
	{ .name = "convert",
	  .type = SONDE_TEXT,
	  AT(convert),
	  .help = "column that becomes one of another type" },
	{ .name = "extract",
	  .type = SONDE_TEXT,
	  AT(extract),
	  .help = "column of whose texts columns are made" },
	{ .name = "value", .type = SONDE_TEXT, AT(value), .help = "set: an expression" },
	{ .name = "to",
	  .type = SONDE_TEXT,
	  AT(to),
	  .help = "rename: the new name; convert: text, int, double, bool, time or duration" },
	{ .name = "pattern",
	  .type = SONDE_TEXT,
	  AT(pattern),
	  .help = "mask: what is hidden; extract: what is looked for, its groups with names" },
	{ .name = "with",
	  .type = SONDE_TEXT,
	  AT(with),
	  .help = "mask: what stands in its place, $1 being what the first group matched; left "
		  "open: ***" },
	{ .name = "preset",
	  .type = SONDE_TEXTS,
	  AT(preset),
	  .help = "mask: what is hidden, by name: argv, headers, keys, urls, sql, email, cards, "
		  "ip" },
	{ .name = "types",
	  .type = SONDE_TEXTS,
	  AT(types),
	  .help = "extract: of groups that are no texts, \"status=int\"" },
	{ .name = "unit",
	  .type = SONDE_CHOICE,
	  AT(unit),
	  .value = "s",
	  .choices = unit_names,
	  .help = "convert: of plain numbers that are times or durations" },
	{ .name = "overwrite",
	  .type = SONDE_BOOL,
	  AT(overwrite),
	  .value = "false",
	  .help = "rename: takes the place of a column of that name" },
	{ .name = "where",
	  .type = SONDE_TEXT,
	  AT(where),
	  .help = "condition: rows for which it is not true stay as they are" },
	{ 0 },
};

/* ---- making ------------------------------------------------------------------------------ */

struct maker {
	struct sonde_instance *instance;
	const struct step_options *options;
	uint32_t index;
	step_problem *problem;
	struct step *step;
	bool wrong;
};

__attribute__((format(printf, 3, 4))) static void complain(struct maker *maker, const char *option,
							   const char *format, ...)
{
	char path[PATH_BYTES], message[EXPLAINED_BYTES];
	va_list arguments;

	maker->wrong = true;
	(void)snprintf(path, sizeof(path), "steps[%u]%s%s", maker->index, option ? "." : "",
		       option ? option : "");
	va_start(arguments, format);
	(void)vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	maker->problem(maker->instance, path, message);
}

static bool is_given(const char *text)
{
	return text && *text;
}

static void read_name(struct maker *maker, const char *option, const char *text,
		      struct expression_name *ret_name)
{
	struct expression_error error;
	char explained[EXPLAINED_BYTES];

	if (expression_parse_name(text, ret_name, &error) < 0)
		complain(maker, option, "\"%.80s\", %s", text,
			 expression_explain(&error, explained, sizeof(explained)));
}

static int read_names(struct maker *maker, const char *option, const char *const *texts,
		      uint32_t count)
{
	struct step *step = maker->step;

	if (count > STEP_COLUMNS) {
		complain(maker, option, "names more than %d columns", STEP_COLUMNS);
		return 0;
	}
	step->names = calloc(count + 1, sizeof(*step->names));
	step->recodes = calloc(count + 1, sizeof(*step->recodes));
	if (!step->names || !step->recodes)
		return -ENOMEM;
	step->recode_count = count;
	step->every = step->action == ACTION_MASK && count == 1 && !strcmp(texts[0], "*");
	if (step->every)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		read_name(maker, option, texts[i], &step->names[i]);
	step->name_count = count;
	return 0;
}

static void read_expression(struct maker *maker, const char *option, const char *text, bool value,
			    struct worker *worker)
{
	struct expression_error error;
	char explained[EXPLAINED_BYTES];
	int result;

	if (!is_given(text))
		return;
	result = value ? expression_parse_value(text, &worker->expression, &error)
		       : expression_parse(text, &worker->expression, &error);
	if (result < 0)
		complain(maker, option, "%s",
			 expression_explain(&error, explained, sizeof(explained)));
}

static uint32_t type_of(const char *name)
{
	uint32_t i = 0;

	while (type_names[i].name && strcmp(type_names[i].name, name) != 0)
		i++;
	return type_names[i].type;
}

static void need(struct maker *maker, const char *option, const char *text, const char *hint)
{
	if (!is_given(text))
		complain(maker, NULL, "%s needs a %s (%s)", action_names[maker->step->action],
			 option, hint);
}

/* What belongs to another kind of step would be left out in silence. */
static void refuse_strangers(struct maker *maker)
{
	const struct step_options *options = maker->options;
	enum action action = maker->step->action;
	const struct {
		const char *name;
		bool given, fits;
	} all[] = {
		{ "value", is_given(options->value), action == ACTION_SET },
		{ "to", is_given(options->to),
		  action == ACTION_RENAME || action == ACTION_CONVERT },
		{ "pattern", is_given(options->pattern),
		  action == ACTION_MASK || action == ACTION_EXTRACT },
		{ "with", options->with != NULL, action == ACTION_MASK },
		{ "preset", options->preset.count > 0, action == ACTION_MASK },
		{ "types", options->types.count > 0, action == ACTION_EXTRACT },
		{ "unit", options->unit != 0, action == ACTION_CONVERT },
		{ "overwrite", options->overwrite, action == ACTION_RENAME },
		{ "where", is_given(options->where),
		  action != ACTION_RENAME && action != ACTION_CONVERT },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i].given && !all[i].fits)
			complain(maker, all[i].name, "does not go with %s", action_names[action]);
	}
}

/* ---- by action --------------------------------------------------------------------------- */

static void make_rename(struct maker *maker)
{
	const char *to = maker->options->to;

	need(maker, "to", to, "try to = \"url.full\";");
	if (is_given(to))
		read_name(maker, "to", to, &maker->step->target);
	if (maker->step->target.by_role)
		complain(maker, "to", "is a new name: roles stay what they are");
}

static void make_convert(struct maker *maker)
{
	const char *to = maker->options->to;

	need(maker, "to", to, "try to = \"int\";");
	maker->step->type = is_given(to) ? type_of(to) : SONDE_NONE;
	maker->step->unit_ns = units_ns[maker->options->unit];
	if (is_given(to) && !maker->step->type)
		complain(maker, "to",
			 "\"%.40s\" is no type (text, int, double, bool, time, duration)", to);
}

static int make_mask(struct maker *maker)
{
	const struct step_options *options = maker->options;
	struct masks *masks = maker->step->masks = masks_create();
	char error[EXPLAINED_BYTES];
	bool template = false;
	int result = masks ? 0 : -ENOMEM;

	if (!is_given(options->pattern) && !options->preset.count)
		complain(maker, NULL, "mask needs a pattern or a preset (try preset = \"argv\";)");
	if (options->with && !is_given(options->pattern))
		complain(maker, "with", "goes with a pattern; a preset has its own");
	for (uint32_t i = 0; i < options->preset.count && result >= 0; i++) {
		result = masks_add_preset(masks, options->preset.items[i]);
		if (result == -ENOENT) {
			complain(maker, "preset",
				 "there is no \"%.40s\" (argv, headers, keys, urls, sql, email, "
				 "cards, ip)",
				 options->preset.items[i]);
			result = 0;
		}
		if (result == -EINVAL)
			complain(maker, "preset", "there are too many of them");
	}
	if (result >= 0 && is_given(options->pattern)) {
		result = masks_add(masks, options->pattern, options->with ? options->with : "***",
				   &template, error, sizeof(error));
		if (result == -EINVAL)
			complain(maker, template ? "with" : "pattern", "%s", error);
	}
	return result == -EINVAL ? 0 : result;
}

static void read_type(struct maker *maker, const char *text)
{
	struct step *step = maker->step;
	const char *equal = strchr(text, '=');
	uint32_t type = equal ? type_of(equal + 1) : SONDE_NONE;

	if (!type) {
		complain(maker, "types",
			 "\"%.60s\" is not GROUP=TYPE (text, int, double, bool, time, duration)",
			 text);
		return;
	}
	for (uint32_t i = 0; i < step->extracted_count; i++) {
		struct extracted *extracted = &step->extracted[i];

		if (strlen(extracted->name) == (size_t)(equal - text) &&
		    !strncmp(extracted->name, text, (size_t)(equal - text))) {
			extracted->type = type;
			return;
		}
	}
	complain(maker, "types", "the pattern has no group \"%.*s\"", (int)(equal - text), text);
}

/* A column of each group with a name. */
static int read_groups(struct maker *maker)
{
	struct step *step = maker->step;
	uint32_t count = pattern_group_count(step->pattern);

	step->scratch = pattern_scratch_create_groups(count);
	step->extracted = calloc(STEP_GROUPS, sizeof(*step->extracted));
	if (!step->scratch || !step->extracted)
		return -ENOMEM;
	for (uint32_t group = 1; group <= count; group++) {
		const char *name = pattern_group_name(step->pattern, group);
		struct extracted *extracted = &step->extracted[step->extracted_count];

		if (!*name)
			continue;
		if (step->extracted_count == STEP_GROUPS) {
			complain(maker, "pattern", "more than %d groups have names", STEP_GROUPS);
			return 0;
		}
		*extracted = (struct extracted){ .group = group, .type = SONDE_TEXT };
		(void)snprintf(extracted->name, sizeof(extracted->name), "%s", name);
		step->extracted_count++;
	}
	if (!step->extracted_count)
		complain(maker, "pattern",
			 "no group in it has a name (try \"status=(?<status>\\\\d+)\")");
	return 0;
}

static int make_extract(struct maker *maker)
{
	const char *pattern = maker->options->pattern;
	char error[EXPLAINED_BYTES];
	uint32_t offset = 0;
	int result;

	need(maker, "pattern", pattern, "try pattern = \"status=(?<status>\\\\d+)\";");
	if (!is_given(pattern))
		return 0;
	if (strlen(pattern) > EXPRESSION_PATTERN_BYTES) {
		complain(maker, "pattern", "has more than %d bytes", EXPRESSION_PATTERN_BYTES);
		return 0;
	}
	result = pattern_create_groups((struct sonde_text){ pattern, (uint32_t)strlen(pattern), 0 },
				       &maker->step->pattern, &offset, error, sizeof(error));
	if (result == -EINVAL) {
		complain(maker, "pattern", "at %u: %s", offset + 1, error);
		return 0;
	}
	if (result >= 0)
		result = read_groups(maker);
	for (uint32_t i = 0; result >= 0 && i < maker->options->types.count; i++)
		read_type(maker, maker->options->types.items[i]);
	return result;
}

static int make_action(struct maker *maker, bool has_key)
{
	switch (maker->step->action) {
	case ACTION_SET:
		need(maker, "value", maker->options->value, "try value = \"'gold'\";");
		read_expression(maker, "value", maker->options->value, true, &maker->step->value);
		return 0;
	case ACTION_RENAME:
		make_rename(maker);
		return 0;
	case ACTION_CONVERT:
		make_convert(maker);
		return 0;
	case ACTION_MASK:
		return make_mask(maker);
	case ACTION_EXTRACT:
		return make_extract(maker);
	case ACTION_HASH:
		if (!has_key)
			complain(maker, "hash",
				 "needs a hash_key beside steps (try hash_key = "
				 "\"${file:/etc/sonde/hash.key}\";)");
		return 0;
	default:
		return 0;
	}
}

/* The one thing that a step does, and the columns that it does it to. */
static int read_action(struct maker *maker)
{
	const struct step_options *options = maker->options;
	const struct {
		const char *const *texts;
		uint32_t count;
	} named[ACTIONS] = {
		[ACTION_SET] = { &options->set, is_given(options->set) },
		[ACTION_RENAME] = { &options->rename, is_given(options->rename) },
		[ACTION_DROP] = { options->drop.items, options->drop.count },
		[ACTION_HASH] = { options->hash.items, options->hash.count },
		[ACTION_MASK] = { options->mask.items, options->mask.count },
		[ACTION_CONVERT] = { &options->convert, is_given(options->convert) },
		[ACTION_EXTRACT] = { &options->extract, is_given(options->extract) },
	};
	uint32_t count = 0;

	for (uint32_t action = 0; action < ACTIONS; action++) {
		if (!named[action].count)
			continue;
		if (count++)
			complain(maker, action_names[action],
				 "a step does one thing, and this one has %s too",
				 action_names[maker->step->action]);
		else
			maker->step->action = action;
	}
	if (!count) {
		complain(maker, NULL,
			 "does nothing: set, rename, drop, hash, mask, convert or extract a "
			 "column");
		return 0;
	}
	return read_names(maker, action_names[maker->step->action],
			  named[maker->step->action].texts, named[maker->step->action].count);
}

int step_make(struct sonde_instance *instance, const struct step_options *options, uint32_t index,
	      bool has_key, step_problem *problem, struct step *ret_step)
{
	struct step step = { .number = index + 1, .overwrite = options->overwrite };
	struct maker maker = { .instance = instance,
			       .options = options,
			       .index = index,
			       .problem = problem,
			       .step = &step };
	int result = read_action(&maker);

	if (result >= 0 && !maker.wrong) {
		refuse_strangers(&maker);
		result = make_action(&maker, has_key);
		read_expression(&maker, "where", options->where, false, &step.where);
	}
	if (result < 0 || maker.wrong) {
		step_clear(instance, &step);
		return result < 0 ? result : -EINVAL;
	}
	*ret_step = step;
	return 0;
}

/* ---- working ----------------------------------------------------------------------------- */

/* A column of an expression that is of the wrong type, once for each place. */
static void worker_problem(void *data, const char *schema, const struct expression_error *error)
{
	char explained[EXPLAINED_BYTES];

	sonde_log(data, SONDE_WARNING, "in rows of %s, %s: it is null there", schema,
		  expression_explain(error, explained, sizeof(explained)));
}

static int worker_start(struct sonde_instance *instance, struct worker *worker)
{
	if (!worker->expression)
		return 0;
	worker->matcher = matcher_create(worker->expression, instance, worker_problem, instance);
	return worker->matcher ? 0 : -ENOMEM;
}

int step_start(struct sonde_instance *instance, struct step *step)
{
	int result = worker_start(instance, &step->where);

	return result < 0 ? result : worker_start(instance, &step->value);
}

static void worker_clear(struct worker *worker)
{
	matcher_release(worker->matcher);
	expression_release(worker->expression);
}

void step_clear(struct sonde_instance *instance, struct step *step)
{
	worker_clear(&step->where);
	worker_clear(&step->value);
	for (uint32_t i = 0; step->recodes && i < step->recode_count; i++)
		recode_clear(&step->recodes[i], instance);
	free(step->recodes);
	free(step->names);
	free(step->extracted);
	masks_release(step->masks);
	pattern_scratch_release(step->scratch);
	pattern_release(step->pattern);
	*step = (struct step){ 0 };
}

void step_misfit(struct passage *passage, struct step *step, const struct sonde_column *column,
		 const char *format, ...)
{
	char why[EXPLAINED_BYTES];
	va_list arguments;

	passage->counts->mismatched_batches++;
	if (step->warned)
		return;
	step->warned = true;
	va_start(arguments, format);
	(void)vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	sonde_log(passage->instance, SONDE_WARNING,
		  "step %u, %s: column \"%s\" in rows of %s stays as it is: %s", step->number,
		  action_names[step->action], column->name, passage->batch->schema, why);
}
