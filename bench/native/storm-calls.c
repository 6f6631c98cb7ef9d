// The sites of the storm: SITES plain calls, eight tail calls of each key, all called by one function named ROUND.
#include "storm.h"

#ifdef DEFINE_KEYS
DEFINE_STATIC_CALL(pick, fifo);
DEFINE_STATIC_CALL(hook, visit);
#endif

#ifdef TARGETS
atomic_ulong settled;
_Thread_local long executed;
long fifo(long x) { return executed++, 2 * x + 1; }
long deadline(long x) { return executed++, 2 * x + 2; }
void visit(void) { executed++; }
#endif

#define NOINLINE static __attribute__((noinline))
#define TAILS(n)                                                    \
	NOINLINE long pick##n(long x) { return static_call(pick)(x); }     \
	NOINLINE void hook##n(void) { static_call_cond(hook)(); }
TAILS(0) TAILS(1) TAILS(2) TAILS(3) TAILS(4) TAILS(5) TAILS(6) TAILS(7)

#define AROUND(call, check)                                                         \
	{                                                                                  \
		unsigned long before = atomic_load(&settled);                                     \
		long made = executed;                                                             \
		call;                                                                             \
		check;                                                                            \
	}
#define PICK(call) AROUND(long result = call, check_pick(before, made, x, result))
#define HOOK(call) AROUND(call, check_hook(before, made))
#define BOTH PICK(static_call(pick)(x)) HOOK(static_call_cond(hook)())
#define TAIL_CALLS(n) PICK(pick##n(x)) HOOK(hook##n())

#define TEN(what) what what what what what what what what what what
#if SITES == 1000
#define ALL TEN(TEN(TEN(BOTH)))
#else
#define ALL TEN(BOTH BOTH BOTH BOTH BOTH) BOTH BOTH BOTH BOTH BOTH BOTH
#endif

void ROUND(long x) {
	ALL
	TAIL_CALLS(0) TAIL_CALLS(1) TAIL_CALLS(2) TAIL_CALLS(3) TAIL_CALLS(4) TAIL_CALLS(5) TAIL_CALLS(6) TAIL_CALLS(7)
}
