// What an architecture must say of its instructions, so that a litmus test of it becomes a program of the toy machine.

/** Writes toy instructions that have the effect of one instruction of a litmus test. They go on at `r14`, the instruction behind
 * it, unless they go elsewhere by themselves. */
export interface Emitter {
	/** The toy register that stands for a register of the test; the one that is always 0 for its zero register. */
	register(name: string): string;
	/** Where a result goes: a scratch register where the test throws it away. */
	result(name: string): string;
	/** How many instructions a label, or `.+8`, is away from this instruction. */
	distance(target: string): number;
	/** @throws LinkError saying why this instruction has no meaning here */
	refuse(why: string): never;
}

/** Where a value goes, for what must not be computed with: a pointer to code is no number of bytes here. */
export interface Flow {
	/** The register that is set. */
	readonly to: string;
	/** `sum`: any arithmetic of `from`; `copy`: one of `from`; `pointer`, `number`: what memory or the program counter give. */
	readonly makes: "sum" | "copy" | "pointer" | "number";
	readonly from: readonly string[];
	/** The result is zero when both of `from` are one register, as with exclusive or. */
	readonly cancels?: boolean;
	/** The number that is an operand as well, or the result. */
	readonly number?: number;
}

/** An instruction by its form, and what it does. */
export interface Form {
	/** Matches the whole instruction, with single blanks; case is that of `litmus` files. */
	readonly form: RegExp;
	/** @param words what the groups of `form` matched @returns toy instructions */
	readonly lower: (words: readonly string[], emit: Emitter) => readonly string[];
	readonly flow?: (words: readonly string[]) => Flow;
	/** The register that is added to an address. */
	readonly index?: (words: readonly string[]) => string;
	/** The address register of a load or store of eight bytes; undefined of fewer. */
	readonly eightBytesAt?: (words: readonly string[]) => string | undefined;
	/** The label that it makes a pointer to. */
	readonly pointsTo?: (words: readonly string[]) => string;
	/** It leaves a pointer to the instruction behind it in the link register. */
	readonly calls?: true;
	/** It reads the flags, or writes them, or loses them here though not there. */
	readonly flags?: "read" | "written" | "lost";
}

/** An architecture of litmus tests. */
export interface LitmusArch {
	/** As the first word of the file has it. */
	readonly name: string;
	readonly instructions: readonly Form[];
	/** One spelling for all names of a register: `W1` and `X1` are `X1`; undefined for what is no register. */
	canonical(register: string): string | undefined;
	readonly zero: string | undefined;
	/** Bytes of an instruction, as `.+8` counts them. */
	readonly instructionBytes: number;
	readonly linkRegister: string;
	/** The model for the `CacheType` of a test's header. @throws LinkError when there is none */
	model(cacheType: string, place: string): string;
}

/** Scratch, zero, the instruction behind, and what must be added to a pointer to go there. */
export const SCRATCH = "r12";
export const ZERO = "r13";
export const NEXT = "r14";
export const TO_CODE = "r11";

/** Goes on behind the instruction. */
export const goOn = `jmpr ${NEXT}`;

/** Bytes from an instruction to the next in the toy program. */
export const STRIDE = 16;

/** Goes to the instruction that is `distance` instructions away. */
export function goTo(distance: number): string[] {
	return [`addi ${NEXT}, ${NEXT}, ${(distance - 1) * STRIDE}`, goOn];
}

/** Goes to the code that a register of the test points to. */
export function goToPointer(register: string): string[] {
	return [`add ${SCRATCH}, ${register}, ${TO_CODE}`, `jmpr ${SCRATCH}`];
}

/** Sets a register to a pointer to the instruction that is `distance` instructions away. */
export function pointerTo(register: string, distance: number): string[] {
	return [`sub ${register}, ${NEXT}, ${TO_CODE}`, `addi ${register}, ${register}, ${(distance - 1) * STRIDE}`];
}

/** Goes on at a place that depends on flags: `jCOND` to there, else behind. */
export function branch(condition: string, distance: number): string[] {
	return [`j${condition} 1f`, goOn, "1:", ...goTo(distance)];
}

/** A number as litmus tests write it: `#1`, `1`, `0x10`. */
export function numberFrom(text: string, emit: Emitter): number {
	const value = Number(text.replace(/^#/, ""));
	if (!Number.isInteger(value) || value < 0 || value >= 2 ** 31) emit.refuse(`${text} is not in [0, 2147483647]`);
	return value;
}
