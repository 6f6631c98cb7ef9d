// The verdict matrix: every protocol on every model, over numbers of CPUs, kinds of sites and where they lie.

import { filled } from "../../linker/markdown.ts";
import type { Model } from "../machine/model.ts";
import { models, withStoreBuffer } from "../machine/models/index.ts";
import { type Protocol, phaseText, sync, write } from "../patch/plan/protocol.ts";
import { protocols } from "../patch/plan/protocols/index.ts";
import { check, type Verdict } from "./check.ts";
import { withProtocol } from "./poke-text.ts";
import type { Scenario } from "./scenario.ts";

/** What the site is and becomes. */
export const siteKinds = ["call", "tail", "conditional", "null", "ret0"] as const;
/** One of `siteKinds`. */
export type SiteKind = (typeof siteKinds)[number];
/** Inside an aligned 8 bytes, or across the boundary between two. */
export const placements = ["aligned", "straddling"] as const;
/** One of `placements`. */
export type Placement = (typeof placements)[number];

/** One field of the matrix: a protocol on a model, at a site of one kind in one place. */
export interface Cell {
	readonly protocol: Protocol;
	readonly model: Model;
	readonly cpus: number;
	readonly kind: SiteKind;
	readonly placement: Placement;
}

/** Protocols that are there to be compared, besides those that are there to be used: every other CPU parked, and then asked for
 * an instruction barrier where it stands. With interrupts off nobody answers (Linux c97bf629963e). */
const parkings: readonly Protocol[] = [
	{
		name: "park-then-sync",
		brief: "every other CPU parked with interrupts off, plain stores, every CPU asked to serialize before its release",
		phases: [sync("park"), write("whole"), sync("serialize"), { kind: "release", serialize: false }],
	},
	{
		name: "park-interruptible-then-sync",
		brief: "the same where parked CPUs serve interrupts",
		phases: [sync("park-interruptible"), write("whole"), sync("serialize"), { kind: "release", serialize: false }],
	},
];

/** The protocols of the matrix. */
export const matrixProtocols: readonly Protocol[] = [...protocols, ...parkings];

/** The models that tables have a row or a column for: every one, and two with a store buffer. */
export const tabulated: readonly Model[] = [
	...models,
	...models.filter(({ name }) => name === "x86" || name === "arm").map(withStoreBuffer),
];

/** What a matrix is about: everything, unless said otherwise. */
export interface Extent {
	readonly protocols?: readonly Protocol[];
	readonly models?: readonly Model[];
	/** CPUs at most. */
	readonly most?: number;
}

/** Every cell. */
export function cells({ protocols: of = matrixProtocols, models: on = tabulated, most = 3 }: Extent = {}): Cell[] {
	const all: Cell[] = [];
	for (const protocol of of)
		for (const model of on)
			for (const kind of siteKinds)
				for (const placement of placements)
					for (let cpus = 1; cpus <= most; cpus++) all.push({ protocol, model, cpus, kind, placement });
	return all;
}

/** Checks the scenario of a cell: `check(scenarioOf(cell))`. */
export function checkCell(cell: Cell): Verdict {
	return check(scenarioOf(cell));
}

/** Somebody else who retargets the site at the same time, to a third function. */
export interface SecondPatcher {
	readonly protocol: Protocol;
	/** Neither of the two waits for the other. */
	readonly unlocked: boolean;
}

/** CPUs that run through one site for ever while one patcher, or two, retarget it. */
export function scenarioOf({ protocol, model, cpus, kind, placement }: Cell, second?: SecondPatcher): Scenario {
	const first = { poke: { site: targetOf(kind) }, protocol: named(protocol) };
	const program = programOf(kind, placement);
	return {
		name: `${protocol.name} on ${model.name}, ${cpus} CPUs, ${kind}, ${placement}`,
		program: second === undefined ? program : `${program}${THIRD}`,
		model,
		cpus: [{ entry: "caller", count: cpus }],
		patchers:
			second === undefined
				? [first]
				: [
						{ ...first, unlocked: second.unlocked },
						{ poke: { site: "third" }, protocol: named(second.protocol), unlocked: second.unlocked },
					],
	};
}

/** The same scenario as the text of a `.s` file.
 * @throws LinkError for a protocol that cannot be written: of no phase, or of one that would read as a name */
export function scenarioText(cell: Cell, second?: SecondPatcher): string {
	const { program } = scenarioOf(cell, second);
	const pokes = [`site = ${targetOf(cell.kind)}`, ...(second === undefined ? [] : ["site = third"])];
	const lines = pokes.map((poke) => `# poke: ${poke} by breakpoint${second?.unlocked ? " without lock" : ""}`);
	const head = [`# model: ${cell.model.name}`, `# cpu: ${cell.cpus} caller`, ...lines].join("\n");
	return [cell.protocol, ...(second === undefined ? [] : [second.protocol])].reduce((text, protocol, poke) => {
		const by = named(protocol);
		return withProtocol(text, poke, typeof by === "string" ? by : by.phases.map(phaseText));
	}, `${head}\n${program}`);
}

