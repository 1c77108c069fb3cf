// SPDX-License-Identifier: Apache-2.0
/* A bearer token in a file that may be changed at any time. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "token.h"

static bool is_same(const struct stat *left, const struct stat *right)
{
	return left->st_dev == right->st_dev && left->st_ino == right->st_ino &&
	       left->st_size == right->st_size && left->st_mtim.tv_sec == right->st_mtim.tv_sec &&
	       left->st_mtim.tv_nsec == right->st_mtim.tv_nsec &&
	       left->st_ctim.tv_sec == right->st_ctim.tv_sec &&
	       left->st_ctim.tv_nsec == right->st_ctim.tv_nsec;
}

static void token_forget(struct token *token)
{
	if (token->text)
		explicit_bzero(token->text, strlen(token->text));
	free(token->text);
	token->text = NULL;
	token->seen = (struct stat){ 0 };
}

/* The token as it stands there, without the line's end; NULL: it is none. */
static char *token_parse(char *text, size_t length)
{
	while (length && isspace((unsigned char)text[length - 1]))
		text[--length] = '\0';
	if (!length)
		return NULL;
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return NULL;
	}
	return strdup(text);
}

int token_refresh(struct token *token, const char *path)
{
	char text[TOKEN_LENGTH_LIMIT + 2] = "";
	struct stat status;
	size_t length;
	FILE *file;

	if (stat(path, &status) < 0) {
		int error = errno;

		token_forget(token);
		return -error;
	}
	if (token->text && is_same(&status, &token->seen))
		return 0;
	token_forget(token);
	if (!S_ISREG(status.st_mode)) /* what could keep the thread waiting */
		return -EBADMSG;
	file = fopen(path, "re");
	if (!file)
		return -errno;
	if (fstat(fileno(file), &status) < 0) {
		(void)fclose(file);
		return -EBADMSG;
	}
	length = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	if (length <= TOKEN_LENGTH_LIMIT)
		token->text = token_parse(text, length);
	explicit_bzero(text, sizeof(text));
	if (!token->text)
		return -EBADMSG;
	token->seen = status;
	token->generation++;
	return 0;
}

void token_release(struct token *token)
{
	token_forget(token);
}
