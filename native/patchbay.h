/* Static calls and static keys for programs of C11 and C++17, on Linux, x86-64 and AArch64.
 *
 * A static call is called by a plain `call` instruction, and what it calls can be changed while threads run through it.
 * A static key is a branch that is a NOP or a jump. The words are those of Linux's <linux/static_call.h>:
 *
 *     DECLARE_STATIC_CALL(pick, fifo);          in a header: calls of `pick` have the type of `fifo`
 *     DEFINE_STATIC_CALL(pick, fifo);           in one file: `pick` calls `fifo` at the start
 *     int next = static_call(pick)(now);        a call
 *     static_call_update(pick, deadline);       from here on `pick` calls `deadline`; 0, or a negative errno
 *
 * One file of the program (of all its shared objects, one) says `#define _GNU_SOURCE` and `#define PATCHBAY_RUNTIME`
 * before its first #include, and brings the code. Objects are compiled, then `patchbay collect foo.o --user` adds the table
 * of their calls; without it, or where text may not be written, calls go through a trampoline `jmp *key` and are as right,
 * only slower. docs/native.md says what is guaranteed, what is refused, and how everything lies in memory. */
#ifndef PATCHBAY_H
#define PATCHBAY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define PATCHBAY_C extern "C"
extern "C" {
#else
#define PATCHBAY_C extern
#endif
#define PATCHBAY_HIDDEN __attribute__((visibility("hidden")))

/* ---- What lies in memory. Version 1; `patchbay live` reads and writes it from outside. ---- */

typedef void patchbay_function(void);

/* The symbol __SCK__name: what the static call `name` calls. */
struct static_call_key {
	patchbay_function *func;    /* runs now: a function, __static_call_return for nothing, __static_call_return0 */
	patchbay_function *initial; /* ran at the start */
	patchbay_function *tramp;   /* __SCT__name, the trampoline: a jump to `func` */
	struct patchbay *runtime;   /* what patches its sites; null before the first is known */
};

/* A row of the section static_call_sites. Each word counts from itself. */
struct static_call_site {
	int32_t addr; /* the instruction */
	int32_t key;  /* the key with flags in its low three bits */
};
#define STATIC_CALL_SITE_TAIL 1u   /* a jump: nothing returns here */
#define STATIC_CALL_SITE_IMPORT 4u /* not the key: a word that holds its address, for it may be another object's */

/* The symbol __SK__name: a static key, on while anybody uses it. */
struct static_key {
	int32_t enabled; /* how many use it now */
	int32_t initial; /* how many did at the start */
};
struct static_key_true { struct static_key key; };
struct static_key_false { struct static_key key; };

/* A row of the section __jump_table. Each word counts from itself. */
struct jump_entry {
	int32_t code;   /* the NOP or jump */
	int32_t target; /* where the jump goes */
	int64_t key;    /* the key; lowest bit: what follows is the way for a key that is on */
};

/* The symbol __patchbay: the runtime of this process. */
struct patchbay {
	char magic[8];    /* "patchbay" */
	uint32_t version; /* 1 */
	uint32_t busy;    /* 1 while a change is planned and made */
	uint64_t updates; /* that were carried out */
	uint64_t refused; /* that changed nothing */
	uint64_t traps;   /* breakpoints that calls met */
};
extern struct patchbay __patchbay;

/* ---- Static calls ---- */

/* What a key calls that is null, and one that returns 0; each object has its own. */
PATCHBAY_HIDDEN void __static_call_return(void);
PATCHBAY_HIDDEN long __static_call_return0(void);

#define DECLARE_STATIC_CALL(name, func)            \
	PATCHBAY_C struct static_call_key __SCK__##name; \
	PATCHBAY_C __typeof__(func) __SCT__##name

#define PATCHBAY_DEFINE(name, type, func)                                                                          \
	DECLARE_STATIC_CALL(name, type);                                                                                 \
	PATCHBAY_C PATCHBAY_HIDDEN struct static_call_key __SCL__##name __attribute__((alias("__SCK__" #name)));         \
	struct static_call_key __SCK__##name __attribute__((used)) = {                                                   \
	    (patchbay_function *)(func), (patchbay_function *)(func), (patchbay_function *)__SCT__##name, 0};            \
	__asm__(".pushsection .static_call.text, \"ax\"\n.globl __SCT__" #name "\n.type __SCT__" #name ", %function\n"   \
	        ".balign 16\n__SCT__" #name ": " PATCHBAY_TRAMPOLINE("__SCL__" #name) "\n"                               \
	        ".size __SCT__" #name ", . - __SCT__" #name "\n.popsection\n")

#define DEFINE_STATIC_CALL(name, func) PATCHBAY_DEFINE(name, func, func)
/* A static call of a function's type that calls nothing at the start; call it with static_call_cond. */
#define DEFINE_STATIC_CALL_NULL(name, type) PATCHBAY_DEFINE(name, type, __static_call_return)
/* The same, returning 0 at the start. */
#define DEFINE_STATIC_CALL_RET0(name, type) PATCHBAY_DEFINE(name, type, __static_call_return0)

#define static_call(name) __SCT__##name
/* For keys that may be null: no result. Arguments are computed in any case. */
#define static_call_cond(name) (void)__SCT__##name
/* What a key calls now; null for nothing. */
#define static_call_query(name) ((__typeof__(&__SCT__##name))__patchbay_query(PATCHBAY_KEY(name)))

/* One of the changes that `static_call_update_all` makes at once; of a static key, if func is null. */
struct static_call_change {
	void *key;
	patchbay_function *func;
	int enabled;
};
/* For func also NULL: nothing; and static_call_ret0(name): return 0. */
#define static_call_change(name, func)                                                                             \
	__extension__({                                                                                                  \
		PATCHBAY_SAME_TYPE(name, func);                                                                                \
		__typeof__(&__SCT__##name) patchbay_func = (func);                                                             \
		struct static_call_change patchbay_change = {                                                                  \
		    PATCHBAY_KEY(name), patchbay_func ? (patchbay_function *)patchbay_func : __static_call_return, 0};         \
		patchbay_change;                                                                                               \
	})
#define static_call_ret0(name) ((__typeof__(&__SCT__##name))(patchbay_function *)__static_call_return0)

/* 0, or a negative errno with nothing changed; patchbay_status() then says why. */
#define static_call_update(name, func) static_call_update_all(static_call_change(name, func))
#define static_call_update_all(...)                                                                                \
	__extension__({                                                                                                  \
		const struct static_call_change patchbay_all[] = {__VA_ARGS__};                                                \
		__patchbay_update(patchbay_all, sizeof patchbay_all / sizeof *patchbay_all);                                   \
	})
/* Calls what it called at the start. */
#define static_call_reset(name)                                                                                    \
	__extension__({                                                                                                  \
		struct static_call_key *patchbay_key = PATCHBAY_KEY(name);                                                     \
		const struct static_call_change patchbay_back = {patchbay_key, patchbay_key->initial, 0};                      \
		__patchbay_update(&patchbay_back, 1);                                                                          \
	})

#ifdef __cplusplus
#define PATCHBAY_SAME_TYPE(name, func) ((void)0) /* C++ converts no function pointer to another by itself */
#define PATCHBAY_IS_TRUE(name) __is_same(decltype(__SK__##name), struct static_key_true)
#else
#define PATCHBAY_SAME_TYPE(name, func)                                                                             \
	_Static_assert(__builtin_types_compatible_p(__typeof__(func), __typeof__(__SCT__##name)) ||                      \
	                   __builtin_types_compatible_p(__typeof__(func), __typeof__(&__SCT__##name)) ||                 \
	                   __builtin_types_compatible_p(__typeof__(func), void *),                                       \
	               "the static call '" #name "' is of another type than " #func)
#define PATCHBAY_IS_TRUE(name) __builtin_types_compatible_p(__typeof__(__SK__##name), struct static_key_true)
#endif

/* ---- Static keys ---- */

#define DECLARE_STATIC_KEY_TRUE(name) PATCHBAY_C PATCHBAY_HIDDEN struct static_key_true __SK__##name
#define DECLARE_STATIC_KEY_FALSE(name) PATCHBAY_C PATCHBAY_HIDDEN struct static_key_false __SK__##name
#define DEFINE_STATIC_KEY_TRUE(name) \
	DECLARE_STATIC_KEY_TRUE(name);     \
	struct static_key_true __SK__##name __attribute__((used)) = {{1, 1}}
#define DEFINE_STATIC_KEY_FALSE(name) \
	DECLARE_STATIC_KEY_FALSE(name);     \
	struct static_key_false __SK__##name __attribute__((used)) = {{0, 0}}

/* Whether the key is on. The likely way is the one that follows. */
#define static_branch_likely(name) PATCHBAY_BRANCH(name, 1)
#define static_branch_unlikely(name) PATCHBAY_BRANCH(name, 0)
#define PATCHBAY_BRANCH(name, expected)                                                                            \
	__extension__({                                                                                                  \
		__label__ patchbay_jump;                                                                                       \
		int patchbay_way;                                                                                              \
		__asm__ goto(".if %c0\n771: " PATCHBAY_NOP "\n.else\n771: " PATCHBAY_JUMP("%l[patchbay_jump]") "\n.endif\n"    \
		             ".pushsection __jump_table, \"a?\"\n.balign 8\n"                                                  \
		             "772: .long 771b - ., %l[patchbay_jump] - .\n.quad __SK__" #name " + %c1 - .\n.popsection\n"      \
		             ".reloc 771b, " PATCHBAY_NONE ", 772b\n" /* whoever keeps the code keeps its row */               \
		             : : "i"(PATCHBAY_IS_TRUE(name) == (expected)), "i"(expected) : : patchbay_jump);                  \
		patchbay_way = (expected);                                                                                     \
		if (0) {                                                                                                       \
		patchbay_jump:                                                                                                 \
			patchbay_way = !(expected);                                                                                  \
		}                                                                                                              \
		patchbay_way;                                                                                                  \
	})

/* Each 0, or a negative errno with nothing changed. inc and dec count users; enable and disable set 1 and 0. */
#define static_branch_inc(name) __patchbay_key(&__SK__##name.key, 1, 1)
#define static_branch_dec(name) __patchbay_key(&__SK__##name.key, 1, -1)
#define static_branch_enable(name) __patchbay_key(&__SK__##name.key, 0, 1)
#define static_branch_disable(name) __patchbay_key(&__SK__##name.key, 0, 0)
#define static_key_count(name) __atomic_load_n(&__SK__##name.key.enabled, __ATOMIC_ACQUIRE)
#define static_key_enabled(name) (static_key_count(name) > 0)

/* ---- The runtime's functions, and what every object has: its tables, known from when it is loaded until it goes ---- */

/* How text is written, how many sites there are, which are left on trampolines and why, and why the last refused change
 * was refused: lines of `name: value`. As snprintf: returns the length of all of it, and cuts what does not fit. */
size_t patchbay_status(char *buffer, size_t size);

struct patchbay_object {
	const struct static_call_site *sites, *sites_end;
	const struct jump_entry *jumps, *jumps_end;
};
int __patchbay_update(const struct static_call_change *changes, size_t count);
int __patchbay_key(struct static_key *key, int adds, int value);
patchbay_function *__patchbay_query(const struct static_call_key *key);
void __patchbay_attach(const struct patchbay_object *object) __attribute__((weak));
void __patchbay_detach(const struct patchbay_object *object) __attribute__((weak));

extern const struct static_call_site __start_static_call_sites[] __attribute__((weak)) PATCHBAY_HIDDEN;
extern const struct static_call_site __stop_static_call_sites[] __attribute__((weak)) PATCHBAY_HIDDEN;
extern const struct jump_entry __start___jump_table[] __attribute__((weak)) PATCHBAY_HIDDEN;
extern const struct jump_entry __stop___jump_table[] __attribute__((weak)) PATCHBAY_HIDDEN;
static const struct patchbay_object patchbay_tables = {__start_static_call_sites, __stop_static_call_sites,
                                                       __start___jump_table, __stop___jump_table};
static __attribute__((constructor(101), used)) void patchbay_loaded(void) {
	if (__patchbay_attach) __patchbay_attach(&patchbay_tables);
}
static __attribute__((destructor(101), used)) void patchbay_unloaded(void) {
	if (__patchbay_detach) __patchbay_detach(&patchbay_tables);
}

#ifdef __cplusplus
}
#endif

/* ---- Instructions ---- */

#if defined(__x86_64__)
#define PATCHBAY_ADDRESS(name) "movq __SCK__" name "@GOTPCREL(%%rip), %0"
#define PATCHBAY_TRAMPOLINE(key) "endbr64\njmp *" key "(%rip)\n.byte 0x0f, 0xb9, 0xcc"
#define PATCHBAY_NONE "R_X86_64_NONE"
#define PATCHBAY_NOP ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00"
#define PATCHBAY_JUMP(label) ".byte 0xe9\n.long " label " - . - 4"
#define PATCHBAY_NOTHING "endbr64\nret\n.byte 0x0f, 0xb9, 0xcc"
#define PATCHBAY_ZERO "endbr64\nxorl %eax, %eax\nret\n.byte 0x0f, 0xb9, 0xcc"
#elif defined(__aarch64__)
#define PATCHBAY_ADDRESS(name) "adrp %0, :got:__SCK__" name "\n\tldr %0, [%0, :got_lo12:__SCK__" name "]"
#define PATCHBAY_TRAMPOLINE(key) "hint #34\nadrp x16, " key "\nldr x16, [x16, :lo12:" key "]\nbr x16"
#define PATCHBAY_NONE "R_AARCH64_NONE"
#define PATCHBAY_NOP "nop"
#define PATCHBAY_JUMP(label) "b " label
#define PATCHBAY_NOTHING "hint #34\nret\nudf #0x5c7"
#define PATCHBAY_ZERO "hint #34\nmov x0, #0\nret\nudf #0x5c7"
#else
#error "patchbay.h knows x86-64 and AArch64"
#endif

#define PATCHBAY_KEY(name)                                                                                         \
	__extension__({                                                                                                  \
		struct static_call_key *patchbay_at;                                                                           \
		__asm__(PATCHBAY_ADDRESS(#name) : "=r"(patchbay_at));                                                          \
		patchbay_at;                                                                                                   \
	})
/* The two functions that stand for nothing and for 0. A signature follows, by which they are known in every object. With
 * -flto one assembly has the lines of all files, hence .ifndef. */
#define PATCHBAY_WEAK(name, code)                                                                                  \
	".weak " name "\n.hidden " name "\n.type " name ", %function\n" name ": " code "\n.size " name ", . - " name "\n"
__asm__(".ifndef __static_call_return\n.pushsection .text.patchbay, \"axG\", %progbits, __static_call_return, comdat\n"
        PATCHBAY_WEAK("__static_call_return", PATCHBAY_NOTHING) PATCHBAY_WEAK("__static_call_return0", PATCHBAY_ZERO)
        ".popsection\n.endif\n");

/* ---- The runtime: in one file ---- */

#ifdef PATCHBAY_RUNTIME
#ifndef _GNU_SOURCE
#error "#define _GNU_SOURCE before the first #include of the file that brings PATCHBAY_RUNTIME"
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { PATCHBAY_CALL, PATCHBAY_TAIL, PATCHBAY_CONDITIONAL, PATCHBAY_LABEL }; /* kinds of sites */
enum { PATCHBAY_AUTO, PATCHBAY_OFF, PATCHBAY_TRAMPOLINES, PATCHBAY_MEM, PATCHBAY_MPROTECT };
static const char *const patchbay_modes[] = {"auto", "off", "trampoline", "mem", "mprotect"};

/* One instruction that a key decides. */
struct patchbay_site {
	unsigned char *at;
	const void *key;       /* a static_call_key, or a static_key of a label */
	const void *object;    /* whose table it is of */
	unsigned char *label;  /* where a label's jump goes */
	const char *left;      /* why it is never changed; null for all others */
	unsigned char home[6]; /* the branch that the linker wrote: a call of the trampoline; of a label: a jump anywhere */
	unsigned char kind, length, expected; /* expected: of a label, what its key is where the code goes on */
};

/* What a site is to become: by one store; slowly, which takes a breakpoint if others run; or not, so that it stays. */
enum { PATCHBAY_AT_ONCE, PATCHBAY_SLOWLY, PATCHBAY_NOT };
struct patchbay_edit {
	const struct patchbay_site *site;
	unsigned char bytes[6];
	unsigned char how;
};

/* All sites: a table is replaced, never changed, for the trap handler reads it without a lock. */
struct patchbay_table {
	size_t count;
	struct patchbay_site *sites; /* by address */
	struct patchbay_edit *edits; /* room for an edit of each, so that updates allocate nothing */
};

struct patchbay __patchbay = {{'p', 'a', 't', 'c', 'h', 'b', 'a', 'y'}, 1, 0, 0, 0, 0};
static pthread_mutex_t patchbay_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	struct patchbay_table *table;
	int readers;        /* trap handlers that may hold a table */
	int armed;          /* our trap handler was installed once */
	int by_mem, mem;    /* text is written through `mem`, the open /proc/self/mem */
	int mode;
	const char *off;    /* why no text is written in mode off */
	const char *writes; /* how text was written last; null: it was not */
	char why[160];      /* why a site was left on its trampoline last */
	char refusal[160];  /* why a change was refused last */
	struct sigaction next, first;
	struct timespec looked;
	unsigned long threads;
	sigset_t forking;
} patchbay;

static void patchbay_say(char *text, const char *what, const char *detail, long number) {
	int length = snprintf(text, 160, "%s%s%s", what, detail ? ": " : "", detail ? detail : "");
	if (number && length < 160) snprintf(text + length, (size_t)(160 - length), " %#lx", number);
}

static int patchbay_by_address(const void *a, const void *b) {
	const struct patchbay_site *one = (const struct patchbay_site *)a, *other = (const struct patchbay_site *)b;
	return one->at < other->at ? -1 : one->at > other->at;
}

/* -- What instructions say, per architecture -- */

#if defined(__x86_64__)
#define PATCHBAY_SIGNATURE 8

/* Whether two branches have the same opcode, so that they differ in their last four bytes at most. */
static int patchbay_alike(const struct patchbay_site *site, const unsigned char *a, const unsigned char *b) {
	return memcmp(a, b, site->length - 4u) == 0;
}
/* Writes the site's branch to an address. @returns whether it reaches that far */
static int patchbay_goes(const struct patchbay_site *site, uintptr_t to, unsigned char *bytes) {
	intptr_t distance = (intptr_t)to - (intptr_t)site->at - site->length;
	int32_t field = (int32_t)distance;
	memcpy(bytes, site->home, site->length);
	memcpy(bytes + site->length - 4, &field, 4);
	return distance == field;
}
/* The instruction that does nothing, or returns 0, in the place of the branch; null where there is none. */
static const unsigned char *patchbay_form(int kind, int zero) {
	static const unsigned char nop5[] = {0x0f, 0x1f, 0x44, 0x00, 0x00}, ret5[] = {0xc3, 0xcc, 0xcc, 0xcc, 0xcc};
	static const unsigned char zero5[] = {0x2e, 0x2e, 0x2e, 0x31, 0xc0}; /* cs cs cs xor %eax, %eax */
	if (zero) return kind == PATCHBAY_CALL ? zero5 : 0;
	return kind == PATCHBAY_TAIL ? ret5 : kind == PATCHBAY_CONDITIONAL ? 0 : nop5;
}
static int patchbay_fits(const struct patchbay_edit *edit) {
	return (((uintptr_t)edit->site->at + edit->site->length - 4u) & 15) <= 12 &&
	       patchbay_alike(edit->site, edit->bytes, edit->site->at);
}
static void patchbay_store(void *at, const unsigned char *bytes) {
	uint32_t word;
	memcpy(&word, bytes, 4);
	__asm__ volatile("movl %1, %0" : "=m"(*(uint32_t *)at) : "r"(word) : "memory");
}
static void patchbay_clean(void *at, size_t size) { (void)at, (void)size; }

/* Takes the branch that the linker wrote. @returns whether it is one */
static int patchbay_take(struct patchbay_site *site) {
	static const unsigned char jump[6] = {0xe9};
	if (site->kind == PATCHBAY_TAIL && site->at[0] == 0x0f) site->kind = PATCHBAY_CONDITIONAL;
	site->length = site->kind == PATCHBAY_CONDITIONAL ? 6 : 5;
	memcpy(site->home, site->kind == PATCHBAY_LABEL ? jump : site->at, site->length);
	if (site->kind == PATCHBAY_CONDITIONAL) return (site->home[1] & 0xf0) == 0x80;
	return site->home[0] == (site->kind == PATCHBAY_CALL ? 0xe8 : 0xe9);
}

/* Whether a conditional jump with this second byte is taken. */
static int patchbay_taken(unsigned condition, unsigned long long flags) {
	int carry = flags & 1, parity = flags >> 2 & 1, zero = flags >> 6 & 1, sign = flags >> 7 & 1, over = flags >> 11 & 1;
	const int holds[] = {over, carry, zero, carry | zero, sign, parity, sign ^ over, zero | (sign ^ over)};
	return holds[condition >> 1 & 7] ^ (condition & 1);
}
/* Does what the key says now in the place of the breakpoint. */
static void patchbay_emulate(const struct patchbay_site *site, ucontext_t *context) {
	greg_t *registers = context->uc_mcontext.gregs;
	uintptr_t next = (uintptr_t)site->at + site->length, to = (uintptr_t)site->label;
	int taken = 1;
	if (site->kind == PATCHBAY_LABEL)
		taken = (__atomic_load_n(&((const struct static_key *)site->key)->enabled, __ATOMIC_ACQUIRE) > 0) != site->expected;
	else to = (uintptr_t)__atomic_load_n(&((const struct static_call_key *)site->key)->func, __ATOMIC_ACQUIRE);
	if (site->kind == PATCHBAY_CONDITIONAL)
		taken = patchbay_taken(site->home[1], (unsigned long long)registers[REG_EFL]);
	if (site->kind == PATCHBAY_CALL) {
		registers[REG_RSP] -= 8;
		memcpy((void *)registers[REG_RSP], &next, 8);
	}
	registers[REG_RIP] = (greg_t)(taken ? to : next);
}
#else /* AArch64: only B, BL and NOP may replace each other while they are executed, and each does by one store */
#define PATCHBAY_SIGNATURE 12
static uint32_t patchbay_word(const void *at) { uint32_t word; memcpy(&word, at, 4); return word; }
static int patchbay_alike(const struct patchbay_site *site, const unsigned char *a, const unsigned char *b) {
	return (void)site, patchbay_word(a) >> 26 == patchbay_word(b) >> 26;
}
static int patchbay_goes(const struct patchbay_site *site, uintptr_t to, unsigned char *bytes) {
	intptr_t distance = (intptr_t)to - (intptr_t)site->at;
	uint32_t word = (patchbay_word(site->home) & 0xfc000000u) | ((uint32_t)(distance >> 2) & 0x3ffffffu);
	memcpy(bytes, &word, 4);
	return distance >= -(1 << 27) && distance < (1 << 27);
}
static const unsigned char *patchbay_form(int kind, int zero) {
	static const unsigned char nop4[] = {0x1f, 0x20, 0x03, 0xd5};
	return zero || kind == PATCHBAY_TAIL ? 0 : nop4;
}
static int patchbay_fits(const struct patchbay_edit *edit) { return (void)edit, 1; }
static void patchbay_store(void *at, const unsigned char *bytes) {
	__atomic_store_n((uint32_t *)at, patchbay_word(bytes), __ATOMIC_RELEASE);
}
static void patchbay_clean(void *at, size_t size) { __builtin___clear_cache((char *)at, (char *)at + size); }
static int patchbay_take(struct patchbay_site *site) {
	static const unsigned char jump[4] = {0x00, 0x00, 0x00, 0x14};
	memcpy(site->home, site->kind == PATCHBAY_LABEL ? jump : site->at, site->length = 4);
	return patchbay_word(site->home) >> 26 == (site->kind == PATCHBAY_CALL ? 0x25 : 0x05);
}
#endif

static int patchbay_is(patchbay_function *func, patchbay_function *known) {
	return func == known || memcmp((void *)(uintptr_t)func, (void *)(uintptr_t)known, PATCHBAY_SIGNATURE) == 0;
}

/* Writes what the site is for this change: out of reach of the function, a branch to the trampoline. */
static void patchbay_want(const struct patchbay_site *site, const struct static_call_change *to, unsigned char *bytes) {
	int is_label = site->kind == PATCHBAY_LABEL;
	const unsigned char *form = 0;
	if (is_label ? (to->enabled > 0) == site->expected : patchbay_is(to->func, __static_call_return))
		form = patchbay_form(site->kind, 0);
	else if (!is_label && patchbay_is(to->func, (patchbay_function *)__static_call_return0))
		form = patchbay_form(site->kind, 1);
	if (form) memcpy(bytes, form, site->length);
	else if (!patchbay_goes(site, is_label ? (uintptr_t)site->label : (uintptr_t)to->func, bytes) && !is_label &&
	         !patchbay_goes(site, (uintptr_t)((const struct static_call_key *)site->key)->tramp, bytes))
		memcpy(bytes, site->home, site->length);
}
/* Whether a site holds a form of its kind; anything else was put there by somebody else. */
static int patchbay_known(const struct patchbay_site *site) {
	const unsigned char *nothing = patchbay_form(site->kind, 0), *zero = patchbay_form(site->kind, 1);
	return patchbay_alike(site, site->at, site->home) || (nothing && memcmp(site->at, nothing, site->length) == 0) ||
	       (zero && memcmp(site->at, zero, site->length) == 0);
}
static int patchbay_on_trampoline(const struct patchbay_site *site) {
	unsigned char bytes[6];
	if (site->kind == PATCHBAY_LABEL) return 0;
	return memcmp(site->at, site->home, site->length) == 0 ||
	       (patchbay_goes(site, (uintptr_t)((const struct static_call_key *)site->key)->tramp, bytes) &&
	        memcmp(site->at, bytes, site->length) == 0);
}

/* -- Who may be in the way -- */

/* Every thread serializes before this returns, or before it is back in user mode. */
static void patchbay_sync(void) { syscall(SYS_membarrier, 32 /* PRIVATE_EXPEDITED_SYNC_CORE */, 0, 0); }

/* 0: not known. */
static unsigned long patchbay_threads(void) {
	struct stat status;
	return stat("/proc/self/task", &status) == 0 && status.st_nlink > 2 ? (unsigned long)status.st_nlink - 2 : 0;
}

#if defined(__x86_64__)
/* Whether the thread has SIGTRAP blocked, and would die of a breakpoint. libc itself blocks all signals for moments, such as
 * when a thread starts, so it is looked at for a while. */
static int patchbay_blocks(const char *tid) {
	char path[64], text[4096];
	snprintf(path, sizeof path, "/proc/self/task/%.20s/status", tid);
	for (int looks = 0; looks < 64; looks++, sched_yield()) {
		int file = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t size = file < 0 ? 0 : read(file, text, sizeof text - 1);
		if (file >= 0) close(file);
		text[size < 0 ? 0 : size] = 0;
		const char *mask = strstr(text, "\nSigBlk:");
		if (!mask || !(strtoull(mask + 8, 0, 16) >> (SIGTRAP - 1) & 1)) return 0;
	}
	return 1;
}

/* A thread other than this one that blocks SIGTRAP, or 0. Looks when threads came or went, and every 10 ms; by system
 * calls, for opendir would allocate, and this may run in a signal handler. */
static long patchbay_blocked(void) {
	struct timespec now;
	unsigned long threads = patchbay_threads();
	clock_gettime(CLOCK_MONOTONIC, &now);
	long long past = (now.tv_sec - patchbay.looked.tv_sec) * 1000000000LL + now.tv_nsec - patchbay.looked.tv_nsec;
	if (threads == 1 || (threads == patchbay.threads && past < 10000000)) return 0;
	char entries[2048];
	long size, found = 0, self = syscall(SYS_gettid);
	int folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (folder >= 0 && !found && (size = syscall(SYS_getdents64, folder, entries, sizeof entries)) > 0)
		for (long at = 0; at < size && !found;) { /* d_ino, d_off: 8 bytes each; d_reclen: 2; d_type: 1; d_name */
			unsigned short length;
			const char *name = entries + at + 19;
			memcpy(&length, entries + at + 16, 2);
			at += length;
			if (name[0] != '.' && atol(name) != self && patchbay_blocks(name)) found = atol(name);
		}
	if (folder >= 0) close(folder);
	patchbay.threads = found ? 0 : threads;
	patchbay.looked = now;
	return found;
}

static __thread int patchbay_forwarding __attribute__((tls_model("initial-exec")));

/* Gives a trap that is not ours to whom it would have gone without us. */
static void patchbay_forward(int number, siginfo_t *info, ucontext_t *context) {
	struct sigaction to = patchbay_forwarding ? patchbay.first : patchbay.next;
	if (to.sa_handler == SIG_IGN && info->si_code <= 0) return;
	if (to.sa_handler == SIG_DFL || to.sa_handler == SIG_IGN) {
		signal(SIGTRAP, SIG_DFL);
		if (info->si_code > 0) context->uc_mcontext.gregs[REG_RIP]--; /* the breakpoint again, now deadly */
		else raise(SIGTRAP);
		return;
	}
	sigset_t mask = context->uc_sigmask;
	sigorset(&mask, &mask, &to.sa_mask);
	if (!(to.sa_flags & SA_NODEFER)) sigaddset(&mask, SIGTRAP);
	pthread_sigmask(SIG_SETMASK, &mask, 0);
	patchbay_forwarding++;
	if (to.sa_flags & SA_SIGINFO) to.sa_sigaction(number, info, context);
	else to.sa_handler(number);
	patchbay_forwarding--;
}

static void patchbay_trap(int number, siginfo_t *info, void *argument) {
	ucontext_t *context = (ucontext_t *)argument;
	unsigned char *at = (unsigned char *)context->uc_mcontext.gregs[REG_RIP] - 1;
	int error = errno, ours = 0;
	if (info->si_code > 0) {
		__atomic_add_fetch(&patchbay.readers, 1, __ATOMIC_SEQ_CST);
		const struct patchbay_table *table = __atomic_load_n(&patchbay.table, __ATOMIC_SEQ_CST);
		const struct patchbay_site wanted = {at, 0, 0, 0, 0, {0}, 0, 0, 0}, *site = (const struct patchbay_site *)(table ?
		    bsearch(&wanted, table->sites, table->count, sizeof wanted, patchbay_by_address) : 0);
		ours = site && !site->left;
		if (ours) patchbay_emulate(site, context);
		if (ours) __atomic_add_fetch(&__patchbay.traps, 1, __ATOMIC_RELAXED);
		__atomic_sub_fetch(&patchbay.readers, 1, __ATOMIC_SEQ_CST);
		if (!ours && info->si_code == SI_KERNEL && *at != 0xcc) { /* it is gone: what stands there now is right */
			context->uc_mcontext.gregs[REG_RIP]--;
			ours = 1;
		}
	}
	if (!ours) patchbay_forward(number, info, context);
	errno = error;
}

/* Makes breakpoints mean what the keys say. @returns why that cannot be, or null */
static const char *patchbay_arm(void) {
	static char reason[80];
	struct sigaction now, ours;
	long blocked = patchbay_blocked();
	if (blocked) {
		snprintf(reason, sizeof reason, "thread %ld blocks SIGTRAP, which a breakpoint needs", blocked);
		return reason;
	}
	unsigned long shadow = 0; /* the handler would have to push on the shadow stack too */
	if (syscall(SYS_arch_prctl, 0x5005 /* ARCH_SHSTK_STATUS */, &shadow) == 0 && (shadow & 1))
		return "shadow stacks are on, on which a breakpoint cannot push";
	sigaction(SIGTRAP, 0, &now);
	if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == patchbay_trap) return 0;
	if (!patchbay.armed++) patchbay.first = now;
	patchbay.next = now;
	memset(&ours, 0, sizeof ours);
	ours.sa_sigaction = patchbay_trap;
	ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER;
	sigfillset(&ours.sa_mask);
	sigdelset(&ours.sa_mask, SIGTRAP); /* a thread in the handler is none that blocks it */
	return sigaction(SIGTRAP, &ours, 0) == 0 ? 0 : "sigaction is refused";
}
#else
static const char *patchbay_arm(void) { return 0; } /* there are no breakpoints */
#endif

/* -- Writing text -- */

/* The end of the run of edits from `i` on within 64 KiB of one object, which are written, or protected, at once. */
static size_t patchbay_run(const struct patchbay_edit *edits, size_t i, size_t count) {
	size_t end = i + 1;
	while (end < count && edits[end].site->object == edits[i].site->object &&
	       edits[end].site->at - edits[i].site->at < 65536) end++;
	return end;
}

/* @returns an errno, or 0 */
static int patchbay_protect(const struct patchbay_edit *edits, size_t count, int protection) {
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	for (size_t i = 0, end; i < count; i = end) {
		end = patchbay_run(edits, i, count);
		uintptr_t from = (uintptr_t)edits[i].site->at & -page, to = (uintptr_t)edits[end - 1].site->at + 6;
		if (mprotect((void *)from, to - from, protection) == 0) continue;
		int error = errno;
		if (protection & PROT_WRITE) patchbay_protect(edits, i, PROT_READ | PROT_EXEC);
		return error;
	}
	return 0;
}

/* Writes bytes `from` to `to` of the edits made slowly: those they shall have, or a breakpoint. Through /proc/self/mem a run
 * is written whole, from a copy. @returns an errno, or 0 */
static int patchbay_write(const struct patchbay_edit *edits, size_t count, int from, int to, int breakpoint) {
	static unsigned char copy[65536 + 6];
	for (size_t i = 0, end; i < count; i = end) {
		end = patchbay.by_mem ? patchbay_run(edits, i, count) : i + 1;
		unsigned char *start = edits[i].site->at;
		size_t size = (size_t)(edits[end - 1].site->at - start) + edits[end - 1].site->length;
		if (patchbay.by_mem) memcpy(copy, start, size);
		for (size_t each = i; each < end; each++) {
			const struct patchbay_edit *edit = &edits[each];
			volatile unsigned char *at = patchbay.by_mem ? copy + (edit->site->at - start) : edit->site->at;
			for (int byte = from; byte < to && byte < edit->site->length && edit->how == PATCHBAY_SLOWLY; byte++)
				at[byte] = breakpoint ? 0xcc : edit->bytes[byte];
		}
		if (patchbay.by_mem && pwrite(patchbay.mem, copy, size, (off_t)(uintptr_t)start) != (ssize_t)size) return errno;
		patchbay_clean(start, size);
	}
	return 0;
}

/* Makes the text of the edits writable. @returns whether it is; `why` says why not */
static int patchbay_open(struct patchbay_edit *edits, size_t count) {
	int error;
	*patchbay.why = 0;
	if (patchbay.mode == PATCHBAY_OFF) return patchbay_say(patchbay.why, patchbay.off, 0, 0), 0;
	if (patchbay.mode != PATCHBAY_MEM) {
		error = patchbay_protect(edits, count, PROT_READ | PROT_WRITE | PROT_EXEC);
		if (error == 0) return patchbay.writes = "mprotect", 1;
		patchbay_say(patchbay.why, "mprotect", strerror(error), 0);
		if (patchbay.mode == PATCHBAY_MPROTECT) return 0;
	}
	patchbay.mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC); /* anew: after a fork it would still be the parent's memory */
	error = patchbay.mem < 0 ? errno : 0;
	patchbay.by_mem = 1;
	for (size_t i = 0; i < count; i++) edits[i].how = PATCHBAY_SLOWLY; /* nobody promises that the kernel stores once */
	if (!error) error = patchbay_write(edits, count, 0, 0, 0);
	if (!error) return patchbay.writes = "/proc/self/mem", 1;
	if (patchbay.mem >= 0) close(patchbay.mem);
	patchbay.by_mem = 0;
	size_t length = strlen(patchbay.why);
	snprintf(patchbay.why + length, sizeof patchbay.why - length, "%s/proc/self/mem: %s", length ? "; " : "", strerror(error));
	return 0;
}
static int patchbay_close(const struct patchbay_edit *edits, size_t count) {
	if (!patchbay.by_mem) return patchbay_protect(edits, count, PROT_READ | PROT_EXEC);
	patchbay.by_mem = 0;
	return close(patchbay.mem) == 0 ? 0 : errno;
}

/* Leaves out the edits that cannot be made, where the site calls its trampoline, which is right too. @returns 0, or -EBUSY
 * where one does not, so that the whole change is refused */
static int patchbay_leave_out(struct patchbay_edit *edits, size_t count, int also_at_once, const char *why) {
	for (size_t i = 0; i < count; i++) {
		if (edits[i].how == PATCHBAY_AT_ONCE && !also_at_once) continue;
		if (!patchbay_on_trampoline(edits[i].site))
			return patchbay_say(patchbay.refusal, why, "at", (long)edits[i].site->at), -EBUSY;
		edits[i].how = PATCHBAY_NOT;
	}
	if (why != patchbay.why) patchbay_say(patchbay.why, why, 0, 0);
	return 0;
}

/* The stores, and what is true behind each. @returns an errno, or 0 */
static int patchbay_poke(struct patchbay_edit *edits, size_t count, int slowly) {
	int error = 0;
	for (size_t i = 0; i < count; i++) {
		size_t opcode = edits[i].site->length - 4u;
		if (edits[i].how != PATCHBAY_AT_ONCE) continue;
		patchbay_store(edits[i].site->at + opcode, edits[i].bytes + opcode); /* a call goes to the old or the new function */
		patchbay_clean(edits[i].site->at + opcode, 4);
	}
	if (slowly) {
		error = patchbay_write(edits, count, 0, 1, 1);
		patchbay_sync(); /* nobody decodes an old head any more */
		if (!error) error = patchbay_write(edits, count, 1, 6, 0);
		patchbay_sync(); /* nobody holds an old tail any more */
		if (!error) error = patchbay_write(edits, count, 0, 1, 0);
	}
	patchbay_sync(); /* everybody executes what is written now */
	return error;
}

/* -- Changes -- */

/* Sets the keys and makes the edits, as one change. @param quiet nobody else executes the sites: order does not matter */
static int patchbay_apply(struct patchbay_edit *edits, size_t count, const struct static_call_change *changes, size_t keys,
                          int quiet) {
	int error = 0, slowly = 0, opened = count > 0 && patchbay_open(edits, count);
	if (count > 0 && !opened && patchbay_leave_out(edits, count, 1, patchbay.why) != 0) return -EPERM;
	for (size_t i = 0; i < count && opened; i++) {
		if (quiet) edits[i].how = PATCHBAY_SLOWLY;
		slowly |= edits[i].how == PATCHBAY_SLOWLY;
	}
	const char *why = slowly && !quiet ? patchbay_arm() : 0;
	if (why) error = patchbay_leave_out(edits, count, 0, why);
	for (const struct static_call_change *each = changes; each < changes + keys && !error; each++)
		if (each->func) __atomic_store_n(&((struct static_call_key *)each->key)->func, each->func, __ATOMIC_SEQ_CST);
		else __atomic_store_n(&((struct static_key *)each->key)->enabled, each->enabled, __ATOMIC_SEQ_CST);
	if (opened && !error && quiet) error = patchbay_write(edits, count, 0, 6, 0);
	else if (opened && !error) error = patchbay_poke(edits, count, slowly && !why);
	if (opened) patchbay_close(edits, count);
	return error > 0 ? -error : error;
}

/* Adds what the site needs for the change. @returns 0, or -EBUSY where somebody else changed its bytes */
static int patchbay_plan(struct patchbay_edit *edits, size_t *count, const struct patchbay_site *site,
                         const struct static_call_change *change) {
	struct patchbay_edit *edit = &edits[*count];
	if (site->left) return 0;
	edit->site = site;
	patchbay_want(site, change, edit->bytes);
	if (memcmp(edit->bytes, site->at, site->length) == 0) return 0;
	if (!patchbay_known(site)) return patchbay_say(patchbay.refusal, "another tool's bytes", "at", (long)site->at), -EBUSY;
	edit->how = patchbay_fits(edit) ? PATCHBAY_AT_ONCE : PATCHBAY_SLOWLY;
	++*count;
	return 0;
}

/* No handler of this thread may interrupt a change, for it might ask for one; faults and breakpoints still come through. */
static void patchbay_begin(sigset_t *old) {
	const int synchronous[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS};
	sigset_t mask;
	sigfillset(&mask);
	for (size_t i = 0; i < sizeof synchronous / sizeof *synchronous; i++) sigdelset(&mask, synchronous[i]);
	pthread_sigmask(SIG_BLOCK, &mask, old);
	pthread_mutex_lock(&patchbay_lock);
	__atomic_store_n(&__patchbay.busy, 1, __ATOMIC_SEQ_CST); /* from outside, nobody may change what is planned on */
}
static void patchbay_end(const sigset_t *old) {
	__atomic_store_n(&__patchbay.busy, 0, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&patchbay_lock);
	pthread_sigmask(SIG_SETMASK, old, 0);
}
static void patchbay_before_fork(void) { sigset_t old; patchbay_begin(&old); patchbay.forking = old; }
static void patchbay_after_fork(void) { sigset_t old = patchbay.forking; patchbay_end(&old); }

/* Looks at all sites, for they lie by address. */
static int patchbay_change(const struct static_call_change *changes, size_t keys) {
	const struct patchbay_table *table = patchbay.table;
	size_t edits = 0;
	int error = 0;
	for (size_t site = 0; table && site < table->count; site++)
		for (size_t i = 0; i < keys && !error; i++)
			if (table->sites[site].key == changes[i].key)
				error = patchbay_plan(table->edits, &edits, &table->sites[site], &changes[i]);
	if (!error) error = patchbay_apply(table ? table->edits : 0, edits, changes, keys, 0);
	if (error) __patchbay.refused++;
	else __patchbay.updates++;
	return error;
}

static int patchbay_refuse(int error, const char *why) {
	patchbay_say(patchbay.refusal, why, 0, 0);
	__patchbay.refused++;
	return error;
}

int __patchbay_update(const struct static_call_change *changes, size_t count) {
	struct static_call_change needed[64];
	size_t keys = 0;
	int error = 0;
	sigset_t old;
	patchbay_begin(&old);
	if (count > 64) error = patchbay_refuse(-E2BIG, "more than 64 keys at once");
	for (size_t i = 0; i < count && !error; i++) {
		const struct static_call_key *key = (const struct static_call_key *)changes[i].key;
		for (size_t other = 0; other < i && !error; other++)
			if (changes[other].key == key) error = patchbay_refuse(-EINVAL, "a key is named twice");
		if (!error && key->runtime && key->runtime != &__patchbay)
			error = patchbay_refuse(-EXDEV, "the key belongs to another runtime of this process");
		if (changes[i].func != key->func) needed[keys++] = changes[i];
	}
	if (!error && keys > 0) error = patchbay_change(needed, keys);
	patchbay_end(&old);
	return error;
}

int __patchbay_key(struct static_key *key, int adds, int value) {
	sigset_t old;
	patchbay_begin(&old);
	int was = key->enabled, now = adds ? was + value : value ? (was > 0 ? was : 1) : 0, error = 0;
	struct static_call_change change = {key, 0, now};
	if (now < 0) error = patchbay_refuse(-EINVAL, "the static key has no user left to leave");
	else if ((adds && value > 0 && was == INT_MAX) || (!adds && !value && was > 1))
		error = patchbay_refuse(-EBUSY, "the static key has more users");
	else if ((was > 0) != (now > 0)) error = patchbay_change(&change, 1);
	else __atomic_store_n(&key->enabled, now, __ATOMIC_RELEASE);
	patchbay_end(&old);
	return error;
}

patchbay_function *__patchbay_query(const struct static_call_key *key) {
	patchbay_function *func = __atomic_load_n(&key->func, __ATOMIC_ACQUIRE);
	return patchbay_is(func, __static_call_return) ? 0 : func;
}

/* -- Objects that come and go -- */

/* The table without the sites of `object`, with room for `more`. @returns null where there is no memory */
static struct patchbay_table *patchbay_copy(const void *object, size_t more) {
	const struct patchbay_table *old = patchbay.table;
	size_t room = (old ? old->count : 0) + more;
	struct patchbay_table *table = (struct patchbay_table *)calloc(
	    1, sizeof *table + room * (sizeof *table->sites + sizeof *table->edits));
	if (!table) return 0;
	table->sites = (struct patchbay_site *)(table + 1);
	table->edits = (struct patchbay_edit *)(table->sites + room);
	for (size_t i = 0; old && i < old->count; i++)
		if (old->sites[i].object != object) table->sites[table->count++] = old->sites[i];
	return table;
}

/* Sorts the table and puts it in the place of the old one, which goes when no trap handler reads it any more. */
static void patchbay_replace(struct patchbay_table *table) {
	struct patchbay_table *old = patchbay.table;
	qsort(table->sites, table->count, sizeof *table->sites, patchbay_by_address);
	__atomic_store_n(&patchbay.table, table, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&patchbay.readers, __ATOMIC_SEQ_CST) > 0) sched_yield();
	free(old);
}

static void patchbay_add_call(struct patchbay_site *site, const struct static_call_site *row) {
	uintptr_t key = (uintptr_t)&row->key + (uintptr_t)(intptr_t)row->key;
	site->at = (unsigned char *)&row->addr + row->addr;
	site->key = (void *)(key & ~(uintptr_t)7);
	if (key & STATIC_CALL_SITE_IMPORT) memcpy(&site->key, site->key, sizeof site->key);
	site->kind = key & STATIC_CALL_SITE_TAIL ? PATCHBAY_TAIL : PATCHBAY_CALL;
	struct static_call_key *owner = (struct static_call_key *)site->key;
	if (!owner->runtime) owner->runtime = &__patchbay;
	if (!patchbay_take(site)) site->left = "holds no call that can be patched";
	else if (owner->runtime != &__patchbay) site->left = "its key belongs to another runtime of this process";
	else if (patchbay.mode == PATCHBAY_OFF) site->left = patchbay.off;
	else if (patchbay.mode == PATCHBAY_TRAMPOLINES) site->left = "PATCHBAY=trampoline";
}
static void patchbay_add_label(struct patchbay_site *site, const struct jump_entry *row) {
	uintptr_t key = (uintptr_t)&row->key + (uintptr_t)row->key;
	site->at = (unsigned char *)&row->code + row->code;
	site->label = (unsigned char *)&row->target + row->target;
	site->key = (void *)(key & ~(uintptr_t)3);
	site->kind = PATCHBAY_LABEL;
	site->expected = key & 1;
	patchbay_take(site);
}

static void patchbay_start(void) {
	static int started;
	const char *mode = getenv("PATCHBAY");
	if (started++) return;
	pthread_atfork(patchbay_before_fork, patchbay_after_fork, patchbay_after_fork);
	patchbay.off = "PATCHBAY=off";
	for (int i = 0; mode && *mode; i++) {
		if (i == 5) {
			fprintf(stderr, "PATCHBAY=%s: is not off, trampoline, mem or mprotect; text is not patched\n", mode);
			patchbay.mode = PATCHBAY_OFF;
			patchbay.off = "PATCHBAY is not off, trampoline, mem or mprotect";
		} else if (strcmp(mode, patchbay_modes[i]) == 0) patchbay.mode = i;
		else continue;
		break;
	}
	if (patchbay.mode == PATCHBAY_OFF || syscall(SYS_membarrier, 64 /* REGISTER_..._SYNC_CORE */, 0, 0) == 0) return;
	patchbay.off = "membarrier is refused, so nobody can be made to serialize";
	patchbay.mode = PATCHBAY_OFF;
}

void __patchbay_attach(const struct patchbay_object *object) {
	const void *id = object->sites ? (const void *)object->sites : (const void *)object->jumps;
	size_t calls = (size_t)(object->sites_end - object->sites), labels = (size_t)(object->jumps_end - object->jumps), edits = 0;
	int known = 0, error = 0;
	sigset_t old;
	if (calls + labels == 0) return;
	patchbay_begin(&old);
	patchbay_start();
	for (size_t i = 0; patchbay.table && i < patchbay.table->count && !known; i++) known = patchbay.table->sites[i].object == id;
	struct patchbay_table *table = known ? 0 : patchbay_copy(id, calls + labels);
	if (!table && !known) patchbay_say(patchbay.why, "no memory for the table of sites", 0, 0);
	for (size_t i = 0; table && i < calls + labels; i++) {
		struct patchbay_site *site = &table->sites[table->count++];
		site->object = id;
		if (i < calls) patchbay_add_call(site, &object->sites[i]);
		else patchbay_add_label(site, &object->jumps[i - calls]);
	}
	if (table) patchbay_replace(table);
	for (size_t i = 0; table && i < table->count && !error; i++) {
		const struct patchbay_site *site = &table->sites[i];
		struct static_call_change now = {0, 0, 0};
		if (site->object != id) continue;
		if (site->kind == PATCHBAY_LABEL) now.enabled = ((const struct static_key *)site->key)->enabled;
		else now.func = ((const struct static_call_key *)site->key)->func;
		error = patchbay_plan(table->edits, &edits, site, &now);
	}
	if (table && !error) error = patchbay_apply(table->edits, edits, 0, 0, patchbay_threads() == 1);
	if (error) __patchbay.refused++;
	patchbay_end(&old);
}

void __patchbay_detach(const struct patchbay_object *object) {
	const void *id = object->sites ? (const void *)object->sites : (const void *)object->jumps;
	sigset_t old;
	if (!id) return;
	patchbay_begin(&old);
	struct patchbay_table *table = patchbay_copy(id, 0);
	if (table) patchbay_replace(table);
	patchbay_end(&old);
}

size_t patchbay_status(char *buffer, size_t size) {
	size_t labels = 0, waiting = 0, length = 0, count;
	sigset_t old;
	patchbay_begin(&old);
	const struct patchbay_site *sites = patchbay.table ? patchbay.table->sites : 0;
	count = patchbay.table ? patchbay.table->count : 0;
	for (size_t i = 0; i < count; i++) {
		labels += sites[i].kind == PATCHBAY_LABEL;
		waiting += sites[i].left || patchbay_on_trampoline(&sites[i]);
	}
#define PATCHBAY_SAY(...) \
	length += (size_t)snprintf(length < size ? buffer + length : 0, length < size ? size - length : 0, __VA_ARGS__)
	PATCHBAY_SAY("mode: %s\ntext: %s\n", patchbay_modes[patchbay.mode], patchbay.writes ? patchbay.writes : "not written");
	PATCHBAY_SAY("calls: %zu\nbranches: %zu\non trampolines: %zu\n", count - labels, labels, waiting);
	PATCHBAY_SAY("updates: %llu\nrefused: %llu\ntraps: %llu\n", (unsigned long long)__patchbay.updates,
	             (unsigned long long)__patchbay.refused, (unsigned long long)__patchbay.traps);
	if (*patchbay.refusal) PATCHBAY_SAY("refusal: %s\n", patchbay.refusal);
	for (size_t i = 0; i < count; i++)
		if (sites[i].left || patchbay_on_trampoline(&sites[i]))
			PATCHBAY_SAY("left: %p: %s\n", (void *)sites[i].at,
			             sites[i].left ? sites[i].left : *patchbay.why ? patchbay.why : "its function is out of reach");
	patchbay_end(&old);
	return length;
}

#ifdef __cplusplus
}
#endif
#endif

#endif
