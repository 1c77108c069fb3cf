/* SPDX-License-Identifier: Apache-2.0 */
/* Input `nng`: its state, its edges, and what its parts do. */
#ifndef SONDE_NNG_H
#define SONDE_NNG_H

#include "hop.h"
#include "message.h"
#include "settings.h"
#include "share.h"

enum { TIMER_TICK };

enum edge_state { EDGE_READY, EDGE_CLOSING };

/* A connection whose edge has greeted. */
struct edge {
	uint32_t slot;
	uint64_t user; /* its number, never used again */
	struct hop_connection *connection;
	enum edge_state state;
	char name[MESSAGE_TEXT_LIMIT + 1]; /* by its certificate; else as it says */
	char address[HOP_ADDRESS_BYTES];
	char host_id[MESSAGE_TEXT_LIMIT + 1], software[MESSAGE_TEXT_LIMIT + 1];
	char labels[MESSAGE_TEXT_LIMIT + 1];
	bool is_same_name;    /* another had the name when it came */
	int64_t since_ns;     /* since the epoch */
	int64_t spoke_ns;     /* monotonic; when something was said to it last */
	int64_t heartbeat_ns; /* it wants to hear so often */

	/* A frame that there is no room for yet; the connection is paused. */
	struct hop_buffer *waiting;
	uint64_t waiting_floor;
	struct edge *behind; /* in the line of those that wait */

	uint64_t frames, rows, bytes, repeats, refused, acked; /* acked: acknowledgements */
	uint32_t open_count;                                   /* frames taken and not settled */
	double rows_per_s;
	uint64_t rows_before; /* at the last look */
	int64_t lag_ns;       /* of the last statement, by both clocks */
};

/* A frame that was emitted and is not settled: the token. */
struct taken {
	struct taken *next, **link;
	struct share_frame frame;
	uint64_t user;
	uint64_t rows;
	bool is_ended; /* the edge has its answer */
};

struct nng {
	struct settings settings; /* first: settings_options is a table of it */

	/* counters */
	uint64_t frames, rows, bytes, repeats, refused, full, statements, refused_edges;

	struct hop *hop;
	struct share *share;
	struct share_member member;
	struct edge **edges; /* by slot; NULL: free */
	uint32_t edge_count, edge_limit;
	uint32_t greeting_count; /* that ever came: makes numbers of edges */
	struct edge *line, **line_last;
	struct taken *taken; /* that are not settled */
	uint64_t order_count;
	int64_t looked_ns; /* monotonic; when rates were worked out */
	bool is_ending;
};

int64_t nng_now_ns(void); /* monotonic */

/* ---- edges.c ------------------------------------------------------------------------------ */

/* A first message. It is refused, or there is an edge. */
void edge_greet(struct sonde_instance *instance, struct hop_connection *connection,
		const struct hop_event *event);

struct edge *edge_find(const struct nng *nng, uint64_t user); /* NULL: it is gone */

void edge_say(struct edge *edge, uint32_t type, uint64_t sequence, const void *bytes,
	      size_t length);
void edge_notice(struct edge *edge, uint32_t type, uint64_t sequence, uint32_t code,
		 const char *text);

/* Says why and closes the connection. */
void edge_refuse(struct sonde_instance *instance, struct edge *edge, uint32_t code,
		 const char *text);

/* Its connection is closed. */
void edge_gone(struct sonde_instance *instance, struct edge *edge);

void edges_tick(struct sonde_instance *instance);

/* Sends an order to those that it names. */
void edges_order(struct sonde_instance *instance);

/* ---- take.c ------------------------------------------------------------------------------- */

/* A message with a frame, whose payload is taken over. */
void take_frame(struct sonde_instance *instance, struct edge *edge, struct hop_buffer *payload,
		uint64_t floor);

/* A frame with a ledger. */
void take_statement(struct sonde_instance *instance, struct edge *edge, const void *data,
		    size_t length);

/* Frames that wait, the longest first, as far as there is room. */
void take_waiting(struct sonde_instance *instance);

/* Edge leaves the line, and what waits of it is let go. */
void take_none(struct nng *nng, struct edge *edge);

/* Sends what is to be said of frames. */
void take_answers(struct sonde_instance *instance);

int take_settled(struct sonde_instance *instance, struct taken *taken,
		 const struct sonde_settlement *settlement);

/* ---- report.c ----------------------------------------------------------------------------- */

int nng_report(struct sonde_instance *instance, struct sonde_report *report);

#endif
