// What the link benchmark links: many objects with many functions that call functions of all objects, four calls in five
// across objects. Two machines, one shape: a function saves a register, calls with a new argument each time and adds up
// the results. Random, but the same for both machines and on every run.

import {
	append,
	defineSymbol,
	type ElfObject,
	finish,
	newObject,
	type ObjectBuilder,
	reference,
	relocate,
	STB_GLOBAL,
	STT_FUNC,
	section,
} from "../linker/elf/index.ts";
import { EM_TOY, encode, R_TOY_CALL28 } from "../linker/isa/index.ts";

export interface Shape {
	readonly objects: number;
	readonly functions: number;
	readonly calls: number;
}

/** A function: what it calls, and the argument of each call. */
export interface Plan {
	readonly name: string;
	readonly calls: readonly { readonly to: string; readonly argument: number }[];
}

/** The functions of each object. */
export function* plans({ objects, functions, calls }: Shape): Generator<Plan[]> {
	const random = generator(99);
	for (let o = 0; o < objects; o++) {
		yield Array.from({ length: functions }, (_, f) => ({
			name: `fn_${o}_${f}`,
			calls: Array.from({ length: calls }, () => {
				const object = random(5) > 0 ? random(objects) : o;
				const argument = random(100);
				return { to: `fn_${object}_${random(functions)}`, argument };
			}),
		}));
	}
}

/** A linear congruential generator of numbers below `n`. */
function generator(seed: number): (n: number) => number {
	let state = seed;
	return (n) => {
		state = (Math.imul(state, 1103515245) + 12345) >>> 0;
		return (state >>> 8) % n;
	};
}

/** Assembler source for x86-64. */
export function x86Source(plan: readonly Plan[]): string {
	const lines = plan.flatMap(({ name, calls }) => [
		`\t.globl ${name}\n\t.type ${name},@function\n${name}:\n\tpushq %rbx\n\tmovl %edi,%ebx`,
		...calls.map(({ to, argument }) => `\tleal ${argument}(%rbx),%edi\n\tcall ${to}\n\taddl %eax,%ebx`),
		`\tleal 1(%rbx),%eax\n\tpopq %rbx\n\tret\n\t.size ${name},.-${name}`,
	]);
	return ["\t.text", ...lines, '\t.section .note.GNU-stack,"",@progbits\n'].join("\n");
}

export const x86Start = '\t.globl _start\n_start:\n\tcall fn_0_0\n\tud2\n\t.section .note.GNU-stack,"",@progbits\n';

/** @param prefix of the names called; with `__SCT__` every call is a static one, of keys that `toyKeys` defines */
export function toyObject(name: string, plan: readonly Plan[], prefix = ""): ElfObject {
	const builder = newObject(name, EM_TOY);
	for (const each of plan) addFunction(builder, each, prefix);
	return finish(builder);
}

const enter = [...encode("push", { a: 8 }), ...encode("mov", { a: 8, b: 0 })];
const call = encode("call");
const add = encode("add", { a: 8, b: 8, c: 0 });
const leave = [...encode("addi", { a: 0, b: 8, imm: 1 }), ...encode("pop", { a: 8 }), ...encode("ret")];

function addFunction(builder: ObjectBuilder, { name, calls }: Plan, prefix: string): void {
	const text = section(builder, ".text");
	const value = append(text, enter);
	for (const { to, argument } of calls) {
		append(text, encode("addi", { a: 0, b: 8, imm: argument }));
		relocate(text, append(text, call) + 1, R_TOY_CALL28, reference(builder, prefix + to), -4);
		append(text, add);
	}
	append(text, leave);
	defineSymbol(builder, name, { section: text, value, size: text.size - value, binding: STB_GLOBAL, type: STT_FUNC });
}
