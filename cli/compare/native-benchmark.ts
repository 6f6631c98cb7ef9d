// The C program that `patchbay bench-native` compiles: ways to reach a function that adds one, each in a loop of its own
// that starts at a cache line. Two of the loops are compiled to call a default and retargeted by patchbay before linking.

/** What to retarget in the compiled object. */
export const changes = [
	{ from: "slow_default", to: "add_one" },
	{ from: "hook_default", to: "null" },
];

/** Names of the rows it prints; what each loop does follows. */
export const loops = {
	empty: "",
	direct: "call add_one",
	retargeted: "call slow_default",
	"nothing (null)": "call hook_default",
	trampoline: "call jump_to_add_one",
	"FFP pointer": "call *pointer(%rip)",
	retpoline: "mov pointer(%rip), %r10\\n call retpoline_r10",
	"random pointer": "mov %ebx, %ecx\\n and $65535, %ecx\\n mov targets(,%rcx,8), %r10\\n call *%r10",
} as const;
export type Loop = keyof typeof loops;

const names = Object.keys(loops) as Loop[];

/** Prints a line per loop: name, tab, nanoseconds of each run per iteration. */
export const source = `#include <stdio.h>
#include <stdlib.h>
#include <time.h>
void *pointer, *targets[65536];
extern char add_one[], add_three[];
__asm__(
".text\\n"
".p2align 6\\n.globl add_one\\nadd_one: addl $1, %eax\\n ret\\n"
".p2align 6\\n.globl add_three\\nadd_three: addl $3, %eax\\n ret\\n"
".p2align 6\\n.globl slow_default\\nslow_default: mov $50, %ecx\\n1: dec %ecx\\n jnz 1b\\n ret\\n"
".p2align 6\\n.globl hook_default\\nhook_default: mov $50, %ecx\\n1: dec %ecx\\n jnz 1b\\n ret\\n"
".p2align 6\\njump_to_add_one: .byte 0xe9\\n.long add_one - (. + 4)\\n"
".p2align 6\\nretpoline_r10: call 2f\\n1: pause\\n lfence\\n jmp 1b\\n.p2align 4\\n2: mov %r10, (%rsp)\\n ret\\n"
);
#define LOOP(name, body) __asm__(".p2align 6\\n.globl " #name "\\n.type " #name ", @function\\n" #name \\
	": push %rbx\\n mov %rdi, %rbx\\n xor %eax, %eax\\n jmp 1f\\n.p2align 6\\n1: " body \\
	"\\n dec %rbx\\n jnz 1b\\n pop %rbx\\n ret\\n.size " #name ", . - " #name "\\n"); long name(long);
${names.map((name, i) => `LOOP(loop_${i}, "${loops[name]}")`).join("\n")}
static long (*const loops[])(long) = {${names.map((_, i) => `loop_${i}`).join(", ")}};
static const char *const names[] = {${names.map((name) => JSON.stringify(name)).join(", ")}};
enum { COUNT = sizeof loops / sizeof *loops, MOST_RUNS = 99 };

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
	static double times[COUNT][MOST_RUNS];
	long iterations = argc > 1 ? atol(argv[1]) : 20000000;
	int runs = argc > 2 ? atoi(argv[2]) : 7;
	unsigned seed = 1;
	if (runs > MOST_RUNS) runs = MOST_RUNS;
	for (int i = 0; i < 65536; i++) {
		seed = seed * 1103515245 + 12345;
		targets[i] = seed >> 16 & 1 ? add_one : add_three;
	}
	pointer = add_one;
	for (int i = 0; i < COUNT; i++) loops[i](iterations / 20 + 1);
	for (int run = 0; run < runs; run++)
		for (int i = 0; i < COUNT; i++) {
			double start = now();
			loops[i](iterations);
			times[i][run] = (now() - start) / iterations * 1e9;
		}
	for (int i = 0; i < COUNT; i++) {
		printf("%s\\t", names[i]);
		for (int run = 0; run < runs; run++) printf("%.4f%c", times[i][run], run + 1 < runs ? ' ' : '\\n');
	}
	return 0;
}
`;
