/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder from inside: tables that fill row by row, and the one place where a request's texts
 * become entries of its dictionary. For decode*.c alone. */
#ifndef SONDE_OTLP_DECODER_H
#define SONDE_OTLP_DECODER_H

#include <sonde/plugin.h>

#include "decode.h"
#include "fields.h"
#include "protobuf.h"

/* Functions return 0, -EBADMSG (the request is no such message: otlp_request_is_bad()), -EINVAL
 * (this record is refused: otlp_record_is_refused()) or -ENOMEM. */

enum {
	DEPTH_LIMIT = 32,           /* of an AnyValue, as whoever reads one bounds it */
	DEPTH_LIMIT_IN_PAIR = 31,   /* as it may come to lie in a map of what has no column */
	TEXT_LIMIT = 64 << 20,      /* bytes of an entry of a dictionary */
	REQUEST_LIMIT = TEXT_LIMIT, /* so that no text of it is over that */
	COLUMN_LIMIT_MOST = 1024,   /* looking for columns by name is linear in the batch */
	SCRATCH_KEPT = 64 << 10,    /* bytes of scratch memory that outlast a request */
	LEVEL_COUNT = SONDE_SCOPE_RESOURCE + 1,
	ROW_NONE = UINT32_MAX - 1, /* never a row: `next` of a column that is not there yet */
	FIXED_COUNT = 24,          /* most columns of a table that have a role of their own */
};

/* ---- scratch memory ---------------------------------------------------------------------- */

struct scratch {
	unsigned char *data;
	size_t length, capacity;
};

/* Room for `size` bytes behind what is there, to be counted by the caller; NULL: no memory. */
unsigned char *otlp_scratch_room(struct scratch *scratch, size_t size);
int otlp_scratch_add(struct scratch *scratch, const void *data, size_t size);
/* A field of bytes: its tag; once its content is there, its length in front of that. */
int otlp_scratch_open(struct scratch *scratch, uint32_t number, size_t *ret_start);
int otlp_scratch_close(struct scratch *scratch, size_t start);
int otlp_scratch_number(struct scratch *scratch, uint32_t number, uint64_t varint);
void otlp_scratch_trim(struct scratch *scratch); /* empties it; much memory is given back */

/* ---- values ------------------------------------------------------------------------------ */

/* An AnyValue: of a type that a column has, or as it is. */
struct value {
	uint32_t type; /* TEXT, BOOL, I64, DOUBLE, BYTES, or ANY: array, map, empty */
	uint32_t length;
	const unsigned char *data;    /* TEXT, BYTES: what it holds; ANY: the message */
	uint64_t bits;                /* BOOL, I64, DOUBLE */
	const unsigned char *message; /* encoded; NULL: to be encoded from the above */
	uint32_t message_length;
	uint32_t depth;
	bool repaired; /* it is not as in the request */
};

struct pair {
	const unsigned char *key;
	uint32_t key_length;
	bool repaired; /* the key or the value is not as in the message */
	struct value value;
	const unsigned char *message;
	uint32_t message_length;
};

int otlp_value_read(struct otlp_decoder *decoder, const unsigned char *data, size_t length,
		    struct value *ret_value);
int otlp_pair_read(struct otlp_decoder *decoder, const unsigned char *data, size_t length,
		   struct pair *ret_pair);

/* Whether a pair can be held at all, wherever it comes to lie. */
int otlp_pair_check(struct otlp_decoder *decoder, const unsigned char *data, size_t length);

/* The value as an encoded AnyValue, made in memory of the dictionary if need be. */
int otlp_value_encode(struct otlp_decoder *decoder, struct value *value);

/* Appends a pair, as a field of that number, to an encoded list of pairs. */
int otlp_pair_append(struct otlp_decoder *decoder, struct pair *pair, uint32_t number,
		     struct scratch *list);

/* A list of pairs as an encoded map in memory of the dictionary. */
int otlp_map_make(struct otlp_decoder *decoder, const struct scratch *list,
		  struct value *ret_value);

/* ---- tables ------------------------------------------------------------------------------ */

/* A column of the batch that grows. Rows below `next` have their value or are null. */
struct column {
	unsigned char *base;
	unsigned char *bits; /* of validity; NULL: no row is null so far */
	uint32_t next;       /* ROW_NONE: the batch does not have it yet */
	uint32_t index;      /* in the batch */
	uint32_t type;
};

