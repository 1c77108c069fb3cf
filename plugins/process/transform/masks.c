// SPDX-License-Identifier: Apache-2.0
/* What is hidden in texts: ready-made rules by name, and a pattern of one's own. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "masks.h"

enum { RULES_MAXIMUM = 64 };

#define VALUE "(?:\"[^\"]*+\"?|'[^']*+'?|\\S+)"
#define SECRET_WORD                                                                                \
	"(?:pass|passin|passout|passwd|password|passphrase|secret|token|credentials?|"             \
	"(?:api|access|secret|private|auth|encryption|signing|account)[-_.]?key)"

/* ---- judges of a match ------------------------------------------------------------------- */

static struct sonde_text matched(const struct pattern_search *search)
{
	uint32_t begin = 0, end = 0;

	(void)pattern_group(search, 0, &begin, &end);
	return (struct sonde_text){ search->text.data + begin, end - begin, 0 };
}

/* Numbers of cards end with a digit that makes a sum of all come out (Luhn). */
static bool is_card(const struct pattern_search *search)
{
	struct sonde_text text = matched(search);
	uint32_t sum = 0, count = 0, any = 0;

	for (uint32_t i = text.length; i-- > 0;) {
		uint32_t digit = (uint32_t)(text.data[i] - '0');

		if (digit > 9)
			continue;
		any |= digit;
		digit = count++ % 2 ? digit * 2 : digit;
		sum += digit > 9 ? digit - 9 : digit;
	}
	return any && count >= 13 && count <= 19 && sum % 10 == 0;
}

static bool is_ip6(const struct pattern_search *search)
{
	struct sonde_text text = matched(search);
	struct in6_addr address;
	char word[INET6_ADDRSTRLEN];

	if (text.length >= sizeof(word))
		return false;
	memcpy(word, text.data, text.length);
	word[text.length] = '\0';
	return inet_pton(AF_INET6, word, &address) == 1;
}

/* Names in quotes are stepped over with the literals, so that the quotes in one do not begin
 * another. */
static bool is_sql_literal(const struct pattern_search *search)
{
	return matched(search).data[0] != '"' && matched(search).data[0] != '`';
}

/* ---- ready-made -------------------------------------------------------------------------- */

struct rule_source {
	const char *preset, *pattern, *with;
	substitute_check *check;
};

const struct preset presets[] = {
	{ "argv", "command lines: passwords, tokens and keys in options and variables, with what "
		  "headers, keys and urls hide" },
	{ "headers", "Authorization, cookies and keys in headers of HTTP" },
	{ "keys", "keys and tokens that are known by their form: AWS, GitHub, GitLab, Slack, "
		  "Google, Stripe, JWT, private keys" },
	{ "urls", "passwords in URLs, and values of their parameters that are secret by name" },
	{ "sql", "literals in SQL: texts and numbers become ?" },
	{ "email", "addresses of e-mail" },
	{ "cards", "numbers of credit cards, told by their check digit" },
	{ "ip", "addresses of IPv4 and IPv6" },
	{ 0 },
};

/* Each is cheap at every place of a text: it begins with what is rare, or with what stands before a
 * word, and repeats without going back. */
