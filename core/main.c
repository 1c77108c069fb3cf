/* SPDX-License-Identifier: Apache-2.0 */
/* The program: one command a function, each ending in an exit code. */
#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capability.h"
#include "check.h"
#include "clock.h"
#include "command.h"
#include "complete.h"
#include "control.h"
#include "daemon.h"
#include "follow.h"
#include "host.h"
#include "log.h"
#include "manual.h"
#include "privilege.h"
#include "state.h"
#include "trial.h"
#include "view.h"

/* What the options on the command line said. */
struct arguments {
	const char *socket, *state, *duration;
	const char *where, *columns, *limit, *rate, *format, *after, *interval;
	bool json, help, show;
	enum markup_form form;
	char *const *words;
	int count;
};

/* A word on what is wrong, and where more stands. */
static int usage_error(const char *message, const char *what)
{
	fprintf(stderr, "sonde: %s%s%s; see `sonde help`\n", message, what ? ": " : "",
		what ? what : "");
	return EXIT_CODE_INPUT;
}

static bool on_terminal(FILE *file)
{
	const char *no_color = getenv("NO_COLOR");

	return isatty(fileno(file)) && !(no_color && *no_color);
}

static uint32_t terminal_width(void)
{
	struct winsize size;

	return !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col ? size.ws_col : 80;
}

/* Plugins of the build tree lie beside the program; else those that were installed. */
static struct catalog *catalog_open(void)
{
	char beside[PATH_MAX] = "";
	const char *directories[3] = { 0 };
	struct catalog *catalog;
	struct stat status;
	ssize_t length = readlink("/proc/self/exe", beside, sizeof(beside) - 16);
	char *slash;
	int count = 0;

	beside[length > 0 ? length : 0] = '\0';
	slash = strrchr(beside, '/');
	if (slash) {
		strcpy(slash, "/plugins");
		if (!stat(beside, &status) && S_ISDIR(status.st_mode))
			directories[count++] = beside;
	}
	directories[count] = SONDE_PLUGIN_DIRECTORY;
	catalog = catalog_create(directories, host_services());
	if (!catalog)
		fprintf(stderr, "sonde: cannot look for plugins: %s\n", strerror(ENOMEM));
	return catalog;
}

static int with_config(const struct arguments *arguments,
		       int (*use)(struct config *, struct catalog *, const struct arguments *),
		       bool quiet)
{
	struct catalog *catalog;
	struct config *config;
	int code = EXIT_CODE_INPUT;

	if (arguments->count != 1)
		return usage_error("name one config, a file or a directory", NULL);
	catalog = catalog_open();
	if (!catalog)
		return EXIT_CODE_FAILED;
	config = config_open(arguments->words[0], catalog, stderr, on_terminal(stderr), quiet);
	if (config)
		code = use(config, catalog, arguments);
	config_release(config);
	catalog_release(catalog);
	return code;
}

static int use_run(struct config *config, struct catalog *catalog,
		   const struct arguments *arguments)
{
	int64_t for_ns = 0;
	int code;

	if (arguments->duration && (duration_parse(arguments->duration, &for_ns) || for_ns <= 0))
		return usage_error("not a duration such as 10s", arguments->duration);
	code = daemon_run(config, catalog, for_ns);
	log_close();
	return code;
}

static int command_run(const struct arguments *arguments)
{
	return with_config(arguments, use_run, true);
}

static int use_check(struct config *config, struct catalog *catalog,
		     const struct arguments *arguments)
{
	char start[CAPABILITY_TEXT_BYTES], running[CAPABILITY_TEXT_BYTES];

	(void)catalog;
	(void)arguments;
	printf("%s: no errors in %u instances and %u pipelines\n", config->path,
	       config->instance_count, config->pipeline_count);
	printf("capabilities to start: %s; while running: %s\n",
	       capabilities_print(privilege_needs_start(config), start),
	       capabilities_print(privilege_needs_running(config), running));
	return EXIT_CODE_OK;
}

static int command_check(const struct arguments *arguments)
{
	return with_config(arguments, use_check, false);
}

static int use_show(struct config *config, struct catalog *catalog,
		    const struct arguments *arguments)
{
	(void)catalog;
	(void)arguments;
	config_show(config, stdout);
	return EXIT_CODE_OK;
}

static int command_show(const struct arguments *arguments)
{
	return with_config(arguments, use_show, true);
}

static int list_plugin(const char *name, const char *path, void *data)
{
	static const char *const kinds[] = { "", "input", "processor", "output" };
	const struct plugin *plugin;
	char error[1024];

	if (catalog_find(data, path, 0, &plugin, error, sizeof(error)))
		printf("%-14s %-10s %s\n", name, "refused", error);
	else
		printf("%-14s %-10s %s\n", plugin->descriptor->name,
		       kinds[plugin->descriptor->kind],
		       plugin->descriptor->summary ? plugin->descriptor->summary : "");
	return 0;
}

