// Where everything lies in the machine's one buffer. A machine is copied, compared and hashed as these bytes, so all
// that can influence what happens next is in here; what can be rebuilt from it (decode cache, fast translations) is not.
//
//   globals | per-CPU blocks | store buffers | patchers | predictors | page-table entries | histories | physical memory

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
	/** What it is asked for and has not done yet, and by whom (`Interrupt` in run.ts). */
	pending: 22,
	/** Address space. */
	space: 23,
	/** Clock in ticks: a double over two words. */
	clock: 24,
	/** Instructions executed: a double over two words. */
	instructions: 26,
	/** When its fetch queue begins (fetch-queue.ts). */
	queueBegins: 28,
	/** The status that a parked CPU goes back to. */
	before: 29,
	/** 1 + the slot of a probed instruction that it executes out of line, one step, without interrupts; 0: none. */
	stepping: 30,
	/** While it does: the address of the instruction in the program. */
	probed: 31,
	words: 32,
} as const;

/** How many patchers a machine has at most: each has a bit in every request to a CPU. */
export const MOST_PATCHERS = 6;

/** `parked` with interrupts off; `attentive`: parked, and serving interrupts; `waiting`: for a slot to step in. */
export const Status = {
	running: 0,
	halted: 1,
	idle: 2,
	parked: 3,
	trapped: 4,
	hostCall: 5,
	patching: 6,
	waiting: 7,
	attentive: 8,
} as const;
/** One of the values of `Status`: what `Cpu.status` holds. */
export type Status = (typeof Status)[keyof typeof Status];

/** Word indices of a page-table entry. */
export const Entry = { space: 0, page: 1, frame: 2, flags: 3, words: 4 } as const;

/** Values that one unit of memory, or one page-table entry, had and some CPU may still see, oldest first: two words each. Behind
 * them lie, where there are fetch queues, when each came and went, and then each CPU's floor, a byte: `BufferLayout` says where. */
export const History = { space: 0, unit: 1, count: 2, base: 3, values: 4 } as const;

/** A CPU's store buffer, on models that have one: how many stores wait, and of each, oldest first, its physical address,
 * its length and its bytes. */
export const Buffer = { count: 0, stores: 1, store: { physical: 0, length: 1, value: 2, words: 3 } } as const;

/** Word indices of a patcher, somebody who carries out a plan (runtime/patch). */
export const Patcher = {
	/** Nonzero while it has a plan (`Life` in runtime/patch); which one is known by the patcher's number. */
	active: 0,
	/** Index of its next step. */
	at: 1,
	/** 1 + the CPU that waits for it; 0 for a request from outside. */
	cpu: 2,
	/** For the checker: a bit for each patcher that had changed the same text when this one began. */
	preceding: 3,
	/** Its clock and when it started, in ticks: doubles over two words. */
	clock: 4,
	started: 6,
	words: 8,
} as const;

/** Word indices of the globals. `lock`, `armed` and `window` are 1 + a patcher's number: who may patch text, whose sites
 * the breakpoint trap looks up, whose pages may fault for a while. */
export const Global = {
	entries: 0,
	frames: 1,
	histories: 2,
	random: 3,
	lock: 4,
	armed: 5,
	window: 6,
	/** 1 + the CPU whose turn a pause cut short, and the clock that the turn lasts to: a double over two words. */
	turn: 7,
	turnEnd: 8,
	/** So many times values were taken out of every instruction cache, as far as some fetch queue can tell. */
	broadcasts: 10,
	words: 12,
} as const;

/** Branch predictor of one CPU: return stack, its top, and the indirect-target table (tag, target). */
export const RETURN_STACK = 16;
export const TARGETS = 256;
const PREDICTOR_WORDS = RETURN_STACK + 1 + 2 * TARGETS + 1;

/**
 * Where the parts of a machine's buffer lie, for one configuration. Offsets are in bytes, lengths in 32-bit words
 * where they say so.
 */
export interface BufferLayout {
	readonly cpus: number;
	/** Byte offsets into the buffer. */
	readonly cpuBlocks: number;
	readonly buffers: number;
	readonly patchers: number;
	readonly predictors: number;
	readonly predictorWords: number;
	readonly entries: number;
	readonly histories: number;
	readonly memory: number;
	readonly bytes: number;
	/** Words of a store buffer, and how many stores it has room for. */
	readonly bufferWords: number;
	readonly stores: number;
	/** Words of a history, how many values it has room for, and where in it the other parts are. */
	readonly historyWords: number;
	readonly values: number;
	readonly came: number;
	readonly went: number;
	readonly floors: number;
}

/** How many there are, or there is room for; `memory` in bytes. */
export interface Sizes {
	readonly cpus: number;
	readonly patchers: number;
	readonly entries: number;
	readonly histories: number;
	readonly values: number;
	readonly stores: number;
	readonly memory: number;
}

/** @param buffered whether the CPUs have store buffers
 * @param queued whether they have fetch queues */
export function layoutOf(sizes: Sizes, buffered: boolean, queued: boolean): BufferLayout {
	const { cpus, values, stores } = sizes;
	const bufferWords = buffered ? Buffer.stores + Buffer.store.words * stores : 0;
	const came = History.values + 2 * values;
	const went = came + (queued ? values : 0);
	const floors = went + (queued ? values : 0);
	const historyWords = floors + Math.ceil(cpus / 4);
	const cpuBlocks = Global.words * 4;
	const buffers = cpuBlocks + cpus * Cpu.words * 4;
	const patchers = buffers + Math.ceil((cpus * bufferWords) / 2) * 8;
	const predictors = patchers + sizes.patchers * Patcher.words * 4;
	const entries = predictors + cpus * PREDICTOR_WORDS * 4;
	const histories = entries + sizes.entries * Entry.words * 4;
	const memory = Math.ceil((histories + sizes.histories * historyWords * 4) / 8) * 8;
	return {
		cpus,
		cpuBlocks,
		buffers,
		patchers,
		predictors,
		predictorWords: PREDICTOR_WORDS,
		entries,
		histories,
		memory,
		bytes: memory + sizes.memory,
		bufferWords,
		stores,
		historyWords,
		values,
		came,
		went,
		floors,
	};
}
