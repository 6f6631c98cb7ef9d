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
 * One file of the program (of all its shared objects, one) says `#define _GNU_SOURCE` and `#define PATCHBAY_RUNTIME` before
 * its first #include, and brings the code. Objects are compiled, then `patchbay collect foo.o --user` adds the table of their
 * calls; without it, or where text may not be written, calls go through a trampoline `jmp *key` and are as right, only
 * slower. docs/native.md says what is guaranteed, what is refused, and how everything lies in memory.
 */
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

/* A row of the section static_call_sites, between __start_static_call_sites and __stop_static_call_sites. Both words count
 * from themselves. */
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
	uint32_t busy;    /* 1 while text is being changed */
	uint64_t updates; /* that were carried out */
	uint64_t refused; /* that changed nothing */
	uint64_t traps;   /* breakpoints that calls met */
};
extern struct patchbay __patchbay;

/* The tables of one linked object. */
struct patchbay_object {
	const struct static_call_site *sites, *sites_end;
	const struct jump_entry *jumps, *jumps_end;
};

/* ---- Static calls ---- */

/* What a key calls that is null, and one that returns 0; each object has its own. */
PATCHBAY_HIDDEN void __static_call_return(void);
PATCHBAY_HIDDEN long __static_call_return0(void);

#define DECLARE_STATIC_CALL(name, func)                \
	PATCHBAY_C struct static_call_key __SCK__##name;      \
	PATCHBAY_C __typeof__(func) __SCT__##name

