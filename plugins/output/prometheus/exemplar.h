/* SPDX-License-Identifier: Apache-2.0 */
/* Exemplars of samples. */
#ifndef SONDE_PROMETHEUS_EXEMPLAR_H
#define SONDE_PROMETHEUS_EXEMPLAR_H

#include "series.h"

/* The newest exemplar whose value, divided, is over `above` and at most `most`; NULL: there is
 * none.
 */
static inline const struct series_exemplar *exemplar_find(const struct series *series,
							  double divisor, double above, double most)
{
	const struct series_exemplars *ring = series->exemplars;

	for (uint32_t i = 1; ring && i <= ring->count; i++) {
		const struct series_exemplar *exemplar =
			&ring->items[(ring->next + SERIES_EXEMPLARS - i) % SERIES_EXEMPLARS];
		double value = exemplar->value / divisor;

		if (value > above && value <= most)
			return exemplar;
	}
	return NULL;
}

/* An id in lower-case digits; returns their number. */
static inline size_t exemplar_hex(char text[32], const unsigned char *id, size_t length)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < length; i++) {
		text[2 * i] = digits[id[i] >> 4];
		text[2 * i + 1] = digits[id[i] & 15];
	}
	return 2 * length;
}

#endif