static struct markup markup_open(const struct arguments *arguments)
{
	return manual_markup(stdout, arguments->form, on_terminal(stdout), (int)terminal_width());
}

/* The manual of each kind that has the name. */
static int show_plugins(struct catalog *catalog, const char *name, struct markup *markup)
{
	const struct plugin *plugin;
	uint32_t found = 0;
	char error[1024];

	for (uint32_t kind = SONDE_INPUT; kind <= SONDE_OUTPUT; kind++) {
		if (catalog_find(catalog, name, kind, &plugin, error, sizeof(error)))
			continue;
		manual_print(plugin, markup);
		found++;
	}
	if (found)
		return EXIT_CODE_OK;
	(void)catalog_find(catalog, name, 0, &plugin, error, sizeof(error));
	fprintf(stderr, "sonde: %s\n", error);
	return EXIT_CODE_INPUT;
}

static int command_plugins(const struct arguments *arguments)
{
	struct catalog *catalog;
	int code = EXIT_CODE_OK;

	if (arguments->count > 1)
		return usage_error("plugins takes one name", arguments->words[1]);
	if (!arguments->count && arguments->form != MARKUP_TERMINAL)
		return usage_error("--markdown and --man want the NAME of a plugin", NULL);
	catalog = catalog_open();
	if (!catalog)
		return EXIT_CODE_FAILED;
	if (!arguments->count) {
		catalog_walk(catalog, list_plugin, catalog);
	} else {
		struct markup markup = markup_open(arguments);

		code = show_plugins(catalog, arguments->words[0], &markup);
	}
	catalog_release(catalog);
	return code;
}

static int explain_unreachable(int error, const char *path)
{
	const char *why = strerror(-error);

	if (error == -ENOENT || error == -ECONNREFUSED)
		why = "no sonde is running there (start one, or name its --socket or --state)";
	else if (error == -EACCES)
		why = "it is for its owner's group only (use sudo)";
	else if (error == -EPROTO)
		why = "what answers there is not a sonde of this version, or it is too busy";
	fprintf(stderr, "sonde: %s: %s\n", path, why);
	return EXIT_CODE_UNREACHABLE;
}

static int ask_within(const struct arguments *arguments, const char *const *words, uint32_t count,
		      int64_t patience_ns)
{
	char path[PATH_MAX];
	uint16_t code;
	size_t length;
	char *reply;
	int result = control_path(arguments->socket, arguments->state, path, sizeof(path));

	if (!result)
		result =
			control_ask_within(path, words, count, patience_ns, &code, &reply, &length);
	if (result)
		return explain_unreachable(result, path);
	fwrite(reply, 1, length, code ? stderr : stdout);
	free(reply);
	return code;
}

static int ask(const struct arguments *arguments, const char *const *words, uint32_t count)
{
	return ask_within(arguments, words, count, 10ll * NS_PER_SECOND);
}

static int command_status(const struct arguments *arguments)
{
	char width[16];
	const char *words[] = { "status", arguments->json ? "json" : "text", width,
				on_terminal(stdout) ? "colour" : "plain" };

	if (arguments->count)
		return usage_error("status takes no words", arguments->words[0]);
	snprintf(width, sizeof(width), "%u", terminal_width());
	return ask(arguments, words, 4);
}

static int command_set(const struct arguments *arguments)
{
	const char *words[4] = { "set" };
	uint32_t count = 3;

	if (arguments->count != 2)
		return usage_error("set takes INSTANCE.KNOB and VALUE", NULL);
	words[1] = arguments->words[0];
	words[2] = arguments->words[1];
	if (arguments->duration)
		words[count++] = arguments->duration;
	return ask(arguments, words, count);
}

/* Appends "key=value" to the words, if there is a value. */
static void word_add(char *words[], uint32_t *count, const char *key, const char *value)
{
	if (value && asprintf(&words[*count], "%s=%s", key, value) >= 0)
		++*count;
}

