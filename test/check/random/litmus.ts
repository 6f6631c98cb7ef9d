// Random litmus tests of data: threads of loads, stores, exchanges and fences on two words, as programs, and all that their
// registers may hold at the end by a model that is no machine: memory, and for total store order a queue per thread.

import fc from "fast-check";

export type Access =
	| { readonly kind: "load" | "store" | "swap" | "add"; readonly word: "x" | "y" }
	| { readonly kind: "fence" };
export type Thread = readonly Access[];

const kinds = ["load", "load", "load", "store", "store", "store", "swap", "add"] as const;
const word = fc.constantFrom("x", "y");
const access: fc.Arbitrary<Access> = fc.oneof(
	{ weight: 5, arbitrary: fc.record({ kind: fc.constantFrom(...kinds), word }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("fence") }) },
);

const threads = (count: number, longest: number) =>
	fc.array(fc.array(access, { minLength: 1, maxLength: longest }), { minLength: count, maxLength: count });

export const litmus: fc.Arbitrary<readonly Thread[]> = fc.oneof(
	{ weight: 3, arbitrary: threads(2, 3) },
	{ weight: 1, arbitrary: threads(3, 2) },
);

/** What the access with this index of a thread stores: every store is known by its value, and by each half of it. */
function stored(thread: number, index: number): number {
	return 0x10001 * (10 * (thread + 1) + index + 1);
}

/** The register that it loads into. */
function registerOf(index: number): number {
	return index + 1;
}

/** The program, a CPU per thread. */
export function litmusText(threads: readonly Thread[], model: string, exists?: string): string {
	const names = threads.map((_, i) => `p${i}`);
	return [
		`# model: ${model}`,
		...names.map((name) => `# cpu: ${name}`),
		...(exists === undefined ? ["# always: nothing"] : [`# exists: ${exists}`]),
		`\t.global ${names.join(", ")}`,
		...names.map((name) => `\t.type ${name}, @function`),
		...threads.map(
			(thread, i) => `p${i}:\t${thread.map((one, k) => codeOf(one, i, k)).join("")}hlt\n\t.size p${i}, . - p${i}`,
		),
		"\t.data\nx:\t.word 0\ny:\t.word 0\n",
	].join("\n");
}

function codeOf(access: Access, thread: number, index: number): string {
	if (access.kind === "fence") return "fence\n\t";
	const place = `[r13+${access.word}]`;
	const register = `r${registerOf(index)}`;
	if (access.kind === "load") return `ld ${register}, ${place}\n\t`;
	const value = `movi ${register}, ${stored(thread, index)}\n\t`;
	if (access.kind === "store") return `${value}st ${place}, ${register}\n\t`;
	return `${value}${access.kind === "swap" ? "xchg" : "xadd"} ${register}, ${place}\n\t`;
}

/** The registers and words that an outcome names, in the order of its values. */
export function namesOf(threads: readonly Thread[]): string[] {
	const registers = threads.flatMap((thread, i) =>
		thread.flatMap(({ kind }, k) =>
			kind === "load" || kind === "swap" || kind === "add" ? [`${i}:r${registerOf(k)}`] : [],
		),
	);
	return [...registers, "x", "y"];
}

interface Situation {
	readonly memory: Readonly<Record<"x" | "y", number>>;
	readonly at: readonly number[];
	/** What each thread loaded, by name. */
	readonly loaded: Readonly<Record<string, number>>;
	/** Stores of each thread that are on their way, oldest first. */
	readonly queues: readonly (readonly { readonly word: "x" | "y"; readonly value: number }[])[];
}

/** Every way in which it may end, as values in the order of `namesOf`. @param ordered stores are in memory at once */
export function outcomesOf(threads: readonly Thread[], ordered: boolean): Set<string> {
	const names = namesOf(threads);
	const ends = new Set<string>();
	const first: Situation = {
		memory: { x: 0, y: 0 },
		at: threads.map(() => 0),
		loaded: {},
		queues: threads.map(() => []),
	};
	const known = new Map([[JSON.stringify(first), first]]);
	for (const now of known.values()) {
		const next = threads.flatMap((thread, i) => [
			...(now.queues[i]!.length > 0 ? [drained(now, i)] : []),
			...(now.at[i]! < thread.length ? accessed(now, thread[now.at[i]!]!, i, ordered) : []),
		]);
		for (const one of next) known.set(JSON.stringify(one), one);
		if (next.length === 0) ends.add(names.map((name) => now.loaded[name] ?? now.memory[name as "x" | "y"]).join());
	}
	return ends;
}

function drained(now: Situation, thread: number): Situation {
	const [{ word, value }, ...left] = now.queues[thread]! as [{ word: "x" | "y"; value: number }];
	return { ...now, memory: { ...now.memory, [word]: value }, queues: now.queues.with(thread, left) };
}

/** Nothing where the access has to wait: fences and atomic ones do, for the thread's stores. */
function accessed(now: Situation, access: Access, thread: number, ordered: boolean): Situation[] {
	const index = now.at[thread]!;
	const queue = now.queues[thread]!;
	const after = { ...now, at: now.at.with(thread, index + 1) };
	if (access.kind !== "load" && access.kind !== "store" && queue.length > 0) return [];
	if (access.kind === "fence") return [after];
	const { word } = access;
	const value = stored(thread, index);
	if (access.kind === "store")
		return ordered
			? [{ ...after, memory: { ...now.memory, [word]: value } }]
			: [{ ...after, queues: now.queues.with(thread, [...queue, { word, value }]) }];
	const seen = queue.findLast((store) => store.word === word)?.value ?? now.memory[word];
	const loaded = { ...now.loaded, [`${thread}:r${registerOf(index)}`]: seen };
	if (access.kind === "load") return [{ ...after, loaded }];
	return [{ ...after, loaded, memory: { ...now.memory, [word]: access.kind === "swap" ? value : seen + value } }];
}
