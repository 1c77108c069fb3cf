// SPDX-License-Identifier: Apache-2.0
/* The ready-made masks: what each hides, and what it leaves as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "masks.h"

struct sample {
	const char *text, *masked; /* NULL: it stays */
};

static void check(const char *preset, const struct sample *samples, size_t count)
{
	struct masks *masks = masks_create();
	struct written written = { 0 };
	int wrong = 0;

	assert_non_null(masks);
	assert_int_equal(masks_add_preset(masks, preset), 0);
	for (size_t i = 0; i < count; i++) {
		const char *text = samples[i].text;
		const char *wanted = samples[i].masked ? samples[i].masked : text;
		int64_t places;

		written.length = 0;
		places = masks_run(masks, (struct sonde_text){ text, (uint32_t)strlen(text), 0 },
				   &written);
		assert_true(places >= 0);
		if (!places)
			written_add(&written, text, strlen(text));
		if (!places == !samples[i].masked && written.length == strlen(wanted) &&
		    !memcmp(written.data, wanted, written.length))
			continue;
		wrong++;
		print_message("%s: \"%s\" became \"%.*s\"\n", preset, text, (int)written.length,
			      written.data);
	}
	assert_int_equal(wrong, 0);
	free(written.data);
	masks_release(masks);
}

#define CHECK(preset_, ...)                                                                        \
	static const struct sample samples[] = { __VA_ARGS__ };                                    \
	check(preset_, samples, sizeof(samples) / sizeof(samples[0]))

static void argv_hides_passwords_and_leaves_other_options(void **state)
{
	CHECK("argv", { "psql --password=s3cret -h db", "psql --password=*** -h db" },
	      { "psql --password s3cret -h db", "psql --password *** -h db" },
	      { "tool --db-password 'two words' x", "tool --db-password *** x" },
	      { "tool --password=\"two words\" x", "tool --password=*** x" },
	      { "tool --api-key=abc --apikey abc", "tool --api-key=*** --apikey ***" },
	      { "env DB_PASSWORD=x GITHUB_TOKEN=y run",
		"env DB_PASSWORD=*** GITHUB_TOKEN=*** run" },
	      { "env MYSQL_PWD=x AWS_SECRET_ACCESS_KEY=abc run",
		"env MYSQL_PWD=*** AWS_SECRET_ACCESS_KEY=*** run" },
	      { "mysql -u root -ps3cret shop", "mysql -u root -p*** shop" },
	      { "/usr/bin/mysqldump -ps3cret shop", "/usr/bin/mysqldump -p*** shop" },
	      { "sshpass -p s3cret ssh host", "sshpass -p *** ssh host" },
	      { "redis-cli -h x -a s3cret ping", "redis-cli -h x -a *** ping" },
	      { "curl -u me:s3cret https://x", "curl -u me:*** https://x" },
	      { "curl --user=me:s3cret https://x", "curl --user=me:*** https://x" },
	      { "curl -H Authorization: Bearer abc.def https://x",
		"curl -H Authorization: Bearer *** https://x" },
	      { "curl -H 'X-Api-Key: abc' https://x", "curl -H 'X-Api-Key: ***' https://x" },
	      { "openssl rsa -passin pass:s3cret", "openssl rsa -passin ***" },
	      { "git clone https://me:s3cret@host/x.git", "git clone https://me:***@host/x.git" },
	      { "curl https://x/?token=abc&page=2", "curl https://x/?token=***&page=2" },
	      { "aws configure set key AKIAIOSFODNN7EXAMPLE", "aws configure set key ***" },
	      { "ls -la /etc/passwd", NULL }, { "ssh -p 22 host", NULL }, { "mkdir -p /a/b", NULL },
	      { "cp -pr a b", NULL }, { "env PWD=/home/x HOME=/home/x run", NULL },
	      { "tool --password-file=/run/x --token-ttl=5m", NULL },
	      { "tool --password --verbose", NULL }, { "docker run -u 1000:1000 image", NULL },
	      { "grep -r password src", NULL }, { "bypass=1 compass=north", NULL },
	      { "git clone git@github.com:x/y.git", NULL }, { "", NULL });
}

static void headers_hide_credentials_and_cookies(void **state)
{
	CHECK("headers", { "Authorization: Basic dTpw", "Authorization: Basic ***" },
	      { "authorization=Bearer abc", "authorization=Bearer ***" },
	      { "Proxy-Authorization: Digest username=\"u\", response=\"r\"",
		"Proxy-Authorization: ***" },
	      { "{\"authorization\": \"token abc\", \"a\": 1}",
		"{\"authorization\": \"token ***\", \"a\": 1}" },
	      { "Cookie: a=1; b=2\r\nHost: x", "Cookie: ***\r\nHost: x" },
	      { "set-cookie: id=5; Path=/", "set-cookie: ***" },
	      { "X-Vault-Token: s.abc", "X-Vault-Token: ***" },
	      { "sent bearer abcdefghijklmnop0123 on", "sent bearer *** on" },
	      { "Content-Type: text/plain", NULL }, { "the bearer of news", NULL },
	      { "authorization failed", NULL }, { "no cookies here", NULL });
}

