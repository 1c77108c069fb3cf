// SPDX-License-Identifier: Apache-2.0
/* What may stand next on a command line: the one answer that all shells complete by. */
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "complete.h"
#include "control.h"
#include "state.h"

enum { DAEMON_TIME_LIMIT_S = 2, WORD_LENGTH = 512 };

/* A command line while it is looked through. */
struct completion {
	FILE *file;
	const char *word; /* to complete */
	const struct command *command;
	const struct command_option *option; /* whose argument the word is; NULL: none */
	uint32_t given;                      /* options that stand there already */
	const char *socket, *state;          /* what they say */
	const char *first;                   /* word of the command; NULL: that is to complete */
	int position;                        /* of the word among those of the command */
	struct catalog *catalog;
};

static void candidate_put(const struct completion *completion, const char *candidate,
			  const char *help)
{
	if (!strncmp(candidate, completion->word, strlen(completion->word)))
		fprintf(completion->file, "%s\t%s\n", candidate, help ? help : "");
}

/* ---- the line so far --------------------------------------------------------------------- */

static const struct command_option *option_of(const struct completion *completion, const char *word)
{
	for (uint32_t i = 0; i < COMMAND_OPTION_COUNT; i++)
		if (!strcmp(word, command_options[i].name) &&
		    (command_options[i].bit & (completion->command->options | OPTION_HELP)))
			return &command_options[i];
	return NULL;
}

static void argument_take(struct completion *completion, const char *word)
{
	if (completion->option->bit == OPTION_SOCKET)
		completion->socket = word;
	else if (completion->option->bit == OPTION_STATE)
		completion->state = word;
	completion->option = NULL;
}

/* A word that stands before the one to complete. bash hands `--state=x` over as three. */
static void word_take(struct completion *completion, const char *word)
{
	if (completion->option && strcmp(word, "=")) {
		argument_take(completion, word);
	} else if (!strncmp(word, "--", 2)) {
		completion->option = option_of(completion, word + 2);
		completion->given |= completion->option ? completion->option->bit : 0;
		if (completion->option && !completion->option->argument)
			completion->option = NULL;
	} else if (!completion->option) {
		if (!completion->position++)
			completion->first = word;
	}
}

/* ---- what a running daemon knows --------------------------------------------------------- */

static void time_is_over(int number)
{
	(void)number;
	_exit(0);
}

/* What it answers to `status` and that word, to be freed; NULL: it does not. */
static char *daemon_lines(const struct completion *completion, const char *what)
{
	const char *const words[] = { "status", what };
	char path[PATH_MAX], *reply = NULL;
	uint16_t code = 0;
	size_t length;

	if (control_path(completion->socket, completion->state, path, sizeof(path)))
		return NULL;
	signal(SIGALRM, time_is_over);
	alarm(DAEMON_TIME_LIMIT_S);
	if (control_ask(path, words, 2, &code, &reply, &length))
		return NULL;
	alarm(0);
	if (code) {
		free(reply);
		return NULL;
	}
	return reply;
}

/* Lines of a name and what is told of it. */
static void lines_complete(const struct completion *completion, const char *what)
{
	char *reply = daemon_lines(completion, what), *rest = reply, *line;

	while (rest && (line = strsep(&rest, "\n"))) {
		const char *name = strsep(&line, "\t");

		if (line)
			candidate_put(completion, name, line);
	}
	free(reply);
}

/* The values that there are, or the one that it has. */
static void values_complete(const struct completion *completion, char *choices, const char *now)
{
	char *choice;

	if (!*choices && *now)
		candidate_put(completion, now, "as it is");
	while ((choice = strsep(&choices, ",")))
		if (*choice)
			candidate_put(completion, choice, strcmp(choice, now) ? "" : "as it is");
}

