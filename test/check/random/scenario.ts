// Random small scenarios as text: CPUs that run through a site or two, share words, store to code, mask interrupts; patchers,
// and agents whose steps need not make sense. A sketch is plain data, so that what fails shrinks.

import fc from "fast-check";
import { propertyNames } from "../../../runtime/check/properties.ts";

export interface Sketch {
	readonly model: string;
	readonly programs: readonly Program[];
	readonly patchers: readonly Patcher[];
	readonly agents: readonly (readonly string[])[];
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
}

const plain = ["ideal", "x86", "amd-quad", "arm", "riscv", "alpha", "arm-idc", "arm-dic", "arm-idc-dic"];
export const buffered = plain.map((model) => `${model}-tso`);

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
const calls = ["call c", "callm [p]", "movi r11, 0\n\tcall c\n\tmov r6, r0"];
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
});

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
	...["live c 7", "free c 7", "vacate c 7", "after 0"],
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
	].map(({ programs, cpus, patchers, agents, steps }) =>
		fc.record({
			programs: fc.array(program(cpus), { minLength: 1, maxLength: programs }),
			patchers: fc.array(patcher, { minLength: patchers, maxLength: patchers }),
			agents: fc.array(fc.array(step, { minLength: 1, maxLength: steps }), { minLength: agents, maxLength: agents }),
		}),
	),
);

const rest = fc.record({
	shift: fc.nat(7),
	always: fc.oneof(
		fc.constant(undefined),
		fc.subarray([...propertyNames], { minLength: 1, maxLength: 1 }),
		fc.subarray([...propertyNames], { minLength: 0 }),
	),
	never: fc.boolean(),
});

/** @param models their names */
export function sketches(models: readonly string[] = plain): fc.Arbitrary<Sketch> {
	return fc
		.tuple(fc.constantFrom(...models), parties, rest)
		.map(([model, who, others]): Sketch => ({ model, ...who, ...others }));
}

export function cpusOf({ programs }: Sketch): number {
	return programs.reduce((sum, { cpus }) => sum + cpus, 0);
}

/** The scenario as a file. */
export function textOf(sketch: Sketch, exists?: string): string {
	let sites = 0;
	const bodies = sketch.programs.map(({ code, end }, i) => {
		const lines = code.map((text) => text.replace(/^site: /, () => `s${sites++}:\t`));
		return `p${i}:\t${[...lines, end === "jmp" ? `jmp p${i}` : end].join("\n\t")}\n\t.size p${i}, . - p${i}\n`;
	});
	const body = bodies.join("");
	return [
		...headerOf(sketch, sites, body.includes("window"), exists).map((line) => `# ${line}`),
		`\t.global ${sketch.programs.map((_, i) => `p${i}`).join(", ")}, c, f, g`,
		...[...sketch.programs.map((_, i) => `p${i}`), "c", "f", "g"].map((name) => `\t.type ${name}, @function`),
		// The page of `c` is the first, so that programs know where in it they store.
		"\t.align 4096\nc:\tmovi r0, 0\n\tret\n\t.size c, . - c",
		`\t.space ${sketch.shift}\n${body}f:\tret\n\t.size f, . - f\n\t.space 0x123\ng:\tmovi r8, 7\n\tret\n\t.size g, . - g`,
		"\t.data\n\t.align 4096\nx:\t.word 0\ny:\t.word 0\np:\t.word c\n\t.align 4096\nwindow:\t.space 4096\n",
	].join("\n");
}

function headerOf(sketch: Sketch, sites: number, window: boolean, exists: string | undefined): string[] {
	const { model, programs, patchers, agents, always, never } = sketch;
	const known = new Set<number>();
	const own = patchers.filter(({ site: at }) => sites > 0 && !known.has(at % sites) && known.add(at % sites));
	const usable = agents
		.map((steps) => steps.filter((text) => fits(text, cpusOf(sketch), own.length, window)))
		.filter((steps) => steps.length > 0);
	return [
		`model: ${model}`,
		...programs.map(({ cpus, off }, i) => `cpu: ${cpus} p${i}${off ? " off" : ""}`),
		...own.map(
			({ site: at, to, protocol: by, unlocked }) =>
				`poke: s${at % sites} = ${to} by ${by}${unlocked ? " without lock" : ""}`,
		),
		...usable.map((steps) => `agent: ${steps.join("; ")}`),
		...(window ? ["alias: window = c"] : []),
		...alwaysOf(always, window),
		...(never ? ["never: g"] : []),
		...(exists === undefined ? [] : [`exists: ${exists}`]),
		"sometimes: nothing",
	];
}

/** A window breaks W^X from the beginning, so it is not judged along with everything else. */
function alwaysOf(always: Sketch["always"], window: boolean): string[] {
	if (always?.length === 0) return ["always: nothing"];
	if (always === undefined && !window) return [];
	const judged = always?.length === 1 ? always : (always ?? propertyNames).filter((one) => !window || one !== "w^x");
	return [`always: ${judged.join(" ")}`];
}

/** Whether a step is about somebody that there is. */
function fits(text: string, cpus: number, pokes: number, window: boolean): boolean {
	if (/exchange|migrate|flush 1/.test(text) && cpus < 2) return false;
	if (text.startsWith("after") && pokes === 0) return false;
	return window || !text.includes("window");
}