static void keys_are_told_by_their_form(void **state)
{
	CHECK("keys", { "id AKIAIOSFODNN7EXAMPLE end", "id *** end" },
	      { "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"aws_secret_access_key = ***" },
	      { "ghp_abcdefghijklmnopqrstuvwxyz0123456789", "***" },
	      { "glpat-abcdefghij0123456789", "***" }, { "xoxb-1234567890-abcdef", "***" },
	      { "key sk_live_abcdefghijklmnop0123", "key ***" },
	      { "t eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_1 e", "t *** e" },
	      { "-----BEGIN RSA PRIVATE KEY-----\nMIIE-x\n-----END RSA PRIVATE KEY-----\nafter",
		"***\nafter" },
	      { "-----BEGIN PRIVATE KEY-----\ncut off", "***" },
	      { "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----", NULL },
	      { "AKIA is a prefix", NULL }, { "eyJ.eyJ.x", NULL }, { "ghp_short", NULL });
}

static void urls_keep_all_but_what_is_secret(void **state)
{
	CHECK("urls", { "postgres://u:p@db:5432/x", "postgres://u:***@db:5432/x" },
	      { "http://u:p@ss@host/", "http://u:***@host/" },
	      { "redis://:p@host", "redis://:***@host" },
	      { "https://x/?a=1&access_token=abc&b=2#f", "https://x/?a=1&access_token=***&b=2#f" },
	      { "https://x/?X-Amz-Signature=abc&sig=d", "https://x/?X-Amz-Signature=***&sig=***" },
	      { "https://host:8080/a@b", NULL }, { "https://user@host/", NULL },
	      { "https://x/?page=2&sort=key", NULL }, { "mailto:a@b.c", NULL });
}

static void sql_keeps_its_shape_without_its_literals(void **state)
{
	CHECK("sql",
	      { "SELECT * FROM t WHERE a = 'x' AND b = 5",
		"SELECT * FROM t WHERE a = ? AND b = ?" },
	      { "INSERT INTO t1 VALUES ('it''s', -1.5e3, 0xff, .5)",
		"INSERT INTO t1 VALUES (?, -?, ?, ?)" },
	      { "SELECT 'a\\'b', E'c\\n', x'ff', N'd'", "SELECT ?, ?, ?, ?" },
	      { "SELECT \"col's\" FROM `t'2` WHERE a = 'x'",
		"SELECT \"col's\" FROM `t'2` WHERE a = ?" },
	      { "SELECT $$it's$$, $q$a$$b$q$", "SELECT ?, ?" }, { "SELECT 'cut off", "SELECT ?" },
	      { "SELECT 'cut\\", "SELECT ?" }, { "LIMIT 10 OFFSET 20", "LIMIT ? OFFSET ?" },
	      { "SELECT a FROM t2 WHERE b = $1 AND c = :3", NULL },
	      { "SELECT t1.c2 FROM schema3.t1", NULL }, { "BEGIN", NULL });
}

static void email_addresses_are_hidden(void **state)
{
	CHECK("email", { "from a.b+c@mail.example.com to", "from *** to" },
	      { "<X@Y-Z.org>, b@c.de", "<***>, ***" }, { "a@b", NULL }, { "user@host:~$", NULL },
	      { "@example.com", NULL }, { "no mail", NULL });
}

static void cards_are_told_by_their_check_digit(void **state)
{
	CHECK("cards", { "paid by 4111 1111 1111 1111.", "paid by ***." },
	      { "5500-0000-0000-0004", "***" }, { "378282246310005 ok", "*** ok" },
	      { "4111 1111 1111 1112", NULL }, { "order 1234567890123456", NULL },
	      { "0000000000000000", NULL }, { "id-4111111111111111", NULL },
	      { "1700000000.4111111111111111", NULL }, { "12345", NULL });
}

static void addresses_are_hidden_and_times_are_not(void **state)
{
	CHECK("ip", { "from 192.0.2.1:443 to 10.0.0.255.", "from ***:443 to ***." },
	      { "[2001:db8::1]:80 and ::1", "[***]:80 and ***" },
	      { "peer fe80::1%eth0", "peer ***%eth0" }, { "::ffff:192.0.2.1", "***" },
	      { "at 12:30:45", NULL }, { "256.1.1.1", NULL }, { "v1.2.3.4.5", NULL },
	      { "a::b::c", NULL }, { "std::string", NULL }, { "1.2.3", NULL });
}

static void each_bounds_its_work(void **state)
{
	static const char letters[] = "a=@:/'\"- 1.\\$e";
	struct written written = { 0 };
	char *text = malloc(32768);

	assert_non_null(text);
	for (const struct preset *preset = presets; preset->name; preset++) {
		struct masks *masks = masks_create();

		assert_int_equal(masks_add_preset(masks, preset->name), 0);
		for (size_t i = 0; i < sizeof(letters) - 1; i++) {
			memset(text, letters[i], 32768);
			written.length = 0;
			/* It ends; a mask of the whole is an answer. */
			assert_true(masks_run(masks, (struct sonde_text){ text, 32768, 0 },
					      &written) >= MASKED_WHOLE);
		}
		masks_release(masks);
	}
	free(written.data);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(argv_hides_passwords_and_leaves_other_options),
		cmocka_unit_test(headers_hide_credentials_and_cookies),
		cmocka_unit_test(keys_are_told_by_their_form),
		cmocka_unit_test(urls_keep_all_but_what_is_secret),
		cmocka_unit_test(sql_keeps_its_shape_without_its_literals),
		cmocka_unit_test(email_addresses_are_hidden),
		cmocka_unit_test(cards_are_told_by_their_check_digit),
		cmocka_unit_test(addresses_are_hidden_and_times_are_not),
		cmocka_unit_test(each_bounds_its_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