static bool is_utf8(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

static const char *colours(void)
{
	const char *terminal = getenv("TERM"), *colour = getenv("COLORTERM");
	bool rich = (terminal && strstr(terminal, "256color")) || (colour && *colour);

	return !on_terminal(stdout) ? NULL : rich ? "rich" : "plain";
}

static int command_tap(const struct arguments *arguments)
{
	char path[PATH_MAX], width[16], *words[CONTROL_WORD_LIMIT];
	static char command[] = "tap";
	bool terminal = isatty(STDOUT_FILENO);
	uint32_t count = 2;
	uint16_t code = EXIT_CODE_OK;
	int result;

	if (arguments->count != 1)
		return usage_error("name one pipeline or input", NULL);
	words[0] = command;
	words[1] = arguments->words[0];
	snprintf(width, sizeof(width), "%u", terminal_width());
	word_add(words, &count, "where", arguments->where);
	word_add(words, &count, "columns", arguments->columns);
	word_add(words, &count, "limit", arguments->limit);
	word_add(words, &count, "rate", arguments->rate);
	word_add(words, &count, "after", arguments->after);
	word_add(words, &count, "format",
		 arguments->format ? arguments->format
		 : terminal        ? "table"
				   : "json");
	word_add(words, &count, "width", terminal ? width : NULL);
	word_add(words, &count, "colour", colours());
	word_add(words, &count, "ascii", is_utf8() ? NULL : "yes");
	result = control_path(arguments->socket, arguments->state, path, sizeof(path));
	if (!result)
		result = follow(path, (const char *const *)words, count, &code);
	while (count > 2)
		free(words[--count]);
	return result ? explain_unreachable(result, path) : code;
}

static int command_top(const struct arguments *arguments)
{
	int64_t interval_ns = NS_PER_SECOND;
	char path[PATH_MAX];
	int result;

	if (arguments->count)
		return usage_error("top takes no words", arguments->words[0]);
	if (arguments->interval &&
	    (duration_parse(arguments->interval, &interval_ns) || interval_ns < 100 * NS_PER_MS ||
	     interval_ns > 3600ll * NS_PER_SECOND))
		return usage_error("not a duration from 100ms to 1h", arguments->interval);
	result = control_path(arguments->socket, arguments->state, path, sizeof(path));
	if (!result)
		result = view_run(path, interval_ns, on_terminal(stdout));
	return result < 0 ? explain_unreachable(result, path) : result;
}

/* The first rows of each output, as `tap` would show them. */
static int trial_view(const struct arguments *arguments, struct tap_request *ret_view)
{
	const char *format = arguments->format       ? arguments->format
			     : isatty(STDOUT_FILENO) ? "table"
						     : "json";
	const char *colour = colours();

	*ret_view = (struct tap_request){ .columns = arguments->columns,
					  .limit = TRIAL_ROWS,
					  .width = isatty(STDOUT_FILENO) ? terminal_width() : 160,
					  .json = !strcmp(format, "json"),
					  .colour = colour,
					  .rich = colour && !strcmp(colour, "rich"),
					  .ascii = !is_utf8() };
	if (strcmp(format, "json") && strcmp(format, "table"))
		return usage_error("a format is `table` or `json`", format);
	if (arguments->limit && trial_limit(arguments->limit, &ret_view->limit))
		return usage_error("--limit is a number of rows from 1 to 1,000,000",
				   arguments->limit);
	return EXIT_CODE_OK;
}

/* The code of several tests is that of the worst of them. */
static int command_test(const struct arguments *arguments)
{
	struct trial_request request = { .shows = arguments->show, .colour = on_terminal(stderr) };
	struct catalog *catalog;
	int worst = trial_view(arguments, &request.view);

	if (worst)
		return worst;
	if (!arguments->count)
		return usage_error("name a test file", NULL);
	catalog = catalog_open();
	if (!catalog)
		return EXIT_CODE_FAILED;
	for (int at = 0; at < arguments->count; at++) {
		int code;

		request.path = arguments->words[at];
		code = trial_run(&request, catalog, stdout, stderr);
		worst = code > worst ? code : worst;
	}
	catalog_release(catalog);
	return worst;
}

/* Commands that are words to the daemon, as they are. */
static int command_reload(const struct arguments *arguments)
{
	const char *words[] = { "reload" };

	if (arguments->count)
		return usage_error("reload takes no words: the daemon knows its config",
				   arguments->words[0]);
	return ask_within(arguments, words, 1, 300ll * NS_PER_SECOND); /* it drains, and starts */
}

static int command_drop(const struct arguments *arguments)
{
	const char *words[] = { "drop", NULL };

	if (arguments->count != 1)
		return usage_error("drop takes the name of an output that leaves", NULL);
	words[1] = arguments->words[0];
	return ask(arguments, words, 2);
}

static int command_help(const struct arguments *arguments)
{
	const char *topic = arguments->count ? arguments->words[0] : NULL;
	const struct command *command = topic ? command_find(topic) : NULL;
	struct markup markup = markup_open(arguments);

	if (arguments->count > 1)
		return usage_error("help takes one topic", arguments->words[1]);
	if (command)
		command_manual(command, &markup);
	else if (topic && !strcmp(topic, "config"))
		manual_print_config(&markup);
	else if (topic)
		return usage_error("there is no help on", topic);
	else if (arguments->form == MARKUP_TERMINAL)
		commands_usage(stdout);
	else
		commands_manual(&markup);
	return EXIT_CODE_OK;
}

/* Not for people: what the completions of shells ask. */
static int print_completions(char *const *words, int count)
{
	struct catalog *catalog = catalog_open();

	if (!catalog)
		return EXIT_CODE_FAILED;
	complete_print(words, count, catalog, stdout);
	catalog_release(catalog);
	return EXIT_CODE_OK;
}

static void option_take(struct arguments *arguments, uint32_t bit, const char *argument)
{
	switch (bit) {
	case OPTION_FOR:
		arguments->duration = argument;
		break;
	case OPTION_JSON:
		arguments->json = true;
		break;
	case OPTION_SOCKET:
		arguments->socket = argument;
		break;
	case OPTION_STATE:
		arguments->state = argument;
		break;
	case OPTION_MARKDOWN:
		arguments->form = MARKUP_MARKDOWN;
		break;
	case OPTION_MAN:
		arguments->form = MARKUP_MAN;
		break;
	case OPTION_WHERE:
		arguments->where = argument;
		break;
	case OPTION_COLUMNS:
		arguments->columns = argument;
		break;
	case OPTION_LIMIT:
		arguments->limit = argument;
		break;
	case OPTION_RATE:
		arguments->rate = argument;
		break;
	case OPTION_FORMAT:
		arguments->format = argument;
		break;
	case OPTION_AFTER:
		arguments->after = argument;
		break;
	case OPTION_INTERVAL:
		arguments->interval = argument;
		break;
	case OPTION_SHOW:
		arguments->show = true;
		break;
	case OPTION_HELP:
		arguments->help = true;
	}
}

/* Takes the options that the command knows; words may stand before and behind them. */
static int parse_arguments(int argc, char **argv, const struct command *command,
			   struct arguments *arguments)
{
	struct option options[COMMAND_OPTION_COUNT + 1] = { 0 };
	int option, count = 0;

	for (uint32_t i = 0; i < COMMAND_OPTION_COUNT; i++)
		if (command_options[i].bit & (command->options | OPTION_HELP))
			options[count++] = (struct option){
				.name = command_options[i].name,
				.has_arg = command_options[i].argument ? required_argument
								       : no_argument,
				.val = (int)command_options[i].bit,
			};
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == '?') {
			fprintf(stderr, "usage: sonde %s %s\n", command->name, command->words);
			return -EINVAL;
		}
		option_take(arguments, option == 'h' ? OPTION_HELP : (uint32_t)option, optarg);
	}
	arguments->words = argv + optind;
	arguments->count = argc - optind;
	return 0;
}

