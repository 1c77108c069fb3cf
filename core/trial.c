/* SPDX-License-Identifier: Apache-2.0 */
/* The command `test`: a config tried on recordings, and what came of it beside what is expected. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch.h"
#include "check.h"
#include "daemon.h"
#include "judge.h"
#include "rehearsal.h"
#include "script.h"
#include "stand_in.h"
#include "trial.h"

enum { ROWS_LIMIT = 1000000 };

/* What is shown of an output. */
struct shown {
	struct tap_view *view;
	struct json text;
	struct tap_counts counts;
	uint64_t left; /* rows that may still be shown */
};

struct trial {
	const struct trial_request *request;
	FILE *file, *messages;
	struct script *script;
	struct config *config;
	struct ledger *ledger;
	struct judge *judge;
	const char **outputs; /* their names */
	uint32_t output_count;
	struct shown *shown; /* by output; NULL: nothing is */
	struct rehearsal_input *inputs;
	uint64_t row_count; /* that came in */
};

int trial_limit(const char *text, uint64_t *ret_limit)
{
	char *end;
	unsigned long limit = strtoul(text, &end, 10);

	if (*end || *text < '0' || *text > '9' || !limit || limit > ROWS_LIMIT)
		return -EINVAL;
	*ret_limit = limit;
	return 0;
}

/* ---- files ------------------------------------------------------------------------------- */

static int print_problems(const struct trial *trial, struct problems *problems, int result)
{
	if (problems_count(problems, PROBLEM_ERROR) || problems_count(problems, PROBLEM_WARNING))
		problems_print(problems, trial->messages, trial->request->colour);
	if (result && result != -EINVAL)
		fprintf(trial->messages, "sonde: cannot read %s: %s\n", trial->request->path,
			strerror(-result));
	if (!result && problems_count(problems, PROBLEM_ERROR))
		result = -EINVAL;
	problems_release(problems);
	return result;
}

static int lack_memory(const struct trial *trial)
{
	fprintf(trial->messages, "sonde: %s: %s\n", trial->request->path, strerror(ENOMEM));
	return -ENOMEM;
}

/* Before the config is read, which may ask for them. */
static void set_environment(const struct script *script)
{
	for (uint32_t at = 0; at < script->environment.count; at++)
		(void)putenv((char *)script->environment.items[at]);
}

static void clear_environment(const struct script *script)
{
	for (uint32_t at = 0; at < script->environment.count; at++) {
		char *name = strdup(script->environment.items[at]);

		if (name) {
			name[strcspn(name, "=")] = '\0';
			(void)unsetenv(name);
		}
		free(name);
	}
}

static int load_script(struct trial *trial)
{
	struct problems *problems = problems_create();

	if (!problems)
		return lack_memory(trial);
	return print_problems(trial, problems,
			      script_load(trial->request->path, problems, &trial->script));
}

static int load_config(struct trial *trial, struct catalog *catalog)
{
	struct problems *problems;

	set_environment(trial->script);
	trial->config = config_open_middle(trial->script->config, catalog, trial->messages,
					   trial->request->colour);
	if (!trial->config)
		return -EINVAL;
	problems = problems_create();
	if (!problems)
		return lack_memory(trial);
	script_check(trial->script, trial->config, problems);
	return print_problems(trial, problems, 0);
}

/* ---- outputs ----------------------------------------------------------------------------- */

static int list_outputs(struct trial *trial)
{
	const struct config *config = trial->config;

	trial->outputs = calloc(config->instance_count + 1, sizeof(*trial->outputs));
	if (!trial->outputs)
		return lack_memory(trial);
	for (uint32_t at = 0; at < config->instance_count; at++)
		if (config->instances[at].kind == SONDE_OUTPUT && config->instances[at].routed)
			trial->outputs[trial->output_count++] = config->instances[at].name;
	return 0;
}

static int open_views(struct trial *trial)
{
	char error[512];
	int result = 0;

	if (!trial->request->shows)
		return 0;
	trial->shown = calloc(trial->output_count + 1, sizeof(*trial->shown));
	if (!trial->shown)
		return lack_memory(trial);
	for (uint32_t at = 0; at < trial->output_count && !result; at++) {
		trial->shown[at].left = trial->request->view.limit;
		result = tap_view_create(&trial->request->view, &trial->shown[at].view, error,
					 sizeof(error));
	}
	if (result)
		fprintf(trial->messages, "sonde: %s\n", error);
	return result;
}

/* On the output's thread. */
static void take(void *data, uint32_t output, struct sonde_batch *batch)
{
	struct trial *trial = data;
	struct shown *shown = trial->shown ? &trial->shown[output] : NULL;
	uint64_t before = shown ? shown->counts.shown : 0;

	judge_take(trial->judge, output, batch);
	if (!shown)
		return;
	(void)tap_view_write(shown->view, batch, shown->left, &shown->text, &shown->counts);
	shown->left -= shown->counts.shown - before;
}