static void knobs_complete(const struct completion *completion)
{
	char *reply = daemon_lines(completion, "knobs"), *rest = reply, *line;

	while (rest && (line = strsep(&rest, "\n"))) {
		const char *knob = strsep(&line, "\t"), *now = strsep(&line, "\t");
		char *choices = strsep(&line, "\t");
		char help[WORD_LENGTH];

		if (!line) /* an empty one, or not of this version */
			continue;
		snprintf(help, sizeof(help), "%s (%s)", line, now);
		if (!completion->position)
			candidate_put(completion, knob, help);
		else if (!strcmp(knob, completion->first))
			values_complete(completion, choices, now);
	}
	free(reply);
}

/* ---- candidates -------------------------------------------------------------------------- */

static void commands_complete(const struct completion *completion)
{
	for (const struct command *command = commands; command->name; command++)
		candidate_put(completion, command->name, command->summary);
}

static void argument_complete(const struct completion *completion)
{
	static const char *const durations[] = { "10s", "30s", "1m", "5m", "1h" };

	switch (completion->option->bit) {
	case OPTION_FOR:
		for (size_t i = 0; i < sizeof(durations) / sizeof(*durations); i++)
			candidate_put(completion, durations[i], "");
		break;
	case OPTION_INTERVAL:
		candidate_put(completion, "1s", "");
		candidate_put(completion, "5s", "");
		break;
	case OPTION_FORMAT:
		candidate_put(completion, "table", "rows in columns");
		candidate_put(completion, "json", "an object a row");
		break;
	case OPTION_AFTER:
		lines_complete(completion, "processors");
		break;
	case OPTION_WHERE:
	case OPTION_COLUMNS:
	case OPTION_LIMIT:
	case OPTION_RATE:
		break;
	case OPTION_STATE:
		fputs(":directories\n", completion->file);
		break;
	default:
		fputs(":files\n", completion->file);
	}
}

static void options_complete(const struct completion *completion)
{
	uint32_t options = (completion->command->options | OPTION_HELP) & ~completion->given;
	char word[WORD_LENGTH];

	for (uint32_t i = 0; i < COMMAND_OPTION_COUNT; i++) {
		if (!(options & command_options[i].bit))
			continue;
		snprintf(word, sizeof(word), "--%s", command_options[i].name);
		candidate_put(completion, word, command_options[i].help);
	}
}

static int plugin_complete(const char *name, const char *path, void *data)
{
	const struct completion *completion = data;
	const struct plugin *plugin;
	char error[WORD_LENGTH];

	if (strncmp(name, completion->word, strlen(completion->word)))
		return 0;
	if (catalog_find(completion->catalog, path, 0, &plugin, error, sizeof(error)))
		candidate_put(completion, name, "refused");
	else
		candidate_put(completion, name, plugin->descriptor->summary);
	return 0;
}

static void word_complete(struct completion *completion)
{
	enum command_words takes = completion->command->takes;

	if (takes == WORDS_KNOB && completion->position < 2)
		knobs_complete(completion);
	if (takes == WORDS_TEST) /* any number of them */
		fputs(":files\n", completion->file);
	if (completion->position)
		return;
	if (takes == WORDS_LEAVING)
		lines_complete(completion, "leaving");
	if (takes == WORDS_PLACE)
		lines_complete(completion, "places");
	if (takes == WORDS_CONFIG || (takes == WORDS_PLUGIN && strchr(completion->word, '/')))
		fputs(":files\n", completion->file);
	else if (takes == WORDS_PLUGIN)
		catalog_walk(completion->catalog, plugin_complete, completion);
	if (takes == WORDS_TOPIC) {
		commands_complete(completion);
		candidate_put(completion, "config", "the keys of a config");
	}
}

void complete_print(char *const *words, int count, struct catalog *catalog, FILE *file)
{
	struct completion completion = { .file = file, .catalog = catalog };

	if (!count)
		return;
	completion.word = words[count - 1];
	if (count == 1) {
		commands_complete(&completion);
		return;
	}
	completion.command = command_find(words[0]);
	if (!completion.command)
		return;
	for (int i = 1; i < count - 1; i++)
		word_take(&completion, words[i]);
	if (completion.option && !strcmp(completion.word, "="))
		completion.word = "";
	if (completion.option)
		argument_complete(&completion);
	else if (completion.word[0] == '-')
		options_complete(&completion);
	else
		word_complete(&completion);
}
