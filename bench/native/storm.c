// A storm: threads call through every site while one changes what they call. Counts calls that returned what no target
// returns (wrong), whose target did not run, or ran twice (lost), and that ran an old target although the change had
// returned before the call began (stale). A torn call ends the program by a signal.
//
// Threads that call are nicer than the one that changes, so that changes come fast also where there are fewer processors.
//
//     storm CHANGES UPDATES THREADS       CHANGES: store, zero, null, both, or idle, which changes nothing; prints a line of JSON
#define _GNU_SOURCE
#define PATCHBAY_RUNTIME
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "storm.h"

#ifndef THERE
atomic_ulong settled;
_Thread_local long executed;
long fifo(long x) { return executed++, 2 * x + 1; }
long deadline(long x) { return executed++, 2 * x + 2; }
void visit(void) { executed++; }
#endif
static atomic_long calls, nanoseconds, wrong, lost, stale;
static atomic_int ended, ready;
static int hooked;

static _Thread_local long made_here;

/* What was called for certain while a call ran, or -1. */
static int certain(unsigned long before) {
	return before == atomic_load(&settled) && (before & 1) == 0 ? (int)(before >> 1 & 3) : -1;
}

void check_pick(unsigned long before, long made, long x, long result) {
	int ran = result == 2 * x + 1 ? FIFO : result == 2 * x + 2 ? DEADLINE : result == 0 ? ZERO : -1;
	int sure = certain(before);
	made_here++;
	if (ran < 0) atomic_fetch_add(&wrong, 1);
	else if (executed - made != (ran != ZERO)) atomic_fetch_add(&lost, 1);
	if (sure >= 0 && ran >= 0 && ran != (sure == NOTHING ? DEADLINE : sure)) atomic_fetch_add(&stale, 1);
}

/* While `hook` changes it is nothing whenever the settled target says so. */
void check_hook(unsigned long before, long made) {
	int sure = certain(before);
	long ran = executed - made;
	made_here++;
	if (ran != 0 && ran != 1) atomic_fetch_add(&wrong, 1);
	else if (!hooked && ran != 1) atomic_fetch_add(&lost, 1);
	else if (hooked && sure >= 0 && ran != (sure != NOTHING)) atomic_fetch_add(&stale, 1);
}

static double seconds(clockid_t clock) {
	struct timespec time;
	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *reader(void *argument) {
	setpriority(PRIO_PROCESS, 0, 19); /* of this thread */
	round_here(1);
	atomic_fetch_add(&ready, 1);
	for (long x = (long)(size_t)argument + 1; !atomic_load(&ended); x = x % 1000 + 1) {
		round_here(x);
#ifdef THERE
		round_there(x);
#endif
	}
	atomic_fetch_add(&calls, made_here);
	atomic_fetch_add(&nanoseconds, (long)(seconds(CLOCK_THREAD_CPUTIME_ID) * 1e9));
	return 0;
}

/* Step `i` of a storm of these changes. @returns what is called after it */
static int change(const char *changes, unsigned long i, int *error) {
	int odd = (int)(i & 1);
	if (strcmp(changes, "idle") == 0) return usleep(100), FIFO;
	if (strcmp(changes, "store") == 0) {
		*error = odd ? static_call_update(pick, deadline) : static_call_update(pick, fifo);
		return odd ? DEADLINE : FIFO;
	}
	if (strcmp(changes, "zero") == 0) {
		*error = odd ? static_call_update(pick, static_call_ret0(pick)) : i & 2 ? static_call_update(pick, deadline) : static_call_update(pick, fifo);
		return odd ? ZERO : i & 2 ? DEADLINE : FIFO;
	}
	if (strcmp(changes, "null") == 0) {
		*error = odd ? static_call_update(hook, NULL) : static_call_update(hook, visit);
		return odd ? NOTHING : DEADLINE;
	}
	*error = odd ? static_call_update_all(static_call_change(pick, deadline), static_call_change(hook, NULL))
	             : static_call_update_all(static_call_change(pick, fifo), static_call_change(hook, visit));
	return odd ? NOTHING : FIFO;
}

/* How many calls go straight to their functions now. */
static long patched(void) {
	static char status[1 << 20];
	patchbay_status(status, sizeof status);
	return atol(strstr(status, "calls: ") + 7) - atol(strstr(status, "on trampolines: ") + 16);
}

static int ascending(const void *a, const void *b) {
	float one = *(const float *)a, other = *(const float *)b;
	return one < other ? -1 : one > other;
}

int main(int count, char **arguments) {
	const char *changes = count > 1 ? arguments[1] : "store";
	unsigned long updates = count > 2 ? strtoul(arguments[2], 0, 10) : 1000;
	int threads = count > 3 ? atoi(arguments[3]) : 4, refused = 0, error = 0;
	pthread_t readers[64];
	hooked = strcmp(changes, "null") == 0 || strcmp(changes, "both") == 0;
	if (strcmp(changes, "null") == 0) {
		static_call_update(pick, deadline);
		atomic_store(&settled, DEADLINE * 2);
	}
	for (int i = 0; i < threads && i < 64; i++) pthread_create(&readers[i], 0, reader, (void *)(size_t)i);
	while (atomic_load(&ready) < threads) sched_yield();
	float *took = calloc(updates + 1, sizeof *took); /* microseconds of each change */
	double start = seconds(CLOCK_MONOTONIC);
	for (unsigned long i = 1; i <= updates; i++) {
		atomic_store(&settled, i * 8 + 1);
		double begun = seconds(CLOCK_MONOTONIC);
		int target = change(changes, i, &error);
		took[i - 1] = (float)((seconds(CLOCK_MONOTONIC) - begun) * 1e6);
		refused += error != 0;
		atomic_store(&settled, i * 8 + (unsigned long)target * 2);
	}
	double all = seconds(CLOCK_MONOTONIC) - start;
	atomic_store(&ended, 1);
	for (int i = 0; i < threads && i < 64; i++) pthread_join(readers[i], 0);
	qsort(took, updates, sizeof *took, ascending);
	printf("{\"changes\":\"%s\",\"sites\":%d,\"patched\":%ld,\"threads\":%d,\"updates\":%lu,\"refused\":%d,\"calls\":%ld,\"traps\":%llu,"
	       "\"wrong\":%ld,\"lost\":%ld,\"stale\":%ld,\"updatesPerSecond\":%.0f,\"microseconds\":{\"p10\":%.2f,\"p50\":%.2f,\"p99\":%.2f},"
	       "\"nanosecondsPerCall\":%.2f}\n",
	       changes, SITES, patched(), threads, updates, refused, atomic_load(&calls), (unsigned long long)__patchbay.traps,
	       atomic_load(&wrong), atomic_load(&lost), atomic_load(&stale), (double)updates / all, took[updates / 10],
	       took[updates / 2], took[updates * 99 / 100], (double)atomic_load(&nanoseconds) / (double)atomic_load(&calls));
	return wrong || lost || stale || refused;
}
