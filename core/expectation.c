/* SPDX-License-Identifier: Apache-2.0 */
/* What a test expects of an output or of the ledger, as its file says it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expectation.h"
#include "fragment.h"

enum { ERROR_BYTES = 512, KEY_BYTES = 48, PATH_BYTES = 256 };

const struct sonde_option expectation_options[] = {
	{ .name = "output",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct expectation, output),
	  .help = "of which output's rows; may be left out where there is one" },
	{ .name = "where",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct expectation, where),
	  .help = "condition: only these rows are looked at" },
	{ .name = "every",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct expectation, every),
	  .help = "condition that holds for each of them" },
	{ .name = "sum",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct expectation, sum),
	  .help = "column whose sum `is` so much" },
	{ .name = "min",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct expectation, least),
	  .help = "column whose least value `is` so much" },
	{ .name = "max",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct expectation, most),
	  .help = "column whose greatest value `is` so much" },
	{ .name = "columns",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct expectation, columns),
	  .help = "columns of `table`" },
	{ .name = "in_order",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct expectation, in_order),
	  .value = "true",
	  .help = "whether rows come in the order of `table`" },
	{ .name = "absent",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct expectation, absent),
	  .help = "columns in which no row has a value" },
	{ .name = "ledger",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct expectation, ledger),
	  .help = "account, as `sonde status` names it; all together where it is left out" },
	{ 0 }
};

/* Besides the tallies of the ledger. */
static const struct section_part parts_of_output[] = {
	{ .name = "rows", .help = "how many they are" },
	{ .name = "others", .help = "how many rows of the output no other `where` takes" },
	{ .name = "is", .help = "how much the sum, least or greatest value is" },
	{ .name = "table", .help = "what the columns hold, a list a row" },
};

enum { PARTS_OF_OUTPUT = sizeof(parts_of_output) / sizeof(*parts_of_output) };

const char *tally_key(uint32_t tally, char *buffer, size_t size)
{
	static const char *const names[] = { "in", "made", "out", "reduced", "lost" };
	const char *name = tally < TALLY_REDUCED_BY ? names[tally]
			   : tally < TALLY_LOST_BY  ? reduction_name(tally - TALLY_REDUCED_BY)
						    : loss_name(tally - TALLY_LOST_BY);

	(void)snprintf(buffer, size, "%s", name);
	for (char *at = buffer; *at; at++)
		if (*at == ' ')
			*at = '_';
	return buffer;
}

/* ---- values ------------------------------------------------------------------------------ */

/* A single value as a text; NULL after a problem. */
static const char *scalar_text(struct setting_reader *reader, const config_setting_t *setting,
			       const char *path)
{
	char number[64];

	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		(void)snprintf(number, sizeof(number), "%lld",
			       (long long)config_setting_get_int64(setting));
		break;
	case CONFIG_TYPE_FLOAT:
		double_print(config_setting_get_float(setting), number);
		break;
	case CONFIG_TYPE_STRING:
		return setting_text(reader, setting, path);
	default:
		setting_complain(reader, setting_place(setting), path,
				 "is no number, and no text such as \">= 3\"");
		return NULL;
	}
	return setting_memory(reader, arena_copy(reader->arena, number));
}

static void amount_read(struct setting_reader *reader, const config_setting_t *group,
			const char *key, const char *group_path, struct amount *amount)
{
	const config_setting_t *setting = config_setting_get_member(group, key);
	char path[PATH_BYTES], error[ERROR_BYTES];
	const char *text;

	if (!setting || setting_is_unreadable(setting))
		return;
	(void)snprintf(path, sizeof(path), "%s.%s", group_path, key);
	text = scalar_text(reader, setting, path);
	amount->comparison = AMOUNT_EQUAL; /* something is expected, whatever is wrong with it */
	if (text && amount_parse(text, amount, error, sizeof(error)))
		setting_complain(reader, setting_place(setting), path, "%s", error);
}

static bool cell_read(struct setting_reader *reader, const config_setting_t *setting,
		      const char *path, struct cell *cell)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_BOOL:
		cell->kind = CELL_BOOLEAN;
		cell->boolean = config_setting_get_bool(setting);
		cell->text = cell->boolean ? "true" : "false";
		return true;
	case CONFIG_TYPE_LIST:
	case CONFIG_TYPE_ARRAY:
		if (config_setting_length(setting))
			break;
		cell->kind = CELL_NOTHING;
		cell->text = "()";
		return true;
	case CONFIG_TYPE_GROUP:
		break;
	default:
		cell->kind = config_setting_type(setting) == CONFIG_TYPE_STRING ? CELL_TEXT
										: CELL_NUMBER;
		cell->text = scalar_text(reader, setting, path);
		if (cell->text && cell->kind == CELL_NUMBER)
			cell->number = config_setting_type(setting) == CONFIG_TYPE_FLOAT
					       ? (long double)config_setting_get_float(setting)
					       : (long double)config_setting_get_int64(setting);
		return cell->text;
	}
	setting_complain(reader, setting_place(setting), path,
			 "is a list or a group where a value belongs: () is none");
	return false;
}

