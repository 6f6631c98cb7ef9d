// Random small scenarios as text: CPUs that run through a site or two, share words, store to code, mask interrupts, and may have
// handlers of their own; patchers, also two of one site; memory that is filled and given back; and agents whose steps need not make
// sense. A sketch is plain data, so that what fails shrinks.

import fc from "fast-check";
import { encode } from "../../../linker/isa/encode.ts";
import { propertyNames } from "../../../runtime/check/properties.ts";
import { fills, releases } from "../../../runtime/execmem/fills/index.ts";
import { type Phase, phaseText } from "../../../runtime/patch/plan/protocol.ts";

export interface Sketch {
	readonly model: string;
	readonly programs: readonly Program[];
	readonly patchers: readonly Patcher[];
	readonly agents: readonly (readonly string[])[];
	/** What is done to the page `b`, in this order. */
	readonly memory: readonly MemoryPart[];
	/** Code of the program's own handlers, up to their IRET. */
	readonly trap: readonly string[] | undefined;
	readonly nmi: readonly string[] | undefined;
	/** Bytes before the first instruction, which shift the sites against the units. */
	readonly shift: number;
	/** Undefined: all. */
	readonly always: readonly string[] | undefined;
	readonly never: boolean;
}

interface Program {
	readonly cpus: number;
	readonly off: boolean;
	readonly code: readonly string[];
	readonly end: string;
}

interface Patcher {
	/** Index into the sites that there are. */
	readonly site: number;
	readonly to: string;
	readonly protocol: string;
	readonly unlocked: boolean;
	/** Whether it waits for the patcher before it, if there is one. */
	readonly waits: boolean;
}

interface MemoryPart {
	readonly header: "fill: b = g" | "fill: b = h" | "release: b";
	readonly by: string;
	/** The phase that is left out. */
	readonly without: string | undefined;
	readonly after: readonly string[];
}

const plain = ["ideal", "x86", "amd-quad", "arm", "riscv", "alpha", "arm-idc", "arm-dic", "arm-idc-dic"];

/** A site gets its label when the program is written down. */
const site = ["call f", "nop5", "ret0", "call f"].map((text) => `site: ${text}`);
const data = [
	"ld r1, [r13+x]",
	"ld r2, [r13+y]",
	"ldb r3, [r13+x+1]",
	"st [r13+x], r9",
	"st [r13+y], r9",
	"stb [r13+x+1], r9",
	"xchg r4, [r13+x]",
	"xadd r4, [r13+y]",
	"push r9\n\tpop r5",
];
const order = ["fence", "serialize", "cli", "sti", "movi r10, c\n\tclean r10", "movi r10, c\n\tinval r10", "idle"];
const calls = ["call c", "callm [p]", "callm [p]", "movi r11, 0\n\tcall c\n\tmov r6, r0"];
/** Through a window on the page of `c`: the first byte of its constant, all four, its first byte of all. */
const codeStores = ["stb [r13+window+2], r9", "st [r13+window+2], r9", "movi r9, 0xcc\n\tstb [r13+window], r9"];
const others = ["nop", "movi r9, 1", "movi r9, 2", "cmpi r1, 0\n\tjne 1f\n\tmov r7, r1\n1:"];

const piece = fc.oneof(
	{ weight: 4, arbitrary: fc.constantFrom(...site) },
	{ weight: 3, arbitrary: fc.constantFrom(...data) },
	{ weight: 3, arbitrary: fc.constantFrom(...order) },
	{ weight: 2, arbitrary: fc.constantFrom(...calls) },
	{ weight: 2, arbitrary: fc.constantFrom(...codeStores) },
	{ weight: 2, arbitrary: fc.constantFrom(...others) },
);

const program = (cpus: number): fc.Arbitrary<Program> =>
	fc.record({
		cpus: fc.integer({ min: 1, max: cpus }),
		off: fc.constantFrom(false, false, false, false, false, true),
		code: fc.array(piece, { minLength: 1, maxLength: 3 }),
		end: fc.constantFrom("hlt", "hlt", "ret", "jmp", "jmp", "brk"),
	});

