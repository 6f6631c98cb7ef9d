// From a litmus test to a scenario of the checker. Every instruction of the test has a place in the text, STRIDE bytes behind the one
// before, and a word of its own on a page that threads can also write to:
//
//     movi r14, BEHIND     where the instruction behind it is
//     jmp WORD
//     ...
//     movi r12, WHAT       what it does: the address of toy code; this aligned word is what loads and stores of the test see
//     jmpr r12
//
// so that a store of another word makes it another instruction at once, as on a machine with instructions of one size, and a word that
// is copied means the same elsewhere. A pointer to code is the address of the instruction's word in a writable view of its page, and
// `r11` is what leads from there to the instruction's place. An instruction that nothing points to goes to what it does at once.

import { LinkError } from "../../../linker/errors.ts";
import { PAGE } from "../../machine/state.ts";
import { type Condition, conditionText } from "../condition.ts";
import type { Scenario } from "../scenario.ts";
import { aarch64 } from "./aarch64.ts";
import { Code, WORD } from "./code.ts";
import { refuseLostFlags } from "./flags.ts";
import { type LitmusArch, NEXT, SCRATCH, STRIDE, TO_CODE } from "./instruction.ts";
import { refusePointerSums, refuseTwoWords } from "./pointers.ts";
import { type Litmus, readLitmus } from "./read.ts";
import { Registers } from "./registers.ts";
import { riscv } from "./riscv.ts";

/** Where, on the page of words, the instruction is that holds a word. */
const OPCODE = 6;
const archs: readonly LitmusArch[] = [aarch64, riscv];

/** A litmus test as the checker takes it, and as herd7 would name what it finds. */
export interface LitmusScenario {
	readonly scenario: Scenario;
	readonly litmus: Litmus;
	/** Place of the scenario -> that of the test: `0:r3` -> `0:X9`. */
	readonly places: ReadonlyMap<string, string>;
	/** Place in the scenario's program, a label or `label+BYTES`, -> what a test calls its address: `instr:"NOP"`, `P1:L0`, `x`. */
	readonly values: ReadonlyMap<string, string>;
}

/** Reads a litmus test of AArch64 or RISC-V.
 * @param file names it in messages @throws LinkError naming the line and what the machine cannot represent */
export function readLitmusScenario(source: string, file: string): LitmusScenario {
	const litmus = readLitmus(source, file);
	const arch = archs.find(({ name }) => name.toLowerCase() === litmus.arch.toLowerCase());
	if (arch === undefined)
		throw new LinkError(
			`${file}:1: no architecture '${litmus.arch}'; there are ${archs.map(({ name }) => name).join(", ")}`,
		);
	const registers = new Registers(arch, file);
	const code = new Code(litmus, arch, registers);
	const memory = new Set<string>();
	const start: string[][] = litmus.threads.map(() => []);
	const pointers: string[][] = litmus.threads.map(() => []);
	const toCode: string[][] = litmus.threads.map(() => []);
	const numbers: string[][] = litmus.threads.map(() => []);
	const words = new Map<string, string>();
	for (const { place, value, at } of litmus.init) {
		const [, cpu, register] = /^(\d+):(\S+)$/.exec(place) ?? [];
		const name = cpu === undefined ? undefined : registers.named(register!, at);
		const word = valueText(value, at, code, memory);
		if (name === undefined) {
			memory.add(place);
			words.set(place, word);
		} else {
			if (start[Number(cpu)] === undefined) throw new LinkError(`${at}: there is no thread P${cpu}`);
			start[Number(cpu)]!.push(`movi ${name}, ${word}`);
			const list = /^\d+$/.test(word) || /^does/.test(word) ? numbers : pointers;
			if (word !== "0") list[Number(cpu)]!.push(register!);
			if (word.startsWith("window")) toCode[Number(cpu)]!.push(register!);
		}
	}
	for (const [t, thread] of litmus.threads.entries()) {
		const matched = code.matched(t);
		refuseLostFlags(thread, matched);
		refusePointerSums(arch, matched, pointers[t]!, numbers[t]!);
		refuseTwoWords(arch, matched, toCode[t]!);
	}
	const bodies = litmus.threads.map((_, t) => code.lower(t));
	const places = new Map<string, string>();
	const placeText = (place: string, at: string): string => {
		const [, cpu, register] = /^(\d+):(\S+)$/.exec(place) ?? [];
		const bare = place.replace(/[[\]]/g, "");
		if (cpu === undefined && !memory.has(bare) && !/^[A-Za-z_]\w*$/.test(bare))
			throw new LinkError(`${at}: '${place}' is neither a register like 0:X1 nor a word of memory like x`);
		if (cpu === undefined) memory.add(bare);
		else if (Number(cpu) >= litmus.threads.length) throw new LinkError(`${at}: there is no thread P${cpu}`);
		const own = cpu === undefined ? dataLabel(bare) : `${Number(cpu)}:${registers.named(register!, at)}`;
		places.set(own, cpu === undefined ? bare : place);
		return own;
	};
	const { exists, at } = questionOf(litmus, file, (place, where, value) => {
		if (/^fault\b/.test(place))
			throw new LinkError(`${where}: 'fault' is not modelled: no instruction here is undefined`);
		return `${placeText(place, where)}=${valueText(value, where, code, memory)}`;
	});
	const shown = litmus.locations.map((place) => `${placeText(place.replace(/^.*\s/, ""), at)}=0`);
	const cpus = litmus.threads.map(({ name }) => ({ entry: name, place: file }));
	return {
		litmus,
		places,
		values: new Map([...code.named(), ...[...memory].map((name) => [dataLabel(name), name] as const)]),
		scenario: {
			name: file,
			about: `${litmus.name} (${litmus.arch})`,
			program: programOf(litmus, code, start, bodies, memory, words),
			model: arch.model(litmus.info.CacheType ?? "", file),
			cpus,
			alias: Object.fromEntries(code.pages().map((page) => [pageLabel("window", page), pageLabel("words", page)])),
			// What only is to be shown is named where it changes nothing.
			exists: shown.length === 0 ? exists : `(${exists}) | ~(true) & (${shown.join(" | ")})`,
			places: { exists: at },
		},
	};
}