/* A column of attributes, by key. */
struct attribute {
	/* How the pair usually begins: tag, length, key; and which bits of that are to be so. */
	unsigned char head[32], mask[32];
	struct column column;
	uint32_t head_length; /* may be over 32; UINT32_MAX: no pair begins so */
	uint32_t head_bits;   /* the mask, a bit a byte */
	uint32_t value_head;  /* what is behind the head: tag, any length, tag of the type */
	uint32_t after;       /* offset of the attribute that came behind this one last; 0: none */
	uint32_t hash;
	const unsigned char *key;
	uint32_t key_length;
};

/* The attributes of one scope. */
struct keys {
	struct attribute *attributes; /* the first is none: `after` of it is which comes first */
	uint32_t count, capacity;
	uint32_t last;   /* offset of the attribute before, in this row */
	uint32_t *slots; /* open addressing: indices, 0: free; a power of two, half full at most */
	uint32_t slot_count;
	uint32_t column_count;
	uint64_t budget_bytes; /* that columns may still take */
	struct scratch rest;   /* pairs of the row that have no column */
	struct column map;     /* where they go */
};

/* Offsets, as the attributes may move: 0 is the first, which is none. */
static inline struct attribute *attribute_at(struct attribute *attributes, uint32_t offset)
{
	return (struct attribute *)(void *)((unsigned char *)attributes + offset);
}

static inline uint32_t attribute_offset(const struct attribute *attributes,
					const struct attribute *attribute)
{
	return (uint32_t)((const unsigned char *)attribute - (const unsigned char *)attributes);
}

struct table {
	struct otlp_decoder *decoder;
	struct sonde_batch *batch;
	const struct sonde_field *fields; /* of the fixed columns */
	uint32_t row;                     /* that is being filled; so many are */
	uint32_t capacity;
	uint64_t budget_bytes; /* that fixed columns may still take */
	struct column fixed[FIXED_COUNT];
	struct keys keys[LEVEL_COUNT];
	bool constant[LEVEL_COUNT]; /* one value serves all rows */
};

int otlp_table_begin(struct table *table, struct otlp_decoder *decoder, const char *schema,
		     enum sonde_signal signal, const struct sonde_field *fields,
		     uint32_t row_count);
/* Rows from there on are none any more. */
void otlp_table_rewind(struct table *table, uint32_t row);
/* Nulls where values end; the batch, the caller's, or NULL where there is no row. */
int otlp_table_end(struct table *table, struct sonde_batch **ret_batch);
void otlp_table_clear(struct table *table);   /* lets go of the batch */
void otlp_table_release(struct table *table); /* and of all memory */

static inline bool type_is_coded(uint32_t type)
{
	return type == SONDE_TEXT || type == SONDE_BYTES || type == SONDE_ANY;
}

/* Adds the column to the batch, or puts it in the place of what it was there. -EINVAL: over the
 * budget, and no reason was said. */
int otlp_column_create(struct table *table, struct column *column, const struct sonde_field *field,
		       uint64_t *budget_bytes);
/* Makes it a column of any type, and encodes the values that it has; -EINVAL as above. */
int otlp_column_convert(struct table *table, struct column *column, const struct sonde_field *field,
			uint64_t *budget_bytes);
/* The rows up to there that have no value yet are null. */
int otlp_column_skip(struct table *table, struct column *column, uint32_t row);
/* Writes a value of the column's type, or any into a column of any. */
int otlp_value_write(struct table *table, struct column *column, struct value *value, uint32_t row);

int otlp_keys_begin(struct keys *keys, uint64_t budget_bytes);
void otlp_keys_release(struct keys *keys);

/* For column_place() and the like: the column has another row next. */
int otlp_column_reach(struct table *table, struct column *column, const struct sonde_field *field,
		      uint32_t row);

/* Where the value of a fixed column goes in this row: base + row * size. A second value replaces
 * the first. */
static inline int column_place(struct table *table, uint32_t fixed)
{
	struct column *column = &table->fixed[fixed];

	if (__builtin_expect(column->next == table->row, 1)) {
		column->next++;
		return 0;
	}
	return otlp_column_reach(table, column, &table->fields[fixed], table->row);
}

/* The column has that row next, or was just given a value there. */
int otlp_value_put(struct table *table, struct column *column, const struct sonde_field *field,
		   struct value *value, uint32_t row);