static void print_shown(const struct trial *trial)
{
	for (uint32_t at = 0; trial->shown && at < trial->output_count; at++) {
		const struct shown *shown = &trial->shown[at];
		uint64_t count = judge_rows(trial->judge, at);

		fprintf(trial->file, "# %s: %llu rows\n", trial->outputs[at],
			(unsigned long long)count);
		fwrite(shown->text.data, 1, shown->text.length, trial->file);
		if (shown->counts.left_out)
			fprintf(trial->file, "# and %llu more\n",
				(unsigned long long)shown->counts.left_out);
	}
}

/* ---- the whole --------------------------------------------------------------------------- */

static int prepare(struct trial *trial, struct catalog *catalog)
{
	const struct script *script;
	int result = load_script(trial);

	if (!result)
		result = load_config(trial, catalog);
	if (!result)
		result = list_outputs(trial);
	if (!result)
		result = open_views(trial);
	if (result)
		return result;
	script = trial->script;
	if (!script->expectation_count && !trial->request->shows) {
		fprintf(trial->messages,
			"%s: expects nothing: add `expect`, or say --show to see what comes\n",
			script->path);
		return -EINVAL;
	}
	trial->judge = judge_create(script->expectations, script->expectation_count, trial->outputs,
				    trial->output_count, (uint32_t)trial->request->view.limit);
	trial->inputs = calloc(script->input_count + 1, sizeof(*trial->inputs));
	if (!trial->judge || !trial->inputs)
		return lack_memory(trial);
	for (uint32_t at = 0; at < script->input_count; at++)
		trial->inputs[at] = (struct rehearsal_input){ .name = script->inputs[at].name,
							      .paths = script->inputs[at].paths };
	result = ledger_open(NULL, &trial->ledger);
	if (!result)
		result = stand_ins_place(trial->config, &script->without, trial->outputs,
					 trial->output_count, take, trial);
	return result ? lack_memory(trial) : 0;
}

/* Returns an exit code. */
static int tell(const struct trial *trial)
{
	uint32_t count = trial->script->expectation_count;
	int64_t failed;

	print_shown(trial);
	failed = judge_tell(trial->judge, trial->ledger, trial->file);
	if (failed < 0) {
		(void)lack_memory(trial);
		return EXIT_CODE_FAILED;
	}
	fprintf(trial->file, "%s: ", trial->script->path);
	if (!count && !failed)
		fputs("nothing expected", trial->file);
	else if (!failed)
		fprintf(trial->file, "%u of %u expectations hold", count, count);
	else
		fprintf(trial->file, "FAILED, %lld of %u expectations do not hold",
			(long long)failed, count);
	fprintf(trial->file, " (%llu rows in", (unsigned long long)trial->row_count);
	for (uint32_t at = 0; at < trial->output_count; at++)
		fprintf(trial->file, "%s %llu to %s", at ? "," : ";",
			(unsigned long long)judge_rows(trial->judge, at), trial->outputs[at]);
	fputs(")\n", trial->file);
	return failed ? EXIT_CODE_FAILED : EXIT_CODE_OK;
}

/* Only what a plugin warns of is of interest. */
static void quiet_log(void)
{
	const struct log_settings settings = { .level = SONDE_WARNING, .target = LOG_TO_STDERR };

	log_configure(&settings);
}

static int rehearse_and_tell(struct trial *trial)
{
	int result;

	quiet_log();
	result = rehearse(trial->config, trial->inputs, trial->script->input_count, trial->ledger,
			  trial->messages, &trial->row_count);
	if (result == -ETIMEDOUT) { /* a thread is still at work: nothing can be freed */
		fflush(trial->file);
		fflush(trial->messages);
		_exit(EXIT_CODE_FAILED);
	}
	if (result && result != -EINVAL) {
		fprintf(trial->messages, "sonde: cannot try %s: %s\n", trial->config->path,
			strerror(-result));
		return EXIT_CODE_FAILED;
	}
	if (result)
		return EXIT_CODE_INPUT;
	ledger_book_open(trial->ledger, SONDE_LOST_SHUTDOWN);
	return tell(trial);
}

static void trial_close(struct trial *trial)
{
	for (uint32_t at = 0; trial->shown && at < trial->output_count; at++) {
		tap_view_release(trial->shown[at].view);
		json_release(&trial->shown[at].text);
	}
	free(trial->shown);
	judge_release(trial->judge);
	ledger_close(trial->ledger);
	if (trial->script)
		clear_environment(trial->script);
	config_release(trial->config);
	script_release(trial->script);
	free(trial->outputs);
	free(trial->inputs);
}

int trial_run(const struct trial_request *request, struct catalog *catalog, FILE *file,
	      FILE *messages)
{
	struct trial trial = { .request = request, .file = file, .messages = messages };
	int result = prepare(&trial, catalog), code = EXIT_CODE_INPUT;

	if (!result)
		code = rehearse_and_tell(&trial);
	else if (result == -ENOMEM)
		code = EXIT_CODE_FAILED;
	trial_close(&trial);
	return code;
}
