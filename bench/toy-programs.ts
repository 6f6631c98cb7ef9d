// Loops for our machine, as assembly; avr-programs.ts has the same for avr8js. Every CPU has a cell of its own.

import { assemble } from "../linker/compile/assemble.ts";
import { type Image, link } from "../linker/link/index.ts";

function loop(body: readonly string[]): string {
	return `
        .global main
        .static_call hook, leaf
        .type   main, @function
main:   cpuid   r4
        shli    r4, r4, 2
        addi    r4, r4, cells
        movi    r1, 0
1:      addi    r1, r1, 1
        ${body.join("\n        ")}
        cmpi    r7, 1
        jne     1b
        hlt
        .size   main, . - main

        .type   leaf, @function
leaf:   add     r6, r6, r1
        ret
        .size   leaf, . - leaf

        .type   other, @function
other:  add     r6, r6, r1
        ret
        .size   other, . - other

        .type   wait, @function
wait:   idle
        jmp     wait
        .size   wait, . - wait

        .bss
cells:  .zero   1024
`;
}

const sums = ["add r2, r2, r1", "xor r3, r3, r2", "add r2, r2, r1", "xor r3, r3, r2"];
const cells = ["st [r4], r3", "ld r5, [r4]"];

export const toyPrograms: Readonly<Record<string, string>> = {
	arithmetic: loop(sums),
	memory: loop(cells),
	calls: loop(["call __SCT__hook"]),
	mix: loop(["add r2, r2, r1", "xor r3, r3, r2", ...cells, "call __SCT__hook"]),
};

export function toyImage(name: string): Image {
	return link([assemble(toyPrograms[name]!, { file: `${name}.s` })]);
}