static int unknown_command(const char *name)
{
	char hint[64], line[256];

	snprintf(line, sizeof(line), "%s%s", name, command_hint(name, hint, sizeof(hint)));
	return usage_error("no such command", line);
}

/* The function of each command in the table of core/command.c. */
static int run_command(const struct command *command, const struct arguments *arguments)
{
	static const struct {
		const char *name;
		int (*run)(const struct arguments *);
	} functions[] = {
		{ "run", command_run },       { "check", command_check },
		{ "show", command_show },     { "plugins", command_plugins },
		{ "status", command_status }, { "set", command_set },
		{ "reload", command_reload }, { "drop", command_drop },
		{ "tap", command_tap },       { "top", command_top },
		{ "test", command_test },     { "help", command_help },
	};
	struct markup markup = markup_open(arguments);

	if (arguments->help) {
		command_manual(command, &markup);
		return EXIT_CODE_OK;
	}
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
		if (!strcmp(command->name, functions[i].name))
			return functions[i].run(arguments);
	return unknown_command(command->name);
}

int main(int argc, char **argv)
{
	static char program[] = "sonde";
	struct arguments arguments = { 0 };
	const struct command *command;

	setlocale(LC_CTYPE, "");
	if (argc < 2) {
		commands_usage(stderr);
		return EXIT_CODE_INPUT;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("sonde %s, plugin interface %d.%d\n", SONDE_VERSION, SONDE_ABI_MAJOR,
		       SONDE_ABI_MINOR);
		return EXIT_CODE_OK;
	}
	if (!strcmp(argv[1], "complete"))
		return print_completions(argv + 2, argc - 2);
	command =
		command_find(strcmp(argv[1], "--help") && strcmp(argv[1], "-h") ? argv[1] : "help");
	if (!command)
		return unknown_command(argv[1]);
	argv[1] = program; /* how messages about options begin */
	if (parse_arguments(argc - 1, argv + 1, command, &arguments))
		return EXIT_CODE_INPUT;
	return run_command(command, &arguments);
}
