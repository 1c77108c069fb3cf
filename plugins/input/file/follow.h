/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are followed as they grow, line by line, and how far each is done with. */
#ifndef SONDE_INPUT_FILE_FOLLOW_H
#define SONDE_INPUT_FILE_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

enum { FOLLOW_PRINT_BYTES = 256 }; /* of a file's beginning, by which it is known again */

enum line_state {
	LINE_OUT,   /* its rows are on their way */
	LINE_DONE,  /* nobody needs it any more */
	LINE_AGAIN, /* nobody took its rows: it is to be read again */
};

struct followed;

/* A line that was handed out; it is the file's until line_done(). */
struct line {
	struct line *next;     /* of the same file */
	struct followed *file; /* NULL: its file was emptied, and it cannot be read again */
	int64_t begin, end;    /* in the file, with what ends it */
	uint64_t number;       /* from 1; 0: not known */
	uint8_t state;         /* enum line_state */
};

/* What a file begins with. */
struct print {
	uint32_t length;
	uint64_t hash;
};

struct followed {
	struct followed *next;
	char *path;
	dev_t device;
	ino_t inode;
	int fd;                  /* -1: closed, there is nothing to read */
	int64_t size;            /* as seen last */
	struct timespec changed; /* when, as seen last */
	int64_t offset;          /* where the next line begins */
	int64_t searched;        /* there is no whole line before this that is not read */
	uint64_t line_number;    /* of lines before it */
	bool is_numbered;        /* it was read, and counted, from its beginning */
	bool skips;              /* within a line that is too long */
	bool is_there;           /* seen under a path of ours at the last look */
	int64_t active_ns;       /* when it grew last */
	int error;               /* errno of the last look; 0: none */
	struct print print;
	struct line *first_line, *last_line; /* handed out, and not done up to here */
	int64_t done_offset;                 /* nothing before it is needed */
	uint64_t done_line_number;
};

/* A line's text, readable until the next one. */
struct line_text {
	const char *data;
	size_t length; /* without what ends it */
};

/* What is told to whoever follows. */
struct follow_news {
	/* A file cannot be looked at or read. */
	void (*failed)(void *data, const char *path, int error);
	/* A file was emptied, or replaced in place, and is read from its beginning. */
	void (*begun_anew)(void *data, const char *path);
	/* A line is longer than allowed, and is left out. */
	void (*too_long)(void *data, const struct followed *file, int64_t begin, uint64_t number);
};

/* How far a file was done with in an earlier run. */
struct position {
	dev_t device;
	ino_t inode;
	int64_t offset;
	uint64_t line_number;
	bool is_numbered;
	struct print print;
};

struct follow {
	struct position *positions; /* of earlier runs, for files that are new */
	uint32_t position_count;
	struct followed *files;
	struct followed *turn; /* whose turn it is; NULL: the first's */
	char *buffer;
	size_t buffer_bytes;
	size_t line_limit_bytes;
	uint32_t file_count, out_count, again_count;
	bool dirty; /* some position is another than the one that was written last */
	const struct follow_news *news;
	void *data; /* of the news */
};

/* Adds or finds again the file under a path, and sees how large it is. One that is new begins where
 * a position says, else at its end or its beginning. */
void follow_look(struct follow *follow, const char *path, bool at_end, int64_t now_ns);

/* Before a look at all paths, and after it: what is gone from them is given up once it is read. */
void follow_begin_look(struct follow *follow);
void follow_end_look(struct follow *follow, int64_t now_ns);

/* The next whole line of any file, each file in turn. 1; 0: there is none; -ENOMEM. */
int follow_next(struct follow *follow, struct line **ret_line, struct line_text *ret_text);

/* The text of a line that is to be read again. 1; 0: there is none such; -ENOMEM. */
int follow_again(struct follow *follow, struct line **ret_line, struct line_text *ret_text);

/* It is to be read again; if that cannot be, it is done. */
void line_again(struct follow *follow, struct line *line);

/* Nobody needs it any more; the line is gone. */
void line_done(struct follow *follow, struct line *line);

void follow_close(struct follow *follow);

#endif
