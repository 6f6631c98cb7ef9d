// A storm of updates on one call site of this processor, for `patchbay chaos --native`: a thread calls through the site while
// another makes it call one function and the other in turn, in one of several ways, with the site at one of several places.
// All mixtures of the two instructions call something that says so, hence a torn call is counted and no crash.
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

// Each byte of the two displacements differs.
#define FIRST 0x02040810u
#define SECOND 0x04081020u
#define BASE ((unsigned char *)0x10000000)
enum { PAGE = 4096, TORN = 2 };

static unsigned char *site;
static volatile unsigned long begun, done;
static volatile uint32_t goal;
static volatile int finish, ready;
static volatile unsigned long calls;
static unsigned long torn, stale, lost;

static void fail(const char *what) {
	perror(what);
	exit(3);
}
static void *map(unsigned char *at, size_t size) {
	void *got = mmap(at, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (got != at) fail("mmap");
	return got;
}
/* mov $answer, %eax; ret */
static void put_function(unsigned char *at, uint32_t answer) {
	at[0] = 0xb8;
	memcpy(at + 1, &answer, 4);
	at[5] = 0xc3;
}
static void place(unsigned char *at) {
	site = at;
	memcpy(site, "\xe8\0\0\0\0\xc3", 6);
	*(uint32_t *)(site + 1) = FIRST;
	for (int mixture = 0; mixture < 16; mixture++) {
		uint32_t displacement = 0;
		for (int byte = 0; byte < 4; byte++) displacement |= ((mixture >> byte & 1) ? SECOND : FIRST) & 0xffu << 8 * byte;
		put_function(site + 5 + displacement, mixture == 0 ? 0 : mixture == 15 ? 1 : TORN);
	}
}

/* Does the call in the place of the breakpoint. */
static void trap(int number, siginfo_t *info, void *context) {
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	uintptr_t back = (uintptr_t)site + 5;
	(void)number, (void)info;
	if ((uintptr_t)registers[REG_RIP] != (uintptr_t)site + 1) _exit(4);
	registers[REG_RSP] -= 8;
	memcpy((void *)registers[REG_RSP], &back, 8);
	registers[REG_RIP] = (greg_t)(back + goal);
}
/* A call that ended in a fault: it returns what no function does. */
static void fault(int number, siginfo_t *info, void *context) {
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	(void)number, (void)info;
	registers[REG_RAX] = TORN + 1;
	registers[REG_RIP] = (greg_t)(site + 5);
}

static void *call(void *nothing) {
	unsigned (*through)(void) = (unsigned (*)(void))site;
	ready = 1;
	while (!finish) {
		unsigned long before = done;
		unsigned answer = through();
		unsigned long after = begun;
		calls++;
		if (answer == TORN) torn++;
		else if (answer > TORN) lost++;
		else if (after == before && answer != (before & 1)) stale++;
	}
	return nothing;
}

static void sync_cores(void) {
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) != 0) fail("membarrier");
}
static void store_bytes(uint32_t to) {
	for (int byte = 0; byte < 4; byte++) ((volatile unsigned char *)site)[1 + byte] = (unsigned char)(to >> 8 * byte);
}
static void store_word(uint32_t to) { __asm__ volatile("movl %1, %0" : "=m"(*(uint32_t *)(site + 1)) : "r"(to) : "memory"); }
/* A breakpoint, the tail, the head, with a sync behind each for which `syncs` has a bit. */
static void store_behind_breakpoint(uint32_t to, int syncs) {
	*(volatile unsigned char *)site = 0xcc;
	if (syncs & 1) sync_cores();
	store_word(to);
	if (syncs & 2) sync_cores();
	*(volatile unsigned char *)site = 0xe8;
	if (syncs & 4) sync_cores();
}
static void update(const char *writer, uint32_t to) {
	if (strcmp(writer, "bytes") == 0) store_bytes(to);
	else if (strcmp(writer, "bytes-sync") == 0) store_bytes(to), sync_cores();
	else if (strcmp(writer, "store") == 0) store_word(to);
	else if (strcmp(writer, "store-sync") == 0) store_word(to), sync_cores();
	else if (strncmp(writer, "breakpoint-", 11) == 0) store_behind_breakpoint(to, atoi(writer + 11));
	else exit(2);
}

/* Where the displacement crosses nothing, or an aligned `size` and nothing larger below a page, in its middle. */
static unsigned char *place_crossing(unsigned size) {
	if (size == 0) return BASE + PAGE;
	return BASE + (size == PAGE ? 2 * PAGE : PAGE + size) - 3;
}

/* storm WRITER CROSSES UPDATES: prints updates, calls, torn, stale, lost and nanoseconds. */
int main(int argc, char **argv) {
	if (argc != 4) return 2;
	unsigned long updates = strtoul(argv[3], 0, 10);
	struct sigaction on_trap = {.sa_sigaction = trap, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK}, on_fault = on_trap;
	struct timespec start, end;
	pthread_t caller;
	on_fault.sa_sigaction = fault;
	sigaction(SIGTRAP, &on_trap, 0);
	sigaction(SIGSEGV, &on_fault, 0);
	sigaction(SIGILL, &on_fault, 0);
	sigaction(SIGBUS, &on_fault, 0);
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) != 0) fail("membarrier");
	map(BASE, 4 * PAGE);
	for (int high = 0; high < 4; high++)
		map(BASE + ((high & 1 ? SECOND : FIRST) & 0xff000000u) + ((high & 2 ? SECOND : FIRST) & 0xff0000u), 8 * PAGE);
	place(place_crossing((unsigned)atoi(argv[2])));
	pthread_create(&caller, 0, call, 0);
	while (!ready) sched_yield();
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (unsigned long n = 1; n <= updates; n++) {
		begun = n;
		goal = n & 1 ? SECOND : FIRST;
		update(argv[1], goal);
		done = n;
		// Not faster than the calls, which would see few of the updates.
		unsigned long seen = calls;
		for (int looks = 0; looks < 200 && calls == seen; looks++) __asm__ volatile("pause");
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	finish = 1;
	pthread_join(caller, 0);
	printf("%lu %lu %lu %lu %lu %.0f\n", updates, calls, torn, stale, lost,
	       (end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec));
	return 0;
}
