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
import { type Emitter, type LitmusArch, NEXT, SCRATCH, STRIDE, TO_CODE, ZERO } from "./instruction.ts";
import { type Matched, refusePointerSums, refuseTwoWords } from "./pointers.ts";
import { type Litmus, readLitmus, type Thread } from "./read.ts";
import { riscv } from "./riscv.ts";

/** Where, on the page of words, the instruction is that holds a word, and where the word is. */
const OPCODE = 6;
const WORD = 8;
/** Registers for those of the test: `r0` to `r10`. */
const MOST_REGISTERS = 11;

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
		const matched = code.matched(thread);
		refusePointerSums(arch, matched, pointers[t]!, numbers[t]!);
		refuseTwoWords(arch, matched, toCode[t]!);
	}
	const bodies = litmus.threads.map((thread) => code.lower(thread));
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

/** Address of the word of an instruction, by its number through all threads. */
function pointerText(number: number): string {
	return `window+${number * STRIDE + WORD}`;
}

function pageLabel(name: string, page: number): string {
	return page === 0 ? name : `${name}.${page}`;
}

function dataLabel(name: string): string {
	return `data.${name}`;
}

/** Registers of the test, and the toy registers that stand for them in all threads. */
class Registers {
	private readonly numbers = new Map<string, number>();
	private readonly arch: LitmusArch;
	private readonly file: string;

	constructor(arch: LitmusArch, file: string) {
		this.arch = arch;
		this.file = file;
	}

	named(register: string, at: string): string {
		const name = this.arch.canonical(register);
		if (name === undefined) throw new LinkError(`${at}: '${register}' is no register of ${this.arch.name}`);
		if (name === this.arch.zero) return ZERO;
		const number = this.numbers.get(name) ?? this.numbers.size;
		this.numbers.set(name, number);
		if (number >= MOST_REGISTERS)
			throw new LinkError(`${this.file}: more than ${MOST_REGISTERS} registers, with ${register} at ${at}`);
		return `r${number}`;
	}
}

/** The instructions of a test: where they are, and what their words are. */
class Code {
	/** Text of an instruction that means the same everywhere -> label of what it does. */
	private readonly meanings = new Map<string, { text: string; label: string; lines: readonly string[] }>();
	/** Number of the first instruction of each thread in the text. */
	private readonly firsts: readonly number[];
	private readonly total: number;
	private readonly pointed = new Set<number>();
	private readonly litmus: Litmus;
	private readonly arch: LitmusArch;
	private readonly registers: Registers;

	constructor(litmus: Litmus, arch: LitmusArch, registers: Registers) {
		this.litmus = litmus;
		this.arch = arch;
		this.registers = registers;
		let total = 0;
		this.firsts = litmus.threads.map(({ instructions }) => {
			const first = total;
			total += instructions.length + 1;
			return first;
		});
		this.total = total;
		for (const thread of litmus.threads) this.check(thread);
		for (const [t, { instructions, labels }] of litmus.threads.entries())
			for (const [i, { text }] of instructions.entries()) this.notePointers(this.firsts[t]!, text, i, labels);
	}

	/** Numbers of the pages of text. */
	pages(): number[] {
		return [...Array(Math.ceil((this.total * STRIDE) / PAGE)).keys()];
	}

	/** Label of what each instruction of a thread does. */
	lower({ instructions, labels }: Thread): string[] {
		return instructions.map(({ text, at }, i) => this.meaning(withDistances(text, i, labels, this.arch), at));
	}

	/** The instructions of a thread with their forms. */
	matched({ instructions, labels }: Thread): Matched[] {
		return instructions.map(({ text, at }) => ({
			...this.found(withDistances(text, 0, labels, this.arch), at),
			text,
			at,
		}));
	}

	/** The word of an instruction that is not in its place yet, so that it names no label. */
	word(text: string, at: string): string {
		return this.meaning(text.replace(/\s+/g, " ").trim(), at);
	}

	/** Address of the word of the instruction behind a label. */
	pointer(thread: number, label: string, at: string): string {
		const [first, place] = [this.firsts[thread], this.litmus.threads[thread]?.labels.get(label)];
		if (first === undefined || place === undefined) throw new LinkError(`${at}: there is no label P${thread}:${label}`);
		this.pointed.add(first + place);
		return pointerText(first + place);
	}