/* In the column of its key, or among those that have none. */
int otlp_attribute_put(struct table *table, uint32_t level, struct pair *pair, uint32_t row);
/* What has no column, once a row is whole. */
int otlp_rest_put(struct table *table, uint32_t level, uint32_t row, uint32_t end_row);
/* Rows up to end_row get the value of `row`. */
void otlp_column_repeat(struct table *table, struct column *column, uint32_t row, uint32_t end_row);

/* ---- rows -------------------------------------------------------------------------------- */

enum operation {
	SKIP = 0,
	FIXED64, /* into a column of eight bytes */
	FIRST,   /* the same; of two columns side by side only the last one set has a value */
	SECOND,
	FIXED32,  /* of four */
	NUMBER32, /* a varint into a column of four */
	POINT,    /* a part of a histogram */
	TEXT,     /* this and what follows are fields of bytes */
	ID8,
	ID16,
	ATTRIBUTE,
	BODY,   /* an AnyValue */
	NESTED, /* a message whose fields are the row's too */
	CHILD,  /* a row of a child table */
};

/* What to do with a field, by its tag. */
struct rule {
	uint8_t operation;
	uint8_t column; /* of the fixed ones; CHILD: which list of children; POINT: enum part */
};

enum { RULE_COUNT = 256 };

struct rules {
	const struct rule *rules;   /* RULE_COUNT */
	const struct rules *nested; /* of NESTED */
};

/* Fills row table->row, which counts only once the caller has added to table->row. */
int otlp_row_decode(struct table *table, const struct rules *rules, const unsigned char *data,
		    size_t length);
/* Whether a row of a child table can be filled. */
int otlp_row_check(struct otlp_decoder *decoder, const struct rules *rules,
		   const unsigned char *data, size_t length);

extern const struct rules otlp_log_rules, otlp_span_rules, otlp_event_rules, otlp_link_rules,
	otlp_number_rules, otlp_explicit_rules, otlp_exponential_rules, otlp_summary_rules,
	otlp_exemplar_rules;
extern const struct sonde_field otlp_log_fields[], otlp_span_fields[], otlp_event_fields[],
	otlp_link_fields[], otlp_metric_fields[], otlp_exemplar_fields[];

/* Columns of resources and scopes, the first of each table that has some. */
enum {
	RESOURCE_COLUMN_DROPPED,
	RESOURCE_COLUMN_ENTITIES,
	RESOURCE_COLUMN_SCHEMA_URL,
	SCOPE_COLUMN_NAME,
	SCOPE_COLUMN_VERSION,
	SCOPE_COLUMN_DROPPED,
	SCOPE_COLUMN_SCHEMA_URL,
	ORIGIN_COLUMN_COUNT,
};

/* What a span is not sent without. */
enum { SPAN_COLUMN_TRACE_ID = ORIGIN_COLUMN_COUNT, SPAN_COLUMN_SPAN_ID };

/* Columns that are not filled by rules. */
enum { CHILD_COLUMN_PARENT_ROW = ORIGIN_COLUMN_COUNT };
enum {
	METRIC_COLUMN_METRIC = ORIGIN_COLUMN_COUNT,
	METRIC_COLUMN_EXPLICIT,
	METRIC_COLUMN_EXPONENTIAL,
	METRIC_COLUMN_QUANTILES,
	METRIC_COLUMN_OTHERS,
};

/* ---- points ------------------------------------------------------------------------------ */

/* Of a histogram or summary. */
enum part {
	POINT_COUNT,
	POINT_SUM,
	POINT_MINIMUM,
	POINT_MAXIMUM,
	POINT_SCALE,
	POINT_ZERO_COUNT,
	POINT_ZERO_THRESHOLD,
	POINT_COUNTS,
	POINT_ONE_COUNT, /* not packed */
	POINT_BOUNDS,
	POINT_ONE_BOUND,
	POINT_POSITIVE,
	POINT_NEGATIVE,
	POINT_QUANTILE,
};

/* A point as its parts come in. */
struct point {
	struct sonde_exponential histogram; /* of all kinds; its starts and lengths are not set */
	struct scratch words[2]; /* counts, positive counts or pairs; bounds or negative counts */
};

int otlp_point_field(struct otlp_decoder *decoder, enum part part, struct message_reader *reader);

