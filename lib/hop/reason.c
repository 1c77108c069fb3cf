// SPDX-License-Identifier: Apache-2.0
/* The names of reasons. */
#include <assert.h>

#include "hop.h"

const char *hop_reason_name(enum hop_reason reason)
{
	static const char *const names[HOP_REASONS] = {
		[HOP_BY_OWNER] = "closed",
		[HOP_BY_PEER] = "closed by the peer",
		[HOP_LOST] = "lost",
		[HOP_SILENT] = "silent",
		[HOP_OVERSIZED] = "oversized",
		[HOP_SLOW] = "slow",
		[HOP_CROWDED] = "crowded",
		[HOP_NOT_TLS] = "no TLS",
		[HOP_OLD_TLS] = "old TLS",
		[HOP_NO_CERTIFICATE] = "no certificate",
		[HOP_UNTRUSTED] = "untrusted",
		[HOP_EXPIRED] = "expired",
		[HOP_REVOKED] = "revoked",
		[HOP_OTHER_NAME] = "other name",
		[HOP_NOT_ADMITTED] = "not admitted",
		[HOP_TLS_FAILED] = "TLS failed",
		[HOP_UNREACHABLE] = "unreachable",
		[HOP_NO_MEMORY] = "no memory",
	};

	assert(reason < HOP_REASONS);
	return names[reason];
}
