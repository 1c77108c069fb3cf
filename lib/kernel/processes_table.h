/* SPDX-License-Identifier: Apache-2.0 */
/* Inside lib/kernel: processes and their images, as records make them. Nothing here locks. */
#ifndef PROCESSES_TABLE_H
#define PROCESSES_TABLE_H

#include <sonde/bpf/processes.h>
#include <sonde/processes.h>
#include <stdatomic.h>
#include <stdbool.h>

/* ---- images ------------------------------------------------------------------------------ */

/* What an exec names: images of processes that were forked since share it. */
struct program {
	atomic_uint references;
	uint32_t bytes; /* of the texts */
	uint32_t arguments_bytes;
	uint32_t truncated;
	char texts[]; /* the executable with its ending zero, then the arguments */
};

struct process;

struct image {
	struct sonde_process_image public; /* first, so that who holds it holds this */
	atomic_uint references;            /* one is the table's, while it keeps the image */
	struct program *program;           /* NULL: not known */
	uint64_t exec_id;
	struct process *process;    /* while the table keeps it */
	struct image *older;        /* what the process ran before */
	struct image *later;        /* that ended after this one */
	struct image *next_unnamed; /* whose arguments are to be found out; see unnamed */
	bool unnamed;               /* found running, so that its arguments are not known yet */
	bool ended;                 /* is in the list of these */
	char command[16];
};

struct process {
	struct process *next; /* of the bucket; of equal tgid the one that started last is first */
	struct image *newest; /* there always is one */
	uint64_t start_ns;
	uint32_t tgid;
	uint32_t scan; /* the last one that found it */
	bool ended;
};

/* The program that a record tells of, its path put together; the arguments are ended with a zero.
 * NULL: no memory. */
struct program *program_create(const struct sonde_process_exec *exec);
/* The same program with arguments. */
struct program *program_complete(const struct program *program, const char *arguments,
				 uint32_t bytes, bool truncated);
void program_release(struct program *program); /* NULL is fine */

/* An image of a process, referenced once; takes a reference to the program (NULL: not known). */
struct image *image_create(const struct sonde_process_record *record, uint64_t since_ns,
			   struct program *program);
/* The same from another time on, or with another program. */
struct image *image_copy(const struct image *image, uint64_t since_ns, struct program *program);
void image_release(struct image *image);

/* What images and programs of this sonde take, kept or held. */
uint64_t images_memory_bytes(void);

/* ---- the table --------------------------------------------------------------------------- */

struct table_limits {
	uint64_t keep_ns;      /* an ended image is kept for so long */
	uint32_t ended_count;  /* at most so many of them */
	uint64_t memory_bytes; /* ended images are given up while all take more */
};

/* Something happened; the image is the caller's only while this runs. */
typedef void table_callback(void *context, const struct sonde_process_event *event,
			    struct image *image);

/* The scheduler's clock against boottime, which drift apart slowly. A record has the former as it
 * was read last, so that the difference is never too large: the largest of late is the truth. */
struct table_clock {
	uint64_t window_ns;              /* begin of the one that is being looked at */
	int64_t largest_ns, previous_ns; /* in it and in the one before; INT64_MIN: none */
};

struct table {
	struct table_limits limits;
	struct process **buckets;
	uint32_t bucket_count; /* a power of two */
	uint32_t process_count;
	uint32_t live_count, ended_count; /* images */
	struct image *ended_first, *ended_last;
	struct image *unnamed;
	uint64_t execs, forks, exits, forgotten;
	uint64_t refused; /* records that no memory was found for */
	uint64_t sure_ns; /* all that happened until then has been told */
	struct table_clock clock;
	uint32_t scan;
	table_callback *callback;
	void *context;
};

int table_open(struct table *table, const struct table_limits *limits);
void table_close(struct table *table);

/* Takes over a record; they come in the order of time. */
void table_apply(struct table *table, const struct sonde_process_record *record);

/* From begin to end all processes that run are told as records SONDE_EVENT_PROCESS_FOUND, among the
 * others. At the end, where `all` could be found, what was not found and began before is over. */
void table_scan_begin(struct table *table);
void table_scan_end(struct table *table, uint64_t began_ns, bool all);

/* The image that a process had, referenced for the caller, or NULL. See sonde_processes_find. */
struct image *table_find(struct table *table, uint32_t tgid, uint64_t start_ns, uint64_t time_ns);

/* Puts another image in the place of one that is live, as images do not change once they may be
 * held: with another program (a reference is taken), or from another time on. */
void table_correct(struct table *table, struct image *image, uint64_t since_ns,
		   struct program *program);

/* Gives up what ended long ago. */
void table_expire(struct table *table, uint64_t now_ns);

/* ---- order ------------------------------------------------------------------------------- */

/* Where records come from, each source in the order of time. */
struct source {
	const struct sonde_process_record *head; /* the next record; NULL: look whether there is */
	struct sonde_ring *ring;                 /* or, if NULL: */
	const unsigned char *bytes, *end;        /* records in memory, one after the other */
};

/* Applies the records of all sources up to a time, merged by time. What comes later waits. */
void sources_apply(struct source *sources, uint32_t count, uint64_t until_ns, struct table *table);

#endif
