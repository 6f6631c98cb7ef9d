// Where everything lies in the machine's one buffer. A machine is copied, compared and hashed as these bytes, so all
// that can influence what happens next is in here; what can be rebuilt from it (decode cache, fast translations) is not.
//
//   globals | per-CPU blocks | predictors | page-table entries | physical memory

/** Word indices of a CPU's block. Registers come first, so that `r` is a plain subarray. */
export const Cpu = {
	registers: 0,
	/** Address of the next instruction. */
	pc: 16,
	flags: 17,
	masked: 18,
	/** A `Status`. */
	status: 19,
	/** The trap (a `Stop`) of a trapped CPU and its value. */
	stop: 20,
	stopValue: 21,
	/** Interrupt bits waiting to be taken. */
	pending: 22,
	/** Address space. */
	space: 23,
	/** Clock in ticks: a double over two words. */
	clock: 24,
	/** Instructions executed: a double over two words. */
	instructions: 26,
	words: 32,
} as const;

export const Status = { running: 0, halted: 1, idle: 2, parked: 3, trapped: 4, hostCall: 5, patching: 6 } as const;
export type Status = (typeof Status)[keyof typeof Status];

/** Word indices of a page-table entry. */
export const Entry = { space: 0, page: 1, frame: 2, flags: 3, words: 4 } as const;

/** Word indices of the globals. */
export const Global = { entries: 0, generation: 1, frames: 2, words: 8 } as const;

/** Branch predictor of one CPU: return stack, its top, and the indirect-target table (tag, target). */
export const RETURN_STACK = 16;
export const TARGETS = 256;
const PREDICTOR_WORDS = RETURN_STACK + 1 + 2 * TARGETS + 1;

export interface Layout {
	readonly cpus: number;
	/** Byte offsets into the buffer. */
	readonly cpuBlocks: number;
	readonly predictors: number;
	readonly predictorWords: number;
	readonly entries: number;
	readonly memory: number;
	readonly bytes: number;
}

/** @param sizes numbers of CPUs and of page-table entries, bytes of physical memory; `predictors` false leaves them out */
export function layoutOf(sizes: { cpus: number; entries: number; memory: number; predictors: boolean }): Layout {
	const cpuBlocks = Global.words * 4;
	const predictors = cpuBlocks + sizes.cpus * Cpu.words * 4;
	const predictorWords = sizes.predictors ? PREDICTOR_WORDS : 0;
	const entries = predictors + sizes.cpus * predictorWords * 4;
	const memory = Math.ceil((entries + sizes.entries * Entry.words * 4) / 8) * 8;
	return { cpus: sizes.cpus, cpuBlocks, predictors, predictorWords, entries, memory, bytes: memory + sizes.memory };
}