/** Handlers mostly end where they came from: at the breakpoint, or behind it. */
const handler = fc.oneof(
	fc.constantFrom<readonly string[]>([], ["serialize"], ["movi r7, 3"], ["pop r1\n\taddi r1, r1, 1\n\tpush r1"]),
	fc.array(fc.constantFrom(...data.filter((text) => !text.startsWith("xadd")), ...order, ...site, "call c"), {
		minLength: 1,
		maxLength: 2,
	}),
);

const phase = fc.constantFrom(
	..."arm|disarm|write breakpoint|write spin|write tail|write head|write whole|sync serialize|sync flush|sync park".split(
		"|",
	),
	..."sync park-interruptible|sync serialize-at-rest|release|release unserialized|protect none|protect r|protect rw|protect rx".split(
		"|",
	),
);
const protocol = fc.oneof(
	fc.constantFrom("breakpoint", "naive", "naive-sync", "aligned-store", "stop-machine", "spin-jump"),
	fc.constantFrom("unmap-write-map", "rw-flip"),
	fc.array(phase, { minLength: 2, maxLength: 5 }).map((phases) => phases.join("; ")),
);

const patcher: fc.Arbitrary<Patcher> = fc.record({
	site: fc.nat(2),
	to: fc.constantFrom("g", "g", "null", "ret0", "f"),
	protocol,
	unlocked: fc.constantFrom(false, false, false, true),
	waits: fc.boolean(),
});

/** The phases of a fill or a release as text, from all its parts. */
function phasesOf(one: (typeof fills)[number] | (typeof releases)[number]): string[] {
	return Object.values(one).flatMap((part: unknown) => (Array.isArray(part) ? (part as Phase[]).map(phaseText) : []));
}

/** What fills or gives back, whole or without one of its phases. */
const way = (from: typeof fills | typeof releases) =>
	fc.constantFrom(
		...from.flatMap((one) => [undefined, ...phasesOf(one)].map((without) => ({ by: one.name, without }))),
	);
const published = fc.constantFrom<readonly string[]>(["publish p b"], ["publish p b"], []);
const fill = (header: MemoryPart["header"]): fc.Arbitrary<MemoryPart> =>
	fc.tuple(way(fills), published).map(([one, after]) => ({ header, ...one, after }));
const release = fc
	.tuple(way(releases), fc.constantFrom<readonly string[]>(["publish p f"], []), fc.boolean())
	.map(([one, before, vacated]) => ({ ...one, before: [...before, ...(vacated ? ["vacate b 7"] : [])] }));

/** The page is filled, and maybe given back and filled again. */
const memory = fc.oneof(
	fill("fill: b = g").map((one) => [one]),
	fc.tuple(fill("fill: b = g"), release).map(([one, { by, without, before }]): MemoryPart[] => [
		{ ...one, after: [...one.after, ...before] },
		{ header: "release: b", by, without, after: [] },
	]),
	fc
		.tuple(fill("fill: b = h"), release, fill("fill: b = g"))
		.map(([one, { by, without, before }, two]): MemoryPart[] => [
			{ ...one, after: [...one.after, ...before] },
			{ header: "release: b", by, without, after: [] },
			two,
		]),
);

function hexBytes(mnemonic: string): string {
	return [...encode(mnemonic)].map((byte) => byte.toString(16)).join(" ");
}

