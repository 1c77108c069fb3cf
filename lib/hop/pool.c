// SPDX-License-Identifier: Apache-2.0
/* A pool of buffers. Malloc gives the memory of large ones back to the kernel each time, and to get
 * it anew costs more than to fill it. */
#include <pthread.h>
#include <stdlib.h>

#include "pool.h"

/* Four sizes from each power of two to the next: 256, 320, 384, 448, 512, 640 … 128 MiB. */
enum {
	SMALLEST_BITS = 8,
	STEPS_BITS = 2,
	CLASSES = 19 * (1 << STEPS_BITS) + 1,
	POOL_LARGE = -1,
	POOL_WRAPPED = -2,
	TRIM_S = 10,
};

#if defined(__SANITIZE_ADDRESS__)
enum { IDLE_LIMIT_BYTES = 0 }; /* so that it sees what is used when it is gone */
#else
enum { IDLE_LIMIT_BYTES = 64 << 20 };
#endif

static struct {
	pthread_mutex_t lock;
	struct hop_pooled *idle[CLASSES];
	uint32_t count[CLASSES];
	uint32_t lowest[CLASSES]; /* of count since the last trim */
	size_t idle_bytes;
	int64_t trimmed_ns;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Of a buffer with everything; POOL_LARGE: `ret_bytes` is as asked for. */
static int class_of(size_t bytes, size_t *ret_bytes)
{
	unsigned top, shift;
	size_t units;
	int class;

	*ret_bytes = (size_t)1 << SMALLEST_BITS;
	if (bytes <= *ret_bytes)
		return 0;
	top = 63 - (unsigned)__builtin_clzll(bytes - 1);
	shift = top - STEPS_BITS;
	units = ((bytes - 1) >> shift) + 1;
	class = (int)(((top - SMALLEST_BITS) << STEPS_BITS) + units - (1 << STEPS_BITS));
	*ret_bytes = class < CLASSES ? units << shift : bytes;
	return class < CLASSES ? class : POOL_LARGE;
}

size_t hop_pool_memory(size_t length)
{
	size_t bytes;

	(void)class_of(sizeof(struct hop_pooled) + length, &bytes);
	return bytes;
}

size_t hop_pool_fitting(size_t memory_bytes)
{
	return memory_bytes - sizeof(struct hop_pooled);
}

static struct hop_pooled *take(int class)
{
	struct hop_pooled *pooled = NULL;

	if (class < 0)
		return NULL;
	pthread_mutex_lock(&pool.lock);
	pooled = pool.idle[class];
	if (pooled) {
		pool.idle[class] = pooled->next;
		pool.idle_bytes -= pooled->memory_bytes;
		if (--pool.count[class] < pool.lowest[class])
			pool.lowest[class] = pool.count[class];
	}
	pthread_mutex_unlock(&pool.lock);
	return pooled;
}

/* Whether there was room for it. */
static bool give(struct hop_pooled *pooled)
{
	int class = pooled->size_class;
	bool fits = false;

	if (class < 0)
		return false;
	pthread_mutex_lock(&pool.lock);
	if (pool.idle_bytes + pooled->memory_bytes <= IDLE_LIMIT_BYTES) {
		pooled->next = pool.idle[class];
		pool.idle[class] = pooled;
		pool.idle_bytes += pooled->memory_bytes;
		pool.count[class]++;
		fits = true;
	}
	pthread_mutex_unlock(&pool.lock);
	return fits;
}

static struct hop_pooled *trim_one(struct hop_pooled *list, int class)
{
	for (uint32_t spare = pool.lowest[class]; spare > 0; spare--) {
		struct hop_pooled *pooled = pool.idle[class];

		pool.idle[class] = pooled->next;
		pool.idle_bytes -= pooled->memory_bytes;
		pool.count[class]--;
		pooled->next = list;
		list = pooled;
	}
	pool.lowest[class] = pool.count[class];
	return list;
}

void hop_pool_trim(int64_t now_ns)
{
	struct hop_pooled *list = NULL;

	pthread_mutex_lock(&pool.lock);
	if (now_ns - pool.trimmed_ns >= TRIM_S * INT64_C(1000000000)) {
		pool.trimmed_ns = now_ns;
		for (int class = 0; class < CLASSES; class ++)
			list = trim_one(list, class);
	}
	pthread_mutex_unlock(&pool.lock);
	while (list) {
		struct hop_pooled *next = list->next;

		free(list);
		list = next;
	}
}

/* ---- buffers ----------------------------------------------------------------------------- */

struct hop_buffer *hop_buffer_create(size_t length)
{
	size_t bytes;
	int class = class_of(sizeof(struct hop_pooled) + length, &bytes);
	struct hop_pooled *pooled = take(class);

	if (length > SIZE_MAX / 2)
		return NULL;
	if (!pooled)
		pooled = malloc(bytes);
	if (!pooled)
		return NULL;
	*pooled = (struct hop_pooled){ .size_class = class, .memory_bytes = bytes };
	pooled->buffer = (struct hop_buffer){ (unsigned char *)(pooled + 1), length };
	atomic_init(&pooled->references, 1);
	return &pooled->buffer;
}

struct hop_buffer *hop_buffer_wrap(const void *bytes, size_t length, void (*release)(void *data),
				   void *data)
{
	struct hop_pooled *pooled = malloc(sizeof(*pooled));

	if (!pooled)
		return NULL;
	*pooled = (struct hop_pooled){
		.buffer = { (unsigned char *)bytes, length }, /* readers do not write */
		.size_class = POOL_WRAPPED,
		.memory_bytes = sizeof(*pooled) + length,
		.release = release,
		.data = data,
	};
	atomic_init(&pooled->references, 1);
	return &pooled->buffer;
}

struct hop_buffer *hop_buffer_acquire(struct hop_buffer *buffer)
{
	atomic_fetch_add_explicit(&hop_pooled(buffer)->references, 1, memory_order_relaxed);
	return buffer;
}

void hop_buffer_release(struct hop_buffer *buffer)
{
	struct hop_pooled *pooled = hop_pooled(buffer);

	if (!buffer || atomic_fetch_sub_explicit(&pooled->references, 1, memory_order_acq_rel) > 1)
		return;
	if (pooled->release)
		pooled->release(pooled->data);
	if (!give(pooled))
		free(pooled);
}

size_t hop_buffer_memory(const struct hop_buffer *buffer)
{
	return ((const struct hop_pooled *)buffer)->memory_bytes;
}