/** What `exists` must be asked: of `forall`, whether all can end otherwise. */
function questionOf(
	{ asks }: Litmus,
	file: string,
	equation: (place: string, at: string, value: string) => string,
): { exists: string; at: string } {
	if (asks === undefined) return { exists: "true", at: file };
	const { quantifier, condition, place } = asks;
	const asked: Condition = quantifier === "forall" ? { kind: "not", of: condition } : condition;
	return { exists: conditionText(asked, (one) => equation(one.place, place, one.value)), at: place };
}

/** A number, or a label of the toy program. */
function valueText(value: string, at: string, code: Code, memory: Set<string>): string {
	const quoted = /^(instr|label):"(.*)"$/.exec(value);
	if (quoted?.[1] === "instr") return code.word(quoted[2]!, at);
	if (/^NOP$/i.test(value)) return code.word("NOP", at);
	const [, thread, label] = /^P(\d+):([\w.]+)$/.exec(quoted?.[2] ?? value) ?? [];
	if (thread !== undefined) return code.pointer(Number(thread), label!, at);
	if (quoted !== null) throw new LinkError(`${at}: '${value}' is not a label like label:"P1:L0"`);
	if (/^(?:0x[0-9a-f]+|\d+)$/i.test(value)) {
		if (Number(value) >= 2 ** 32) throw new LinkError(`${at}: ${value} has more than 32 bits`);
		return String(Number(value));
	}
	if (!/^[A-Za-z_]\w*$/.test(value))
		throw new LinkError(`${at}: '${value}' is no value: a number, x, P1:L0, instr:"NOP" or label:"P1:L0"`);
	memory.add(value);
	return dataLabel(value);
}

function pageLabel(name: string, page: number): string {
	return page === 0 ? name : `${name}.${page}`;
}

function dataLabel(name: string): string {
	return `data.${name}`;
}

function programOf(
	{ threads }: Litmus,
	code: Code,
	start: readonly (readonly string[])[],
	bodies: readonly (readonly string[])[],
	memory: ReadonlySet<string>,
	words: ReadonlyMap<string, string>,
): string {
	const lines: string[] = [`\t.global ${threads.map(({ name }) => name).join(", ")}`];
	for (const [i, { name }] of threads.entries())
		lines.push(
			`\t.type ${name}, @function`,
			`${name}:`,
			...indent([`movi ${TO_CODE}, places`, `movi ${SCRATCH}, window+${WORD}`]),
			...indent([`sub ${TO_CODE}, ${TO_CODE}, ${SCRATCH}`, ...start[i]!, `jmp ${name}.0`]),
			`\t.size ${name}, . - ${name}`,
		);
	lines.push(...code.bodies().map((line) => (line.endsWith(":") ? line : `\t${line}`)), "stop:\thlt");
	const all = threads.flatMap(({ name }, t) =>
		[...bodies[t]!, "stop"].map((what, i) => ({ label: `${name}.${i}`, what, isLast: i === bodies[t]!.length })),
	);
	lines.push("\t.align 4096", "places:");
	for (const [number, { label, what, isLast }] of all.entries()) {
		const go = code.isPointedTo(number) ? `jmp words+${number * STRIDE + OPCODE}` : `jmp ${what}`;
		const behind = isLast ? label : all[number + 1]!.label;
		lines.push(`${label}:`, ...indent([`movi ${NEXT}, ${behind}`, go, `.space ${STRIDE - 11}`]));
	}
	lines.push("\t.align 4096", "words:");
	for (const [number, { what }] of all.entries()) {
		if (number > 0 && (number * STRIDE) % PAGE === 0) lines.push(`${pageLabel("words", (number * STRIDE) / PAGE)}:`);
		lines.push(...indent([`.space ${OPCODE}`, `movi ${SCRATCH}, ${what}`, `jmpr ${SCRATCH}`, ".space 2"]));
	}
	lines.push("\t.align 4096", "", "\t.data", "\t.align 4096");
	for (const page of code.pages()) lines.push(`${pageLabel("window", page)}:\t.space ${PAGE}`);
	for (const name of memory) lines.push(`${dataLabel(name)}:\t.word ${words.get(name) ?? 0}, 0`);
	return `${lines.join("\n")}\n`;
}

function indent(lines: readonly string[]): string[] {
	return lines.map((line) => `\t${line}`);
}
