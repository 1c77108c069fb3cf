// SPDX-License-Identifier: Apache-2.0
/* Fuzzes the reading of test files, and judging by whatever they expect. */
#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../unit/made.h"
#include "judge.h"
#include "script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int text_load(const void *text, size_t size, struct problems *problems,
		     struct script **ret_script)
{
	int file = memfd_create("fuzz", MFD_CLOEXEC), result;
	char path[64];

	assert(file >= 0 && write(file, text, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	result = script_load(path, problems, ret_script);
	close(file);
	return result;
}

/* Rows of which some may hold, beside everything that is expected. */
static void script_judge(struct script *script)
{
	static const char *const outputs[] = { "out" };
	struct sonde_batch *batch = finished_batch(0, 20);
	struct ledger *ledger = NULL;
	struct judge *judge;
	char *told = NULL;
	size_t length;
	FILE *file = open_memstream(&told, &length);

	for (uint32_t at = 0; at < script->expectation_count; at++)
		if (!script->expectations[at].of_ledger)
			script->expectations[at].output = "out";
	assert(file && !ledger_open(NULL, &ledger));
	judge = judge_create(script->expectations, script->expectation_count, outputs, 1, 3);
	assert(judge);
	judge_take(judge, 0, batch);
	judge_take(judge, 0, batch);
	assert(judge_tell(judge, ledger, file) <= (int64_t)script->expectation_count);
	judge_release(judge);
	ledger_close(ledger);
	batch_release(batch);
	fclose(file);
	free(told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problems *problems = problems_create();
	struct script *script = NULL;
	int result;

	assert(problems);
	result = text_load(data, size, problems, &script);
	if (!result)
		script_judge(script);
	else
		assert(!script && problems_count(problems, PROBLEM_ERROR));
	script_release(script);
	problems_release(problems);
	return 0;
}