/* A list of rows, or a single row. */
static void table_read(struct setting_reader *reader, const config_setting_t *group,
		       const char *group_path, struct expectation *expectation)
{
	const config_setting_t *table = config_setting_get_member(group, "table");
	uint32_t columns = expectation->columns.count;
	char path[PATH_BYTES];
	int count;

	if (!table || setting_is_unreadable(table))
		return;
	(void)snprintf(path, sizeof(path), "%s.table", group_path);
	expectation->has_table = true;
	if (!config_setting_is_list(table)) {
		setting_complain(reader, setting_place(table), path,
				 "is no list of rows (try ( (\"a\", 1), (\"b\", 2) ))");
		return;
	}
	count = config_setting_length(table);
	if (count > EXPECTATION_ROWS_LIMIT) {
		setting_complain(reader, setting_place(table), path, "has more than %d rows",
				 EXPECTATION_ROWS_LIMIT);
		return;
	}
	if ((size_t)count * columns > FRAGMENT_BYTES_LIMIT) { /* no file has that many values */
		setting_complain(reader, setting_place(table), path,
				 "has fewer values than %d rows of %u `columns` have", count,
				 columns);
		return;
	}
	expectation->cells = setting_memory(
		reader, arena_zero(reader->arena,
				   ((size_t)count * columns + 1) * sizeof(*expectation->cells)));
	for (int row = 0; expectation->cells && columns && row < count; row++) {
		const config_setting_t *line = config_setting_get_elem(table, (unsigned)row);
		struct cell *cells = expectation->cells + (size_t)row * columns;

		(void)snprintf(path, sizeof(path), "%s.table[%d]", group_path, row);
		if ((!config_setting_is_list(line) && !config_setting_is_array(line)) ||
		    (uint32_t)config_setting_length(line) != columns) {
			setting_complain(reader, setting_place(line), path,
					 "is no list of %u values, one for each of `columns`",
					 columns);
			return;
		}
		for (uint32_t column = 0; column < columns; column++)
			if (!cell_read(reader, config_setting_get_elem(line, column), path,
				       &cells[column]))
				return;
		expectation->row_count++;
	}
}

/* ---- conditions and names ---------------------------------------------------------------- */

/* Where a key of the expectation stands. */
static struct place place_of(const struct setting_reader *reader,
			     const struct expectation *expectation, const char *path)
{
	const struct setting_given *given = setting_find(reader->given, path);

	return given ? given->place : expectation->place;
}

static struct expression *condition_parse(struct setting_reader *reader,
					  const struct expectation *expectation, const char *key,
					  const char *text)
{
	struct expression *condition = NULL;
	struct expression_error error;
	char explained[ERROR_BYTES], path[PATH_BYTES];

	if (!text)
		return NULL;
	(void)snprintf(path, sizeof(path), "%s.%s", expectation->path, key);
	if (expression_parse(text, &condition, &error))
		setting_complain(reader, place_of(reader, expectation, path), path, "%s",
				 expression_explain(&error, explained, sizeof(explained)));
	return condition;
}

