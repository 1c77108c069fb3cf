// SPDX-License-Identifier: Apache-2.0
/* Processor `first`, in C++20: of the rows with the same text in a column, the first of each
 * interval.
 *
 * What differs from C: the private struct is memory of zeros that no constructor has seen, so that
 * objects are made in start() and kept by pointer; and no exception may leave a callback. */
#include <cerrno>
#include <cstddef>
#include <exception>
#include <new>
#include <string>
#include <unordered_map>
#include <vector>
#include <sonde/plugin.h>

namespace
{

/* What start() makes and stop() deletes. */
struct memory {
	std::unordered_map<std::string, int64_t> passed_ns; /* when a text passed last */
	std::vector<unsigned char> bits;                    /* of the rows that pass */
};

struct first {
	const char *column;  /* option */
	int64_t interval_ns; /* option */
	uint32_t limit;      /* option */
	uint64_t forgets;    /* counter */
	memory *seen;        /* from start() to stop() */
};

const struct sonde_option first_options[] = {
	{ .name = "column",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(first, column),
	  .help = "name of a column of texts",
	  .required = true },
	{ .name = "interval",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(first, interval_ns),
	  .value = "1m",
	  .minimum = "1ms",
	  .help = "how long a text that has passed is held back",
	  .knob = true },
	{ .name = "limit",
	  .type = SONDE_U32,
	  SONDE_MEMBER(first, limit),
	  .value = "100000",
	  .minimum = "1",
	  .unit = "{text}",
	  .help = "texts remembered at most; then all are forgotten" },
	{},
};

const struct sonde_counter first_counters[] = {
	{ .name = "forgets",
	  SONDE_MEMBER(first, forgets),
	  .unit = "{time}",
	  .help = "how often all texts were forgotten, since they were too many" },
	{},
};

/* Runs what may throw, and turns what it throws into an errno. */
template <typename Work> int guarded(struct sonde_instance *instance, Work work)
{
	try {
		return work();
	} catch (const std::bad_alloc &) {
		return sonde_fail(instance, ENOMEM, "no memory");
	} catch (const std::exception &error) {
		return sonde_fail(instance, EIO, "%s", error.what());
	}
}

int first_start(struct sonde_instance *instance)
{
	auto *self = static_cast<first *>(instance->self);

	return guarded(instance, [self] {
		self->seen = new memory;
		return 0;
	});
}

void first_stop(struct sonde_instance *instance)
{
	auto *self = static_cast<first *>(instance->self);

	delete self->seen;
	self->seen = nullptr; /* start() may come again */
}

/* Whether the row is the first with its text, in which case it is remembered. */
bool is_first(first *self, struct sonde_text text, int64_t now_ns)
{
	auto &passed_ns = self->seen->passed_ns;
	auto [place, is_new] = passed_ns.try_emplace(std::string(text.data, text.length), now_ns);

	if (!is_new && now_ns - place->second < self->interval_ns)
		return false;
	place->second = now_ns;
	if (passed_ns.size() > self->limit) {
		passed_ns.clear();
		sonde_count(&self->forgets, 1);
	}
	return true;
}

/* NULL: the batch has no such column of texts. */
const struct sonde_column *column_find(const struct sonde_batch *batch, const std::string &name)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->type == SONDE_TEXT && name == column->name)
			return column;
	}
	return nullptr;
}

int first_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	auto *self = static_cast<first *>(instance->self);
	int64_t now_ns = sonde_now_ns(instance);

	return guarded(instance, [=] {
		const struct sonde_column *column = column_find(batch, self->column);
		auto &bits = self->seen->bits;

		if (!column)
			return static_cast<int>(SONDE_PASS);
		bits.assign(batch->row_count / 8 + 1, 0);
		for (uint32_t row = 0; row < batch->row_count; row++) {
			if (sonde_selected(batch, row) && sonde_valid(column, row) &&
			    is_first(self, sonde_text_at(column, row), now_ns))
				bits[row >> 3] |= static_cast<unsigned char>(1u << (row & 7));
		}
		struct sonde_batch *derived = sonde_batch_derive(instance, batch);
		if (!derived)
			throw std::bad_alloc();
		if (sonde_batch_select(instance, derived, bits.data()) < 0) {
			sonde_batch_release(instance, derived);
			throw std::bad_alloc();
		}
		return sonde_emit_batch(instance, derived);
	});
}

const struct sonde_plugin first_plugin = {
	SONDE_PLUGIN_PROCESSOR,
	.name = "first",
	.summary = "the first row of each text in an interval",
	.version = "1.0",
	.self_size = sizeof(first),
	.replication = SONDE_BY_KEY,
	.reduces = SONDE_FILTERED,
	.options = first_options,
	.counters = first_counters,
	.start = first_start,
	.stop = first_stop,
	.process = first_process,
};

} // namespace

SONDE_EXPORT(first_plugin)
