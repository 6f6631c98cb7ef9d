// What a call costs, side by side: nanoseconds over those of an empty loop, the least of many rounds. The function table is
// that of a compression library, which is filled once, from what the processor can do, and called per block ever after.
#define _GNU_SOURCE
#define PATCHBAY_RUNTIME
#include <stdio.h>
#include <time.h>

#include "patchbay.h"

enum { CALLS = 20000, ROUNDS = 4000 }; /* a round is shorter than a time slice */

/* An Adler checksum of a short block: the function that the table's user wants. */
__attribute__((noipa)) unsigned checksum(unsigned sum, const unsigned char *block) {
	unsigned low = sum & 0xffff, high = sum >> 16;
	for (int i = 0; i < 8; i++) high += low += block[i];
	return high << 16 | low;
}
__attribute__((noipa)) unsigned short_call(unsigned sum, const unsigned char *block) { return sum + block[0]; }
__attribute__((noipa)) unsigned traced(unsigned sum, const unsigned char *block) { return sum ^ block[1]; }

DEFINE_STATIC_CALL(patched, short_call);
DEFINE_STATIC_CALL(patched_checksum, checksum);
DEFINE_STATIC_CALL_NULL(tracepoint, traced);
DEFINE_STATIC_KEY_FALSE(tracing);
struct table {
	unsigned (*short_call)(unsigned, const unsigned char *);
	unsigned (*checksum)(unsigned, const unsigned char *);
	unsigned (*tracepoint)(unsigned, const unsigned char *);
	int tracing;
} table = {short_call, checksum, 0, 0};

static const unsigned char block[16] = "patchbay's bench";
static double now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

#define LOOP(name, statement)                                          \
	__attribute__((noipa)) static unsigned name(unsigned sum) {           \
		for (int i = 0; i < CALLS; i++) {                                    \
			__asm__ volatile("" : "+r"(sum) : : "memory");                       \
			statement;                                                          \
		}                                                                    \
		return sum;                                                          \
	}
LOOP(empty, (void)0)
LOOP(by_direct, sum = short_call(sum, block))
LOOP(by_patched, sum = static_call(patched)(sum, block))
LOOP(by_pointer, sum = table.short_call(sum, block))
LOOP(checksum_direct, sum = checksum(sum, block))
LOOP(checksum_patched, sum = static_call(patched_checksum)(sum, block))
LOOP(checksum_table, sum = table.checksum(sum, block))
LOOP(trace_nop, static_call_cond(tracepoint)(sum, block))
LOOP(trace_test, if (table.tracepoint) table.tracepoint(sum, block))
LOOP(branch_nop, if (static_branch_unlikely(tracing)) sum = traced(sum, block))
LOOP(branch_test, if (__builtin_expect(table.tracing, 0)) sum = traced(sum, block))

static const struct {
	const char *name;
	unsigned (*run)(unsigned);
} rows[] = {{"empty loop", empty}, {"call, direct", by_direct}, {"call, patched", by_patched}, {"call, through a function table", by_pointer},
            {"checksum, direct", checksum_direct}, {"checksum, patched", checksum_patched}, {"checksum, through a function table", checksum_table},
            {"tracepoint, patched to nothing", trace_nop}, {"tracepoint, pointer tested", trace_test},
            {"branch, static key off", branch_nop}, {"branch, flag tested", branch_test}};

int main(void) {
	enum { ROWS = sizeof rows / sizeof *rows };
	double least[ROWS];
	volatile unsigned sink = 0;
	for (int row = 0; row < ROWS; row++) least[row] = 1e18;
	for (int round = 0; round < ROUNDS; round++)
		for (int row = 0; row < ROWS; row++) {
			double start = now();
			sink += rows[row].run(1);
			double took = (now() - start) / CALLS;
			if (took < least[row]) least[row] = took;
		}
	for (int row = 0; row < ROWS; row++)
		printf("{\"what\":\"%s\",\"nanoseconds\":%.2f}\n", rows[row].name, row == 0 ? least[0] : least[row] - least[0]);
	return 0;
}