	/** Whether threads may have a pointer to an instruction. @param number of the instruction, through all threads */
	isPointedTo(number: number): boolean {
		return this.pointed.has(number);
	}

	/** What a test calls the addresses of what instructions do, and of the words behind labels. */
	named(): (readonly [string, string])[] {
		return [
			...[...this.meanings.values()].map(({ text, label }) => [label, `instr:"${text}"`] as const),
			...this.litmus.threads.flatMap(({ name, labels }, t) =>
				[...labels].map(([label, place]) => [pointerText(this.firsts[t]! + place), `${name}:${label}`] as const),
			),
		];
	}

	/** All that instructions do, as toy code. */
	bodies(): string[] {
		return [...this.meanings.values()].flatMap(({ label, lines }) => [`${label}:`, ...lines]);
	}

	/** Notes what an instruction makes pointers to. Return addresses count where anything but a return can read them. */
	private notePointers(first: number, text: string, i: number, labels: Thread["labels"]): void {
		const { pointers, links, link } = this.arch;
		const label = pointers.exec(text)?.[1];
		if (label !== undefined && labels.has(label)) this.pointed.add(first + labels.get(label)!);
		const isRead = this.litmus.threads.some(({ instructions }) => instructions.some((one) => link.test(one.text)));
		if (links.test(text) && isRead) this.pointed.add(first + i + 1);
	}

	private meaning(text: string, at: string): string {
		const key = text.replace(/\s*,\s*/g, ",").toLowerCase();
		const known = this.meanings.get(key);
		if (known !== undefined) return known.label;
		const { form, words } = this.found(text, at);
		const refuse = (why: string): never => {
			throw new LinkError(`${at}: '${text}' is not modelled: ${why}`);
		};
		const emit: Emitter = {
			register: (name) => this.registers.named(name, at),
			result: (name) => {
				const register = this.registers.named(name, at);
				return register === ZERO ? SCRATCH : register;
			},
			distance: (target) => {
				const bytes = /^\.([+-]\d+)$/.exec(target)?.[1];
				if (bytes === undefined) refuse(`it names the label ${target}, and what is stored names '.+BYTES'`);
				if (Number(bytes) % this.arch.instructionBytes !== 0)
					refuse(`${target} is no multiple of ${this.arch.instructionBytes} bytes`);
				return Number(bytes) / this.arch.instructionBytes;
			},
			refuse,
		};
		const label = `does.${this.meanings.size}.${text.replace(/[^\w.+-]+/g, "_").replace(/[+-]/g, "_")}`;
		this.meanings.set(key, { text, label, lines: form.lower(words, emit) });
		return label;
	}

	private found(text: string, at: string): Pick<Matched, "form" | "words"> {
		for (const form of this.arch.instructions) {
			const match = form.form.exec(text);
			if (match !== null) return { form, words: match.slice(1) };
		}
		throw new LinkError(`${at}: '${text}' is not an instruction that is modelled`);
	}

	/** @throws LinkError for flags that a toy instruction loses, and the instruction of the test does not */
	private check({ instructions, labels, name }: Thread): void {
		const forms = this.matched({ instructions, labels, name }).map(({ form }) => form);
		const entered = new Set(labels.values());
		for (const [i, { flags }] of forms.entries()) {
			if (flags !== "read") continue;
			let before = i;
			while (before > 0 && !entered.has(before) && forms[before - 1]!.flags === undefined) before--;
			const writer = entered.has(before) || before === 0 ? undefined : forms[before - 1];
			if (writer?.flags === "lost" || writer === undefined)
				throw new LinkError(
					`${instructions[i]!.at}: '${instructions[i]!.text}' in ${name} is not modelled: no comparison stands right before it`,
				);
		}
	}
}

/** An instruction with `.+BYTES` instead of labels, so that it means the same wherever it stands. */
function withDistances(text: string, i: number, labels: Thread["labels"], { instructionBytes }: LitmusArch): string {
	return text.replace(/[A-Za-z_][\w.]*/g, (word, at: number) => {
		const place = at === 0 ? undefined : labels.get(word);
		if (place === undefined) return word;
		const bytes = (place - i) * instructionBytes;
		return `.${bytes < 0 ? "-" : "+"}${Math.abs(bytes)}`;
	});
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