static void name_parse(struct setting_reader *reader, const struct expectation *expectation,
		       const char *key, const char *text, struct expression_name *ret_name)
{
	struct expression_error error;
	char explained[ERROR_BYTES], path[PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s.%s", expectation->path, key);
	if (expression_parse_name(text, ret_name, &error))
		setting_complain(reader, place_of(reader, expectation, path), path, "%s",
				 expression_explain(&error, explained, sizeof(explained)));
}

static struct expression_name *names_parse(struct setting_reader *reader,
					   const struct expectation *expectation, const char *key,
					   const struct sonde_texts *texts)
{
	struct expression_name *names = setting_memory(
		reader, arena_zero(reader->arena, (texts->count + 1) * sizeof(*names)));

	for (uint32_t at = 0; names && at < texts->count; at++)
		name_parse(reader, expectation, key, texts->items[at], &names[at]);
	return names;
}

/* ---- the whole --------------------------------------------------------------------------- */

/* Keys that do not go together, or say nothing alone. */
static void expectation_check(struct setting_reader *reader, struct expectation *expectation)
{
	const struct expectation *e = expectation;
	uint32_t measures = !!e->sum + !!e->least + !!e->most;
	bool of_rows = e->rows.comparison || e->others.comparison || e->every || measures ||
		       e->has_table || e->absent.count;
	const char *wrong = NULL;

	expectation->of_ledger = e->ledger != NULL;
	for (uint32_t tally = 0; tally < TALLY_COUNT; tally++)
		expectation->of_ledger |= e->tallies[tally].comparison != AMOUNT_NONE;
	if (e->of_ledger && (of_rows || e->where || e->output))
		wrong = "tells of rows and of the ledger: make two of it";
	else if (e->of_ledger)
		wrong = NULL;
	else if (!of_rows)
		wrong = "expects nothing: say `rows`, `every`, `sum`, `table`, `others`, `absent` "
			"or `lost`";
	else if (measures > 1)
		wrong = "names several of `sum`, `min` and `max`: make an expectation of each";
	else if (measures && !e->is.comparison)
		wrong = "does not say what it `is`";
	else if (!measures && e->is.comparison)
		wrong = "does not say of what it `is`: name a column as `sum`, `min` or `max`";
	else if (e->has_table && !e->columns.count)
		wrong = "has a `table`, but does not say of which `columns`";
	else if (!e->has_table && e->columns.count)
		wrong = "names `columns`, but no `table` of what they hold";
	else if (e->others.comparison && e->where)
		wrong = "has `others` and `where`: others are those that no `where` takes";
	if (wrong)
		setting_complain(reader, e->place, e->path, "%s", wrong);
}

/* The keys that are read by hand. */
static struct section_part *parts_make(struct setting_reader *reader)
{
	struct section_part *parts = setting_memory(
		reader,
		arena_zero(reader->arena, (PARTS_OF_OUTPUT + TALLY_COUNT + 1) * sizeof(*parts)));
	char key[KEY_BYTES];
	uint32_t count = PARTS_OF_OUTPUT;

	if (!parts)
		return NULL;
	memcpy(parts, parts_of_output, sizeof(parts_of_output));
	for (uint32_t tally = 0; tally < TALLY_COUNT; tally++)
		if (strcmp(tally_key(tally, key, sizeof(key)), "other") != 0)
			parts[count++].name =
				setting_memory(reader, arena_copy(reader->arena, key));
	return parts;
}

static void expectation_read(struct setting_reader *reader, const config_setting_t *group,
			     const struct section_part *parts, struct expectation *expectation)
{
	struct setting_table tables[] = { { expectation_options, expectation }, { NULL, NULL } };
	const char *measured;
	char key[KEY_BYTES];

	expectation->in_order = true;
	settings_read(reader, group, expectation->path, tables, parts);
	amount_read(reader, group, "rows", expectation->path, &expectation->rows);
	amount_read(reader, group, "others", expectation->path, &expectation->others);
	amount_read(reader, group, "is", expectation->path, &expectation->is);
	for (uint32_t tally = 0; tally < TALLY_COUNT; tally++)
		if (strcmp(tally_key(tally, key, sizeof(key)), "other") != 0)
			amount_read(reader, group, key, expectation->path,
				    &expectation->tallies[tally]);
	table_read(reader, group, expectation->path, expectation);
	expectation->condition = condition_parse(reader, expectation, "where", expectation->where);
	expectation->every_condition =
		condition_parse(reader, expectation, "every", expectation->every);
	expectation->names = names_parse(reader, expectation, "columns", &expectation->columns);
	expectation->absent_names =
		names_parse(reader, expectation, "absent", &expectation->absent);
	measured = expectation->sum     ? expectation->sum
		   : expectation->least ? expectation->least
					: expectation->most;
	if (measured)
		name_parse(reader, expectation,
			   expectation->sum     ? "sum"
			   : expectation->least ? "min"
						: "max",
			   measured, &expectation->measured);
	expectation_check(reader, expectation);
}

void expectations_read(struct setting_reader *reader, const config_setting_t *list,
		       const char *path, struct expectation **ret_expectations, uint32_t *ret_count)
{
	bool single = config_setting_is_group(list);
	uint32_t count = single ? 1 : (uint32_t)config_setting_length(list);
	struct section_part *parts = parts_make(reader);
	struct expectation *expectations;

	*ret_count = 0;
	if (!single && !config_setting_is_list(list)) {
		setting_complain(reader, setting_place(list), path,
				 "is no list of groups ( { … }, { … } )");
		return;
	}
	expectations = setting_memory(
		reader, arena_zero(reader->arena, ((size_t)count + 1) * sizeof(*expectations)));
	if (!expectations || !parts)
		return;
	*ret_expectations = expectations;
	for (uint32_t at = 0; at < count; at++) {
		const config_setting_t *group = single ? list : config_setting_get_elem(list, at);
		struct expectation *expectation = &expectations[at];

		expectation->place = setting_place(group);
		expectation->path =
			setting_memory(reader, arena_format(reader->arena, "%s[%u]", path, at));
		*ret_count = at + 1;
		if (expectation->path && setting_is_group(reader, group, expectation->path))
			expectation_read(reader, group, parts, expectation);
	}
}

void expectations_release(struct expectation *expectations, uint32_t count)
{
	for (uint32_t at = 0; at < count; at++) {
		expression_release(expectations[at].condition);
		expression_release(expectations[at].every_condition);
	}
}
