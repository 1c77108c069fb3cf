/* SPDX-License-Identifier: Apache-2.0 */
/* Calibrated prices, 0 as long as nothing was measured. */
#ifndef SONDE_KERNEL_PRICE_H
#define SONDE_KERNEL_PRICE_H

/* What an empty program on the hook adds to what passes it, ns. */
double price_hook_ns(const char *hook, const char *variant);

/* One reading of the boottime clock inside a program, ns. */
double price_clock_ns(void);

#endif