static const struct rule_source sources[] = {
	{ "headers",
	  "(?i)((?:proxy-)?authorization[\"']?\\s*[:=]\\s*[\"']?(?:basic|bearer|token|negotiate|"
	  "apikey)\\s+)[^\\s\"',;]++",
	  "$1***", NULL },
	{ "headers",
	  "(?i)((?:proxy-)?authorization[\"']?\\s*[:=]\\s*+[\"']?+)(?!(?:basic|bearer|token|"
	  "negotiate|apikey)\\s)[^\\r\\n]++",
	  "$1***", NULL },
	{ "headers",
	  "(?i)((?<![a-z0-9])(?:x-api-key|api-key|apikey|x-auth-token|x-amz-security-token|"
	  "x-vault-token|private-token|x-csrf-token|x-xsrf-token)[\"']?\\s*[:=]\\s*[\"']?)"
	  "[^\\s\"',;]++",
	  "$1***", NULL },
	{ "headers", "(?i)((?<![a-z0-9])(?:set-)?cookie[\"']?\\s*[:=]\\s*[\"']?)[^\\r\\n\"']++",
	  "$1***", NULL },
	{ "headers", "(?i)(\\bbearer\\s+)[a-z0-9._~+/-]{16,}+=*+", "$1***", NULL },

	{ "keys", "\\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\\b", "***", NULL },
	{ "keys", "(?i)(aws_?(?:secret_?)?(?:access_?)?key[\"']?\\s*[:=]\\s*[\"']?)[a-z0-9/+=]{40}",
	  "$1***", NULL },
	{ "keys", "\\b(?:gh[opsur]_[A-Za-z0-9]{36,}+|github_pat_\\w{22,}+|glpat-[\\w-]{20,}+)",
	  "***", NULL },
	{ "keys",
	  "\\b(?:xox[abeoprs]-[A-Za-z0-9-]{10,}+|AIza[\\w-]{35}|[rs]k_(?:live|test)_"
	  "[A-Za-z0-9]{16,}+|npm_[A-Za-z0-9]{36})",
	  "***", NULL },
	{ "keys", "\\beyJ[\\w-]{5,}+\\.eyJ[\\w-]{5,}+\\.[\\w-]*+", "***", NULL },
	{ "keys",
	  "-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[^-]*+(?:-(?!----END )[^-]*+)*+(?:-----END "
	  "[A-Z0-9 ]*+-----)?",
	  "***", NULL },

	{ "urls", "(?i)(\\b[a-z][a-z0-9+.-]*+://[^\\s/?#:@]*+:)[^\\s/?#]+(?=@)", "$1***", NULL },
	{ "urls",
	  "(?i)([?&;](?:[\\w.-]*?(?:password|passwd|secret|token|signature|credential|api[-_]?key|"
	  "access[-_]?key)|pass|pwd|sig|key|code)=)[^&#\\s\"']++",
	  "$1***", NULL },

	/* Behind them, so that a URL keeps its tail. */
	{ "argv", "(?i)((?<![a-z])" SECRET_WORD "=)(?!\\*\\*\\*)" VALUE, "$1***", NULL },
	{ "argv", "(?i)((?<=_)(?:pass|pwd)=)(?!\\*\\*\\*)" VALUE, "$1***", NULL },
	{ "argv", "(?i)((?<!\\S)--?(?:[a-z0-9]++[-_.])*?" SECRET_WORD "\\s++)(?![-*])" VALUE,
	  "$1***", NULL },
	{ "argv",
	  "(?i)(?:^|(?<=[/\\s]))((?:mysql|mariadb)[\\w-]*+\\s(?:[^\\r\\n]*?\\s)?-p)[^\\s]++",
	  "$1***", NULL },
	{ "argv", "(\\bsshpass\\s++-p\\s*+)" VALUE, "$1***", NULL },
	{ "argv", "(\\bredis-cli\\s(?:[^\\r\\n]*?\\s)?-a\\s++)" VALUE, "$1***", NULL },
	{ "argv",
	  "((?<!\\S)(?:-u|--user|--proxy-user|-U)(?:\\s++|=)?[^\\s:=]++:)(?!\\d++(?!\\S))\\S++",
	  "$1***", NULL },

	{ "sql",
	  "(?i)\"(?:[^\"]++|\"\")*+\"?|`[^`]*+`?|(?:\\b[bexn])?'(?:[^'\\\\]++|''|\\\\.)*+(?:'|\\\\?"
	  "\\z)"
	  "|"
	  "\\$(\\w*+)\\$(?:[^$]++|\\$(?!\\1\\$))*+(?:\\$\\1\\$|\\z)|"
	  "(?<![\\w.$@:])(?:0x[0-9a-f]++|\\d++(?:\\.\\d*+)?(?:e[+-]?\\d++)?|\\.\\d++)(?!\\w)",
	  "?", is_sql_literal },

	{ "email", "(?i)(?<![\\w.%+-])[\\w.%+-]{1,64}+@(?:[a-z0-9][a-z0-9-]*+\\.)+[a-z]{2,}+",
	  "***", NULL },
	{ "cards", "(?<![\\w.-])\\d(?:[ -]?\\d){12,18}(?![\\w-])", "***", is_card },
	{ "ip",
	  "(?<![\\w:.])[0-9A-Fa-f]*+:[0-9A-Fa-f]*+:[0-9A-Fa-f:]*+(?:(?:\\.?\\d++)++)?(?![\\w:])",
	  "***", is_ip6 },
	{ "ip",
	  "(?<![\\w.])(?:(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)\\.){3}(?:25[0-5]|2[0-4]\\d|"
	  "1\\d\\d|[1-9]?\\d)(?!\\w|\\.\\d)",
	  "***", NULL },
};