function targetOf(kind: SiteKind): string {
	return kind === "null" || kind === "ret0" ? kind : "deadline";
}

const THIRD = "\t.global third\n\t.type third, @function\nthird:\n\tret\n";

/** A registered protocol goes by its name. */
function named(protocol: Protocol): string | Protocol {
	return protocols.includes(protocol) ? protocol.name : protocol;
}

const siteText: Record<SiteKind, string> = {
	call: "call fifo",
	null: "call fifo",
	ret0: "call fifo",
	tail: "jmp fifo",
	conditional: "jeq fifo",
};

/** `fifo` lies before the site and `deadline` far behind it, so that every byte of the displacement differs; both ways of
 * the condition are taken. */
function programOf(kind: SiteKind, placement: Placement): string {
	const at = `\t.align 8\n\t.space ${placement === "aligned" ? 0 : 5}\n`;
	const site = `site:\t${siteText[kind]}\n`;
	const [caller, hook] = siteText[kind].startsWith("call")
		? [`${at}caller:\n${site}\tjmp caller\n`, "hook:\n"]
		: ["caller:\txori r8, r8, 1\n\tcmpi r8, 0\n\tcall hook\n\tjmp caller\n", `${at}hook:\n${site}\tret\n`];
	return `\t.global caller, fifo, deadline, hook
	.type caller, @function
	.type fifo, @function
	.type deadline, @function
fifo:	ret
	.space 4096
${hook}
	.space 4096
${caller}
	.space 0x12345
deadline:
	ret
`;
}

/** A protocol on a model: by `kind placement`, `safe`, `refused`, or what breaks in how many steps; where the number of
 * CPUs matters, one outcome for each. */
export interface MatrixRow {
	readonly protocol: string;
	readonly model: string;
	readonly outcomes: Readonly<Record<string, string>>;
}

/** @param verdicts of the cells, in their order */
export function matrixRows(all: readonly Cell[], verdicts: readonly Verdict[]): MatrixRow[] {
	const rows = new Map<string, { protocol: string; model: string; seen: Record<string, string[]> }>();
	for (const [i, { protocol, model, kind, placement }] of all.entries()) {
		const key = `${protocol.name} ${model.name}`;
		const row = rows.get(key) ?? { protocol: protocol.name, model: model.name, seen: {} };
		rows.set(key, row);
		const column = `${kind} ${placement}`;
		row.seen[column] = [...(row.seen[column] ?? []), outcome(verdicts[i]!)];
	}
	return [...rows.values()].map(({ protocol, model, seen }) => ({
		protocol,
		model,
		outcomes: mapValues(seen, together),
	}));
}

/** A verdict in a cell: what breaks in how many steps, or which bound kept it from being decided. */
export function outcome({ verdict, property, path, why }: Verdict): string {
	if (verdict === "undecided") return `undecided: ${why}`;
	return verdict === "unsafe" ? `${property} ${path.length}` : verdict;
}

/** One outcome where all agree. */
function together(outcomes: readonly string[]): string {
	return new Set(outcomes).size === 1 ? outcomes[0]! : outcomes.join(" / ");
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
	return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

/** The page docs/verdicts.md. @param of the protocols in the rows */
export function matrixMarkdown(rows: readonly MatrixRow[], of: readonly Protocol[] = matrixProtocols): string {
	const titles = Object.keys(rows[0]?.outcomes ?? {});
	const sections = [...new Set(rows.map(({ protocol }) => protocol))].map((name) => {
		const brief = of.find((protocol) => protocol.name === name)!.brief;
		const lines = rows
			.filter(({ protocol }) => protocol === name)
			.map(({ model, outcomes }) => `| ${[model, ...Object.values(outcomes)].join(" | ")} |`);
		return `## ${name}\n\n${brief}\n\n| ${["model", ...titles].join(" | ")} |\n|${" --- |".repeat(titles.length + 1)}\n${lines.join("\n")}\n`;
	});
	return filled(`${preface}\n${sections.join("\n")}`);
}

const preface = `# Verdicts

Every protocol on every model, for one site that one, two and three CPUs run through all the time while a patcher retargets
it once. \`safe\` means that every interleaving and every fetch the model allows was explored; otherwise the property that
breaks and the number of steps of the shortest counterexample. \`refused\` means that the protocol does not take such a
site. Where the number of CPUs makes a difference, the outcomes for 1 / 2 / 3 are given. On \`x86-tso\` and \`arm-tso\` the stores
of programs wait in a buffer first. \`patchbay matrix --markdown\` prints this page; [checking.md](checking.md) says what the words
mean and explains the interesting cells.
`;
