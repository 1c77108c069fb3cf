/* SPDX-License-Identifier: Apache-2.0 */
/* What callbacks are called, as plugins know them. */
#include "instance.h"

static const char *const callback_names[CALLBACK_COUNT] = {
	[CALLBACK_NONE] = "none",       [CALLBACK_CHECK] = "check",     [CALLBACK_START] = "start",
	[CALLBACK_STOP] = "stop",       [CALLBACK_SET] = "set",         [CALLBACK_READY] = "ready",
	[CALLBACK_TIMER] = "timer",     [CALLBACK_WOKEN] = "woken",     [CALLBACK_DRAIN] = "drain",
	[CALLBACK_REPORT] = "report",   [CALLBACK_SETTLED] = "settled", [CALLBACK_ROOM] = "room",
	[CALLBACK_PROCESS] = "process", [CALLBACK_WRITE] = "write",     [CALLBACK_ASK] = "ask",
	[CALLBACK_TAKE] = "take",
};

const char *callback_name(uint32_t callback)
{
	return callback < CALLBACK_COUNT ? callback_names[callback] : "unknown";
}