/** What an agent may do, one after the other; some belong together. */
const step = fc.constantFrom(
	...["store c+2 01", "store c+2 02 03", "store c cc", "store c+2 00", "copy c f 6", "publish x 1", "publish y 2"],
	...["publish p f", "clean c", "invalidate c", "flushIcacheRange c 6", "syncCores", "interrupt serialize; await"],
	...[
		"interrupt flush; await",
		"interrupt park; await",
		"interrupt serialize-at-rest; await",
		"interrupt park-interruptible; await",
		"interrupt park",
		"interrupt serialize",
	],
	...["release", "release unserialized", "await", "protect c none", "protect c rx", "protect c rw", "protect c r"],
	...["map x none", "map x r", "map x rw", "map c rx", "map c none", "map window none", "map window rw", "start 0"],
	...["exchange 0 1", "exchange 0 1 serialize", "migrate 0 1", "serialize 0", "flush 0", "flush 1", "lock", "unlock"],
	...["live c 7", "free c 7", "vacate c 7", "after 0", "kill 0", `store s0 ${hexBytes("nop5")}`, "store s0 cc"],
);

/** Who takes part: the more there are of one kind, the fewer of the others, so that most scenarios stay small. */
const parties = fc.oneof(
	...[
		{ programs: 2, cpus: 1, patchers: 0, agents: 1, steps: 2 },
		{ programs: 1, cpus: 1, patchers: 1, agents: 1, steps: 2 },
		{ programs: 1, cpus: 2, patchers: 1, agents: 0, steps: 1 },
		{ programs: 1, cpus: 1, patchers: 2, agents: 0, steps: 1 },
		{ programs: 1, cpus: 1, patchers: 0, agents: 2, steps: 3 },
		{ programs: 1, cpus: 2, patchers: 0, agents: 1, steps: 3 },
		{ programs: 1, cpus: 1, patchers: 0, agents: 0, steps: 1, fills: true },
	].map(({ programs, cpus, patchers, agents, steps, fills = false }) =>
		fc.record({
			memory: fills ? memory : fc.constant([]),
			programs: fc.array(program(cpus), { minLength: 1, maxLength: programs }),
			patchers: fc.array(patcher, { minLength: patchers, maxLength: patchers }),
			agents: fc.array(fc.array(step, { minLength: 1, maxLength: steps }), { minLength: agents, maxLength: agents }),
		}),
	),
);

/** @param most how many do without, for one that has it */
const seldom = <T>(one: fc.Arbitrary<T>, most: number): fc.Arbitrary<T | undefined> =>
	fc.oneof({ weight: most, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: one });

const rest = fc.record({
	trap: seldom(handler, 7),
	nmi: seldom(handler, 11),
	shift: fc.nat(7),
	always: fc.oneof(
		fc.constant(undefined),
		fc.subarray([...propertyNames], { minLength: 1, maxLength: 1 }),
		fc.subarray([...propertyNames], { minLength: 0 }),
	),
	never: fc.boolean(),
});

const model = fc.oneof(
	{ weight: 3, arbitrary: fc.constantFrom(...plain).map((name) => ({ name, drains: false })) },
	{ weight: 1, arbitrary: fc.constantFrom(...plain).map((name) => ({ name: `${name}-tso`, drains: true })) },
);

export const sketches: fc.Arbitrary<Sketch> = fc.tuple(model, parties, rest).map(([{ name, drains }, who, others]) => {
	const all: Sketch = { model: name, ...who, ...others };
	return drains ? withoutRepetition(all) : all;
});

/** Stores that wait in a buffer make too many states where programs store again and again: in loops, and whenever an NMI comes. */
function withoutRepetition(sketch: Sketch): Sketch {
	const programs = sketch.programs.map((one) => ({ ...one, end: one.end === "jmp" ? "hlt" : one.end }));
	return { ...sketch, programs, nmi: undefined };
}

export function cpusOf({ programs }: Sketch): number {
	return programs.reduce((sum, { cpus }) => sum + cpus, 0);
}

