// The instructions of a litmus test: where they are, what they do, and which of them something can point to.

import { LinkError } from "../../../linker/errors.ts";
import { PAGE } from "../../machine/state.ts";
import { type Emitter, type Form, type LitmusArch, SCRATCH, STRIDE, ZERO } from "./instruction.ts";
import type { Litmus, Thread } from "./read.ts";
import type { Registers } from "./registers.ts";

/** Where, on the page of words, the word of an instruction is. */
export const WORD = 8;

/** An instruction of a thread, with its form and the words that matched. */
export interface Matched {
	readonly form: Form;
	/** Labels in them are `.+BYTES`, so that the instruction means the same wherever it stands. */
	readonly words: readonly string[];
	/** As it is written, for messages. */
	readonly text: string;
	/** With `.+BYTES` instead of labels. */
	readonly meaning: string;
	readonly at: string;
}

/** Gives each instruction of a test a number through all threads, and each meaning of an instruction a label of toy code. */
export class Code {
	/** Text of an instruction that means the same everywhere -> label of what it does. */
	private readonly meanings = new Map<string, { text: string; label: string; lines: readonly string[] }>();
	private readonly threads: readonly (readonly Matched[])[];
	/** Number of the first instruction of each thread in the text. */
	private readonly firsts: readonly number[];
	private readonly total: number;
	private readonly pointed = new Set<number>();
	private readonly litmus: Litmus;
	private readonly arch: LitmusArch;
	private readonly registers: Registers;

	/** @throws LinkError naming an instruction that is not modelled */
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
		this.threads = litmus.threads.map((thread) => this.match(thread));
		this.notePointers();
	}

	/** Numbers of the pages of text. */
	pages(): number[] {
		return [...Array(Math.ceil((this.total * STRIDE) / PAGE)).keys()];
	}

	/** The instructions of a thread with their forms. */
	matched(thread: number): readonly Matched[] {
		return this.threads[thread]!;
	}

	/** Label of what each instruction of a thread does. */
	lower(thread: number): string[] {
		return this.matched(thread).map((matched) => this.label(matched));
	}

	/** The word of an instruction that is not in its place yet, so that it names no label. */
	word(text: string, at: string): string {
		const meaning = text.replace(/\s+/g, " ").trim();
		return this.label({ ...this.find(meaning, at), text: meaning, meaning, at });
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

	private match({ name, instructions, labels }: Thread): Matched[] {
		return instructions.map(({ text, at }, i) => {
			const meaning = withDistances(text, i, labels, this.arch);
			const { form, words } = this.find(meaning, at);
			for (const word of words) {
				const place = i + (bytesIn(word) ?? 0) / this.arch.instructionBytes;
				if (place < 0 || place > instructions.length)
					throw new LinkError(`${at}: '${text}' is not modelled: ${word} is outside of ${name}`);
			}
			return { form, words, text, meaning, at };
		});
	}

	/** Notes what instructions make pointers to. Return addresses count where anything but a return can read them. */
	private notePointers(): void {
		const { canonical, linkRegister, instructionBytes } = this.arch;
		const isLinkRead = this.threads.some((thread) =>
			thread.some(({ words }) => words.some((word) => canonical(word ?? "") === linkRegister)),
		);
		for (const [t, thread] of this.threads.entries())
			for (const [i, { form, words }] of thread.entries()) {
				const bytes = bytesIn(form.pointsTo?.(words) ?? "");
				if (bytes !== undefined) this.pointed.add(this.firsts[t]! + i + bytes / instructionBytes);
				if (form.calls === true && isLinkRead) this.pointed.add(this.firsts[t]! + i + 1);
			}
	}

	private label({ form, words, meaning, at }: Matched): string {
		const key = meaning.replace(/\s*,\s*/g, ",").toLowerCase();
		const known = this.meanings.get(key);
		if (known !== undefined) return known.label;
		const refuse = (why: string): never => {
			throw new LinkError(`${at}: '${meaning}' is not modelled: ${why}`);
		};
		const emit: Emitter = {
			register: (name) => this.registers.named(name, at),
			result: (name) => {
				const register = this.registers.named(name, at);
				return register === ZERO ? SCRATCH : register;
			},
			distance: (target) => {
				const bytes = bytesIn(target) ?? refuse(`it names the label ${target}, and what is stored names '.+BYTES'`);
				if (bytes % this.arch.instructionBytes !== 0)
					refuse(`${target} is no multiple of ${this.arch.instructionBytes} bytes`);
				return bytes / this.arch.instructionBytes;
			},
			refuse,
		};
		const label = `does.${this.meanings.size}.${meaning.replace(/[^\w.+-]+/g, "_").replace(/[+-]/g, "_")}`;
		this.meanings.set(key, { text: meaning, label, lines: form.lower(words, emit) });
		return label;
	}

	private find(text: string, at: string): Pick<Matched, "form" | "words"> {
		for (const form of this.arch.instructions) {
			const match = form.form.exec(text);
			if (match !== null) return { form, words: match.slice(1) };
		}
		throw new LinkError(`${at}: '${text}' is not an instruction that is modelled`);
	}
}

/** Address of the word of an instruction, by its number through all threads. */
function pointerText(number: number): string {
	return `window+${number * STRIDE + WORD}`;
}

/** The number in `.+BYTES`. */
function bytesIn(text: string): number | undefined {
	const bytes = /^\.([+-]\d+)$/.exec(text)?.[1];
	return bytes === undefined ? undefined : Number(bytes);
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