enum { SOURCES = sizeof(sources) / sizeof(sources[0]) };

/* ---- rules ------------------------------------------------------------------------------- */

struct rule {
	struct pattern *pattern;
	struct template *with;
	substitute_check *check;
};

struct masks {
	struct rule rules[RULES_MAXIMUM];
	uint32_t rule_count;
	struct pattern_scratch *scratch;
	struct written between[2]; /* what rules before the last have made */
};

struct masks *masks_create(void)
{
	struct masks *masks = calloc(1, sizeof(*masks));

	if (masks)
		masks->scratch = pattern_scratch_create_groups(64);
	if (masks && !masks->scratch) {
		masks_release(masks);
		return NULL;
	}
	return masks;
}

void masks_release(struct masks *masks)
{
	if (!masks)
		return;
	for (uint32_t i = 0; i < masks->rule_count; i++) {
		pattern_release(masks->rules[i].pattern);
		template_release(masks->rules[i].with);
	}
	pattern_scratch_release(masks->scratch);
	free(masks->between[0].data);
	free(masks->between[1].data);
	free(masks);
}

int masks_add(struct masks *masks, const char *pattern, const char *with, bool *ret_template,
	      char *error, size_t error_size)
{
	struct sonde_text text = { pattern,
				   (uint32_t)strnlen(pattern, EXPRESSION_PATTERN_BYTES + 1), 0 };
	struct rule *rule = masks->rules + masks->rule_count;
	char why[160];
	uint32_t offset = 0;
	int result;

	*ret_template = false;
	if (masks->rule_count == RULES_MAXIMUM || text.length > EXPRESSION_PATTERN_BYTES) {
		(void)snprintf(error, error_size,
			       "a pattern has at most %d bytes, and a step %d of them, presets "
			       "included",
			       EXPRESSION_PATTERN_BYTES, RULES_MAXIMUM);
		return -EINVAL;
	}
	*rule = (struct rule){ 0 };
	result = pattern_create_groups(text, &rule->pattern, &offset, why, sizeof(why));
	if (result >= 0) {
		*ret_template = true;
		result = template_create(with, rule->pattern, &rule->with, &offset, why,
					 sizeof(why));
	}
	if (result >= 0) {
		masks->rule_count++;
		return 0;
	}
	pattern_release(rule->pattern);
	(void)snprintf(error, error_size, "at %u: %s", offset + 1, why);
	return result;
}

/* Whether a rule is part of a preset: command lines hide what the three others do. */
static bool is_of(const struct rule_source *source, const char *name)
{
	return !strcmp(source->preset, name) ||
	       (!strcmp(name, "argv") &&
		(!strcmp(source->preset, "headers") || !strcmp(source->preset, "keys") ||
		 !strcmp(source->preset, "urls")));
}

int masks_add_preset(struct masks *masks, const char *name)
{
	uint32_t found = 0;
	char error[200];
	bool template;

	for (uint32_t i = 0; i < SOURCES; i++) {
		int result;

		if (!is_of(&sources[i], name))
			continue;
		found++;
		result = masks_add(masks, sources[i].pattern, sources[i].with, &template, error,
				   sizeof(error));
		if (result < 0)
			return result;
		masks->rules[masks->rule_count - 1].check = sources[i].check;
	}
	return found ? 0 : -ENOENT;
}

int64_t masks_run(struct masks *masks, struct sonde_text text, struct written *written)
{
	struct sonde_text now = text;
	uint32_t side = 0;
	int64_t all = 0;

	for (uint32_t i = 0; i < masks->rule_count; i++) {
		const struct rule *rule = &masks->rules[i];
		struct written *next = &masks->between[side];
		int64_t count;

		next->length = 0;
		next->failed = false;
		count = substitute(rule->pattern, masks->scratch, rule->with, rule->check, now,
				   next);
		if (count == -ELOOP)
			return MASKED_WHOLE;
		if (count < 0)
			return count;
		if (!count)
			continue;
		all += count;
		now = (struct sonde_text){ next->data, (uint32_t)next->length, 0 };
		side = !side;
	}
	if (all)
		written_add(written, now.data, now.length);
	return written->failed ? -ENOMEM : all;
}