/** The scenario as a file. */
export function textOf(sketch: Sketch, exists?: string): string {
	let sites = 0;
	const routine = (name: string, code: readonly string[], end: string): string => {
		const lines = code.map((text) => text.replace(/^site: /, () => `s${sites++}:\t`));
		return `${name}:\t${[...lines, end].join("\n\t")}\n\t.size ${name}, . - ${name}\n`;
	};
	const bodies = [
		...sketch.programs.map(({ code, end }, i) => routine(`p${i}`, code, end === "jmp" ? `jmp p${i}` : end)),
		...handlers.flatMap((name) => (sketch[name] === undefined ? [] : [routine(name, sketch[name], "iret")])),
	];
	const body = bodies.join("");
	const labels = [...sketch.programs.map((_, i) => `p${i}`), "c", "f", "g", "h"];
	return [
		...headerOf(sketch, sites, body.includes("window"), exists).map((line) => `# ${line}`),
		`\t.global ${labels.join(", ")}`,
		...labels.map((name) => `\t.type ${name}, @function`),
		// The page of `c` is the first, so that programs know where in it they store.
		"\t.align 4096\nc:\tmovi r0, 0\n\tret\n\t.size c, . - c",
		`\t.space ${sketch.shift}\n${body}f:\tret\n\t.size f, . - f\n\t.space 0x123\ng:\tmovi r8, 7\n\tret\n\t.size g, . - g`,
		"h:\tmovi r8, 8\n\tret\n\t.size h, . - h",
		"\t.data\n\t.align 4096\nx:\t.word 0\ny:\t.word 0\np:\t.word c\n\t.align 4096\nwindow:\t.space 4096",
		...(sketch.memory.length > 0 ? ["\t.align 4096\nb:\t.space 4096"] : []),
		"",
	].join("\n");
}

const handlers = ["trap", "nmi"] as const;

function headerOf(sketch: Sketch, sites: number, window: boolean, exists: string | undefined): string[] {
	const { model, programs, patchers, agents, memory, always, never } = sketch;
	const own = sites > 0 ? patchers : [];
	const usable = agents
		.map((steps) => steps.filter((text) => fits(text, cpusOf(sketch), own.length, window)))
		.filter((steps) => steps.length > 0);
	return [
		`model: ${model}`,
		...programs.map(({ cpus, off }, i) => `cpu: ${cpus} p${i}${off ? " off" : ""}`),
		...own.map(
			({ site: at, to, protocol: by, unlocked, waits }, i) =>
				`poke: s${at % sites} = ${to} by ${by}${unlocked ? " without lock" : ""}${waits && i > 0 ? ` after ${i - 1}` : ""}`,
		),
		...usable.map((steps) => `agent: ${steps.join("; ")}`),
		...memory.map(
			({ header, by, without, after }) =>
				`${header} by ${by}${without === undefined ? "" : ` without ${without}`}${after.map((text) => `; ${text}`).join("")}`,
		),
		...handlers.flatMap((name) => (sketch[name] === undefined ? [] : [`${name}: ${name}`])),
		...(window ? ["alias: window = c"] : []),
		...alwaysOf(always, window, memory),
		...(never ? ["never: g"] : []),
		...(exists === undefined ? [] : [`exists: ${exists}`]),
		"sometimes: nothing",
	];
}

/** A window breaks W^X from the beginning, so it is not judged along with everything else. Fills may store
 * many bytes where a CPU executes, which has to be judged. */
function alwaysOf(always: Sketch["always"], window: boolean, memory: Sketch["memory"]): string[] {
	if (memory.length > 0 && always?.length !== 0)
		return always === undefined ? [] : [`always: ${[...new Set([...always, "w^x"])].join(" ")}`];
	if (always?.length === 0) return ["always: nothing"];
	if (always === undefined && !window) return [];
	const judged = always?.length === 1 ? always : (always ?? propertyNames).filter((one) => !window || one !== "w^x");
	return [`always: ${judged.join(" ")}`];
}

/** Whether a step is about somebody that there is. */
function fits(text: string, cpus: number, pokes: number, window: boolean): boolean {
	if (/exchange|migrate|flush 1/.test(text) && cpus < 2) return false;
	if (/^(after|kill)|s0/.test(text) && pokes === 0) return false;
	return window || !text.includes("window");
}
