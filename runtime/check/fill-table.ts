// Every fill on every model, whole and without each of its phases: memory is filled, called, left, given back, filled with
// something else and called again, while CPUs go round and round.

import { filled } from "../../linker/markdown.ts";
import type { Fill, Release } from "../execmem/fill.ts";
import { fills, releases } from "../execmem/fills/index.ts";
import type { Model } from "../machine/model.ts";
import { type Phase, phaseText } from "../patch/plan/protocol.ts";
import { check, type Verdict } from "./check.ts";
import { outcome, tabulated } from "./matrix.ts";
import type { Scenario } from "./scenario.ts";

/** A fill of text with its release. */
export interface Method {
	readonly fill: Fill;
	readonly release: Release;
}

/** Data is no concern of who fetches. */
export const methods: readonly Method[] = fills
	.filter(({ text }) => text)
	.map((fill) => ({ fill, release: releases.find(({ name }) => name === fill.release)! }));

/** A phase that a method has, and the method without it. That `alloc` gives an address nobody doubts. */
export interface Cut {
	readonly where: "write" | "finish" | "free" | "flush";
	readonly text: string;
	readonly method: Method;
}

export function cuts(method: Method): Cut[] {
	const { fill, release } = method;
	const of = <Key extends string>(
		phases: Readonly<Record<Key, readonly Phase[]>>,
		where: Key,
		make: (rest: readonly Phase[]) => Method,
	): { where: Key; text: string; method: Method }[] =>
		phases[where].map((phase, i) => ({ where, text: phaseText(phase), method: make(phases[where].toSpliced(i, 1)) }));
	return [
		...(["write", "finish"] as const).flatMap((where) =>
			of(fill, where, (rest) => ({ release, fill: { ...fill, [where]: rest } })),
		),
		...(["free", "flush"] as const).flatMap((where) =>
			of(release, where, (rest) => ({ fill, release: { ...release, [where]: rest } })),
		),
	];
}

/** What is tried with a method: `reuse` fills, calls, leaves, releases and fills again; in `late` somebody keeps an address and
 * calls what was released. */
export const uses = ["reuse", "late"] as const;
export type Use = (typeof uses)[number];

/** @returns the first verdict that is not `safe`, or the last */
export function checkMethod(method: Method, model: Model, cpus = 1): Verdict {
	const verdicts = uses.map((use) => (): Verdict => check(methodScenario(method, use, model, cpus)));
	let verdict = verdicts[0]!();
	if (verdict.verdict === "safe") verdict = verdicts[1]!();
	return verdict;
}

/** What each model says of a method, or of one without a phase. */
export interface FillRow {
	readonly fill: string;
	/** `whole`, or the phase that is left out. */
	readonly text: string;
	/** `safe`, or what breaks and in how many steps; one for each model. */
	readonly outcomes: readonly string[];
}

/**
 * Checks every way of filling memory on these models, whole and without each of its phases: the rows of
 * docs/fills.md.
 */
export function fillRows(on: readonly Model[] = tabulated): FillRow[] {
	const outcomes = (method: Method): string[] => on.map((model) => outcome(checkMethod(method, model)));
	return methods.flatMap((method) => [
		{ fill: method.fill.name, text: "whole", outcomes: outcomes(method) },
		...cuts(method).map((cut) => ({
			fill: method.fill.name,
			text: `${cut.where}: ${cut.text}`,
			outcomes: outcomes(cut.method),
		})),
	]);
}

/** The page docs/fills.md. @param on the models that the rows are about */
export function fillMarkdown(rows: readonly FillRow[], on: readonly Model[] = tabulated): string {
	const sections = methods.map(({ fill, release }) => {
		const lines = rows
			.filter((row) => row.fill === fill.name)
			.map(({ text, outcomes }) => `| ${[text, ...outcomes].join(" | ")} |`);
		const head = ["without", ...on.map(({ name }) => name)].join(" | ");
		return `## ${fill.name}\n\n${fill.brief}; released by \`${release.name}\`: ${release.brief}\n\n| ${head} |\n|${" --- |".repeat(on.length + 1)}\n${lines.join("\n")}\n`;
	});
	return filled(`${preface}\n${sections.join("\n")}`);
}

const preface = `# Fills

Every way that code gets into memory, with the release that undoes it, on every model: whole, and with each of its phases left out. Memory is filled, called, left, released,
filled with something else and called again, by a CPU that goes round and round; and somebody who kept the address calls what was released, which may trap but never
run. \`safe\` means that every interleaving and every fetch the model allows was explored; otherwise the property that breaks and the number of steps of the shortest
counterexample. \`patchbay matrix --fills --markdown\` prints this page; [execmem.md](execmem.md) says what the phases are, [checking.md](checking.md) what the words mean.

What is \`safe\` without a phase can do without it in this use, not in every: another fill may rely on it. That \`jit-map\` is safe on \`x86\` without a sync of its own is owed to the
last three phases of \`unmap\`, which \`rw-then-rox\` does not need there because it synchronises itself.
`;

function methodScenario({ fill, release }: Method, use: Use, model: string | Model, cpus: number): Scenario {
	const name = `${fill.name}, ${use}, on ${typeof model === "string" ? model : model.name}`;
	const cpu = [{ entry: "caller", count: cpus }];
	const part = { buffer: "code", by: fill } as const;
	if (use === "late")
		return {
			name,
			program: late,
			model,
			cpus: cpu,
			memory: [
				{ kind: "fill", ...part, code: "one", after: ["publish a code"] },
				{ kind: "release", buffer: "code", by: release, after: [] },
			],
			properties: ["freed", "w^x"],
			reaches: ["first"],
		};
	return {
		name,
		program: reuse,
		model,
		cpus: cpu,
		memory: [
			{ kind: "fill", ...part, code: "one", after: ["publish a code", "publish a stub", "vacate code 7"] },
			{ kind: "release", buffer: "code", by: release, after: [] },
			{ kind: "fill", ...part, code: "two", after: ["publish b code"] },
		],
		never: ["wrong"],
		reaches: ["first", "second"],
	};
}

const head = `	.global caller, stub, one, two
	.type caller, @function
caller:	serialize
	movi r0, 0
	callm [a]
`;
const tail = `stub:	ret
one:	movi r0, 0x11111111
	ret
	.size one, . - one
two:	movi r0, 0x22222222
	ret
	.size two, . - two

	.data
	.align 4096
code:	.space 4096
a:	.word stub
b:	.word stub
`;

/** A call through a pointer is one instruction, so a CPU is in the code or not, and `vacate` tells. What runs says which code it
 * is: `a` never gets to the second, nor `b` to the first. */
const reuse = `${head}	cmpi r0, 0x11111111
	jeq first
	cmpi r0, 0
	jne wrong
	callm [b]
	cmpi r0, 0
	jeq caller
	cmpi r0, 0x22222222
	jne wrong
second:	jmp caller
first:	jmp caller
wrong:	brk
${tail}`;

const late = `${head}	cmpi r0, 0
	jeq caller
first:	jmp caller
${tail}`;
