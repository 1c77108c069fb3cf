/* SPDX-License-Identifier: Apache-2.0 */
/* Version 2 of frames, for tests alone: put before the sources of version 1, it makes their head a
 * member longer. It proves that the step can be made; a real version 2 will differ. */
#ifndef SONDE_FRAME_V2_H
#define SONDE_FRAME_V2_H

#include "frame.h"
#include "frame_format.h"

#define FRAME_VERSION    2
#define FRAME_HEAD_BYTES 104

#endif