#define PATCHBAY_DEFINE(name, type, func)                                                                             \
	DECLARE_STATIC_CALL(name, type);                                                                                     \
	PATCHBAY_C PATCHBAY_HIDDEN struct static_call_key __SCL__##name __attribute__((alias("__SCK__" #name)));             \
	struct static_call_key __SCK__##name __attribute__((used)) = {                                           \
	    (patchbay_function *)(func), (patchbay_function *)(func), (patchbay_function *)__SCT__##name, 0};                \
	__asm__(".pushsection .static_call.text, \"ax\"\n" PATCHBAY_TRAMPOLINE("__SCT__" #name, "__SCL__" #name) ".popsection\n")

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

/* One of the changes that `static_call_update_all` makes at once. NULL: nothing; static_call_ret0(name): return 0. */
struct static_call_change {
	struct static_call_key *key;
	patchbay_function *func;
};
#define static_call_change(name, func)                                                                        \
	__extension__({                                                                                              \
		PATCHBAY_SAME_TYPE(name, func);                                                                             \
		__typeof__(&__SCT__##name) patchbay_func = (func);                                                          \
		struct static_call_change patchbay_change = {PATCHBAY_KEY(name), (patchbay_function *)patchbay_func};                    \
		patchbay_change;                                                                                            \
	})
#define static_call_ret0(name) ((__typeof__(&__SCT__##name))(patchbay_function *)__static_call_return0)

/* 0, or a negative errno with nothing changed; patchbay_status() then says why. */
#define static_call_update(name, func) static_call_update_all(static_call_change(name, func))
#define static_call_update_all(...)                                                                           \
	__extension__({                                                                                              \
		const struct static_call_change patchbay_all[] = {__VA_ARGS__};                                             \
		__patchbay_update(patchbay_all, sizeof patchbay_all / sizeof *patchbay_all);                                \
	})
/* Calls what it called at the start. */
#define static_call_reset(name)                                                                               \
	__extension__({                                                                                              \
		struct static_call_key *patchbay_key = PATCHBAY_KEY(name);                                                  \
		const struct static_call_change patchbay_back = {patchbay_key, patchbay_key->initial};                      \
		__patchbay_update(&patchbay_back, 1);                                                                       \
	})

#ifdef __cplusplus
#define PATCHBAY_SAME_TYPE(name, func) ((void)0) /* C++ converts no function pointer to another by itself */
#else
#define PATCHBAY_SAME_TYPE(name, func)                                                                        \
	_Static_assert(__builtin_types_compatible_p(__typeof__(func), __typeof__(__SCT__##name)) ||                  \
	                   __builtin_types_compatible_p(__typeof__(func), __typeof__(&__SCT__##name)) ||             \
	                   __builtin_types_compatible_p(__typeof__(func), void *),                                   \
	               "the static call '" #name "' is of another type than " #func)
#endif

/* ---- Static keys ---- */

#define DECLARE_STATIC_KEY_TRUE(name) PATCHBAY_C PATCHBAY_HIDDEN struct static_key_true __SK__##name
#define DECLARE_STATIC_KEY_FALSE(name) PATCHBAY_C PATCHBAY_HIDDEN struct static_key_false __SK__##name
#define DEFINE_STATIC_KEY_TRUE(name)     \
	DECLARE_STATIC_KEY_TRUE(name);          \
	struct static_key_true __SK__##name __attribute__((used)) = {{1, 1}}
#define DEFINE_STATIC_KEY_FALSE(name)    \
	DECLARE_STATIC_KEY_FALSE(name);         \
	struct static_key_false __SK__##name __attribute__((used)) = {{0, 0}}

/* Whether the key is on. The likely way is the one that follows. */
#define static_branch_likely(name) PATCHBAY_BRANCH(name, 1)
#define static_branch_unlikely(name) PATCHBAY_BRANCH(name, 0)

#ifdef __cplusplus
#define PATCHBAY_IS_TRUE(name) __is_same(decltype(__SK__##name), struct static_key_true)
#else
#define PATCHBAY_IS_TRUE(name) __builtin_types_compatible_p(__typeof__(__SK__##name), struct static_key_true)
#endif
#define PATCHBAY_BRANCH(name, expected)                                                                       \
	__extension__({                                                                                              \
		__label__ patchbay_jump;                                                                                    \
		int patchbay_way;                                                                                           \
		__asm__ goto(".if %c0\n771: " PATCHBAY_NOP "\n.else\n771: " PATCHBAY_JUMP("%l[patchbay_jump]") "\n.endif\n" \
		             ".pushsection __jump_table, \"a?\"\n.balign 8\n"                                               \
		             ".long 771b - ., %l[patchbay_jump] - .\n.quad __SK__" #name " + %c1 - .\n.popsection\n"        \
		             : : "i"(PATCHBAY_IS_TRUE(name) == (expected)), "i"(expected) : : patchbay_jump);               \
		patchbay_way = (expected);                                                                                  \
		if (0) {                                                                                                    \
		patchbay_jump:                                                                                              \
			patchbay_way = !(expected);                                                                                \
		}                                                                                                           \
		patchbay_way;                                                                                               \
	})

/* Each 0, or a negative errno with nothing changed. inc and dec count users; enable and disable set 1 and 0. */
#define static_branch_inc(name) __patchbay_key(&__SK__##name.key, 1, 1)
#define static_branch_dec(name) __patchbay_key(&__SK__##name.key, 1, -1)
#define static_branch_enable(name) __patchbay_key(&__SK__##name.key, 0, 1)
#define static_branch_disable(name) __patchbay_key(&__SK__##name.key, 0, 0)
#define static_key_count(name) __atomic_load_n(&__SK__##name.key.enabled, __ATOMIC_ACQUIRE)
#define static_key_enabled(name) (static_key_count(name) > 0)

/* ---- The runtime's functions ---- */

/* How text is written, how many sites there are, which are left on trampolines and why, and why the last refused change was
 * refused: lines of `name: value`. As snprintf: returns the length of all of it, and cuts what does not fit. */
size_t patchbay_status(char *buffer, size_t size);

int __patchbay_update(const struct static_call_change *changes, size_t count);
int __patchbay_key(struct static_key *key, int adds, int value);
patchbay_function *__patchbay_query(const struct static_call_key *key);
void __patchbay_attach(const struct patchbay_object *object) __attribute__((weak));
void __patchbay_detach(const struct patchbay_object *object) __attribute__((weak));

/* ---- What every object has: its tables, made known when it is loaded and forgotten when it is unloaded ---- */

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

/* The two functions that stand for nothing and for 0. A signature follows, by which they are known in every object. */
#define PATCHBAY_FUNCTIONS(type, nothing, zero)                                                        \
	__asm__(".pushsection .text.patchbay, \"axG\", " type "progbits, __static_call_return, comdat\n"      \
	        ".weak __static_call_return\n.hidden __static_call_return\n.type __static_call_return, " type "function\n" \
	        "__static_call_return: " nothing "\n.size __static_call_return, . - __static_call_return\n"   \
	        ".weak __static_call_return0\n.hidden __static_call_return0\n.type __static_call_return0, " type "function\n" \
	        "__static_call_return0: " zero "\n.size __static_call_return0, . - __static_call_return0\n.popsection\n")

#if defined(__x86_64__)
#define PATCHBAY_KEY(name)                                                                             \
	__extension__({                                                                                       \
		struct static_call_key *patchbay_at;                                                                 \
		__asm__("movq __SCK__" #name "@GOTPCREL(%%rip), %0" : "=r"(patchbay_at));                            \
		patchbay_at;                                                                                         \
	})
#define PATCHBAY_TRAMPOLINE(name, key)                                                    \
	".globl " name "\n.type " name ", @function\n.balign 16\n" name ": endbr64\njmp *" key "(%rip)\n" \
	".byte 0x0f, 0xb9, 0xcc\n.size " name ", . - " name "\n"
#define PATCHBAY_NOP ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00"
#define PATCHBAY_JUMP(label) ".byte 0xe9\n.long " label " - . - 4"
PATCHBAY_FUNCTIONS("@", "endbr64\nret\n.byte 0x0f, 0xb9, 0xcc", "endbr64\nxorl %eax, %eax\nret\n.byte 0x0f, 0xb9, 0xcc");
#elif defined(__aarch64__)
#define PATCHBAY_KEY(name)                                                                             \
	__extension__({                                                                                       \
		struct static_call_key *patchbay_at;                                                                 \
		__asm__("adrp %0, :got:__SCK__" #name "\n\tldr %0, [%0, :got_lo12:__SCK__" #name "]" : "=r"(patchbay_at)); \
		patchbay_at;                                                                                         \
	})
#define PATCHBAY_TRAMPOLINE(name, key)                                                                 \
	".globl " name "\n.type " name ", %function\n.balign 16\n" name ": hint #34\nadrp x16, " key          \
	"\nldr x16, [x16, :lo12:" key "]\nbr x16\n.size " name ", . - " name "\n"
#define PATCHBAY_NOP "nop"
#define PATCHBAY_JUMP(label) "b " label
PATCHBAY_FUNCTIONS("%", "hint #34\nret\nudf #0x5c7", "hint #34\nmov x0, #0\nret\nudf #0x5c7");
#else
#error "patchbay.h knows x86-64 and AArch64"
#endif

#endif
