// What the storm's files share: two static calls, their targets, and the check of each call.
#include <stdatomic.h>

#include "patchbay.h"

long fifo(long x);
long deadline(long x);
void visit(void);
DECLARE_STATIC_CALL(pick, fifo);
DECLARE_STATIC_CALL(hook, visit);

/* What a key calls for certain, and whether a change is under way: changes * 8 + target * 2 + under way. */
enum { FIFO, DEADLINE, ZERO, NOTHING, VISIT };
extern atomic_ulong settled;
/* How many targets this thread has run. */
extern _Thread_local long executed;

void check_pick(unsigned long before, long made, long argument, long result);
void check_hook(unsigned long before, long made);

/* One call from every site. Each shared object has its own. */
void round_here(long x), round_there(long x);