/* The content of a field of bytes of that number (below 16) where one begins; NULL: none does, or
 * it is not as such fields usually are. */
static inline const unsigned char *item_read(const unsigned char *at, const unsigned char *end,
					     uint32_t number, size_t *ret_length)
{
	size_t length;

	if (end - at < 3 || at[0] != (number << 3 | MESSAGE_BYTES))
		return NULL;
	length = at[1];
	at += 2;
	if (length >= 0x80) {
		if (*at >= 0x80)
			return NULL;
		length = (length & 0x7f) | (size_t)*at++ << 7;
	}
	if (length > (size_t)(end - at))
		return NULL;
	*ret_length = length;
	return at;
}

/* Reads over such fields that come one after the other; how many there were. */
static inline uint64_t items_count(struct message_reader *reader, uint32_t number)
{
	const unsigned char *at = reader->at, *item;
	uint64_t count = 0;
	size_t length;

	for (; (item = item_read(at, reader->end, number, &length)) != NULL; at = item + length)
		count++;
	reader->at = at;
	return count;
}

/* A Metric: adds a row for each of its points; how many it has at most. */
int otlp_metric_decode(struct otlp_decoder *decoder, const unsigned char *data, size_t length);
int otlp_metric_count(struct otlp_decoder *decoder, const unsigned char *data, size_t length,
		      uint64_t *count);

/* ---- resources and scopes ---------------------------------------------------------------- */

/* The fields of a ScopeX message beside its items. */
struct scope_parts {
	struct message_field parts[2];
	uint32_t count; /* more than there is room for: they are in the message */
	struct message_field message;
};

/* The values of a ResourceX or ScopeX message for rows [row, end_row) of the table. */
int otlp_resource_decode(struct table *table, const unsigned char *data, size_t length,
			 uint32_t row, uint32_t end_row);
int otlp_scope_decode(struct table *table, const struct scope_parts *parts, uint32_t row,
		      uint32_t end_row);

/* ---- the decoder ------------------------------------------------------------------------- */

/* A row of a child table to come. */
struct child {
	const unsigned char *data;
	uint32_t length;
	uint32_t row; /* of the parent */
};

enum { CHILD_KINDS = 2 };

/* Words of the heap of a column that are not used yet. */
struct heap {
	uint64_t *words;
	uint32_t start, length;
};

struct otlp_decoder {
	struct sonde_instance *instance;
	uint32_t column_limit;
	uint64_t secrets[2]; /* of hashes */

	/* the request */
	enum sonde_signal signal;
	struct sonde_dictionary *dictionary;
	const unsigned char *data, *end;
	const unsigned char *loose_end;                   /* up to here 32 bytes more may be read */
	struct sonde_text *entries, *entry, *entries_end; /* begun, next, end of room */
	uint32_t code;                                    /* of the next entry */
	unsigned char *memory;                            /* of the dictionary, not used yet */
	size_t memory_length, memory_step;
	struct otlp_decoded decoded;
	uint64_t repaired_before; /* decoded.repaired_count when the row was begun */
	bool passed_over; /* of the row there is something that another took the place of unseen */
	const char *bad_why;
	size_t bad_offset;

	struct table table;
	struct sonde_text *originals; /* by row; NULL: not kept */
	struct table child_table;
	const struct rules *child_rules[CHILD_KINDS];
	struct scratch children[CHILD_KINDS]; /* of struct child */
	struct scratch name;                  /* of a column, ended by a zero byte */
	struct scratch repair[2];
	struct point point;
	struct heap heaps[3];
	const char *refused_why;
};

/* Adds the row that was filled from that message, or refuses it: `result` is what that came to.
 * Returns what remains of it. */
int otlp_record_end(struct otlp_decoder *decoder, const struct message_field *message, int result);
/* Notes the first complaint and where it is; returns -EBADMSG. */
int otlp_request_is_bad(struct otlp_decoder *decoder, const unsigned char *at, const char *why);
/* Says why; returns -EINVAL. */
int otlp_record_is_refused(struct otlp_decoder *decoder, const char *why);

/* Memory of the dictionary; NULL: none. */
unsigned char *otlp_decoder_memory(struct otlp_decoder *decoder, size_t size);
/* A copy of what is in scratch memory there; refused, as `why` says, if it is too long for a text.
 */
int otlp_scratch_keep(struct otlp_decoder *decoder, const struct scratch *scratch, const char *why,
		      const unsigned char **ret_data, uint32_t *ret_length);
/* More room for entries; all that were added before are published. */
int otlp_entries_extend(struct otlp_decoder *decoder);
int otlp_entries_publish(struct otlp_decoder *decoder);

static inline int entry_add(struct otlp_decoder *decoder, const unsigned char *data,
			    uint32_t length, uint32_t *ret_code)
{
	if (__builtin_expect(decoder->entry == decoder->entries_end, 0)) {
		int result = otlp_entries_extend(decoder);

		if (result)
			return result;
	}
	*decoder->entry++ = (struct sonde_text){ .data = (const char *)data, .length = length };
	*ret_code = decoder->code++;
	return 0;
}

/* ---- texts ------------------------------------------------------------------------------- */

typedef uint64_t vector __attribute__((vector_size(16), aligned(1), may_alias));

/* The vector at this plus 32 less n: all ones in its first n bytes. */
extern const unsigned char otlp_vector_masks[64];

static inline vector vector_load(const unsigned char *at)
{
	return *(const vector *)(const void *)at;
}

#if defined(__SSE2__)
#include <emmintrin.h>

/* Whether all bytes are ASCII; up to 16 more are read. */
static inline bool text_is_ascii(const unsigned char *at, uint32_t length)
{
	uint32_t high = 0;

	for (; __builtin_expect(length > 16, 0); at += 16, length -= 16)
		high |= (uint32_t)_mm_movemask_epi8(_mm_loadu_si128((const __m128i_u *)at));
	high |= (uint32_t)_mm_movemask_epi8(_mm_loadu_si128((const __m128i_u *)at)) &
		((1u << length) - 1);
	return !high;
}

/* Whether 32 bytes are alike where the mask is all ones; where it is not, it is all zeros. */
static inline bool bytes_match(const unsigned char *a, const unsigned char *b,
			       const unsigned char *mask, uint32_t bits)
{
	const __m128i_u *left = (const __m128i_u *)a, *right = (const __m128i_u *)b;
	__m128i low = _mm_cmpeq_epi8(_mm_loadu_si128(left), _mm_loadu_si128(right));
	__m128i high = _mm_cmpeq_epi8(_mm_loadu_si128(left + 1), _mm_loadu_si128(right + 1));
	uint32_t alike = (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;

	(void)mask;
	return (alike & bits) == bits;
}
#else
static inline bool text_is_ascii(const unsigned char *at, uint32_t length)
{
	vector any = { 0 };

	for (; __builtin_expect(length > 16, 0); at += 16, length -= 16)
		any |= vector_load(at);
	any |= vector_load(at) & vector_load(otlp_vector_masks + 32 - length);
	return !((any[0] | any[1]) & 0x8080808080808080u);
}

static inline bool bytes_match(const unsigned char *a, const unsigned char *b,
			       const unsigned char *mask, uint32_t bits)
{
	vector different = ((vector_load(a) ^ vector_load(b)) & vector_load(mask)) |
			   ((vector_load(a + 16) ^ vector_load(b + 16)) & vector_load(mask + 16));

	(void)bits;
	return !(different[0] | different[1]);
}
#endif

bool otlp_text_is_valid(const unsigned char *data, size_t length);
#define TEXT_IS_TOO_LONG "a text that is not UTF-8 is too long to repair"

/* Adds a text, and counts it if it is not UTF-8 and is repaired. */
int otlp_text_add(struct otlp_decoder *decoder, struct scratch *scratch, const unsigned char *data,
		  size_t length);
/* Replaces what is not UTF-8, in memory of the dictionary. */
int otlp_text_repair(struct otlp_decoder *decoder, const unsigned char **data, uint32_t *length);
/* The same behind what is there. */
int otlp_text_repair_into(struct scratch *scratch, const unsigned char *data, size_t length);

/* Makes the text UTF-8 if it is not. */
static inline int text_check(struct otlp_decoder *decoder, const unsigned char **data,
			     uint32_t *length)
{
	if (__builtin_expect(*data + *length <= decoder->loose_end, 1) &&
	    __builtin_expect(text_is_ascii(*data, *length), 1))
		return 0;
	if (otlp_text_is_valid(*data, *length))
		return 0;
	return otlp_text_repair(decoder, data, length);
}

#endif
