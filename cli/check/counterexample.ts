// A counterexample as columns: one for each patcher and CPU, and what memory holds at the sites after each step. Above it
// stands what becomes of each site, below it what was older than memory and why.

import type { TraceStep } from "../../runtime/check/index.ts";
import { styled, type Terminal } from "../shell/terminal.ts";

/** @param all with a line for each instruction that was merged into a step */
export function counterexample(terminal: Terminal, trace: readonly TraceStep[], all = false): string[] {
	const parties = partiesOf(trace);
	const sites = trace[0]!.sites;
	const texts = (step: TraceStep): readonly string[] => (all ? [step.text, ...(step.merged ?? [])] : [shortText(step)]);
	const widths = parties.map((party) =>
		Math.max(party.length, ...trace.filter(({ who }) => who === party).flatMap((step) => texts(step).map(lengthOf))),
	);
	const siteWidths = sites.map(({ place }, i) =>
		Math.max(place.length, ...trace.map((step) => step.sites[i]!.bytes.length)),
	);
	const number = String(trace.length).length;
	const blank = siteWidths.map((width) => " ".repeat(width));
	const cells = (who: string, text: string): string[] =>
		parties.map((party, p) => (party === who ? text : "").padEnd(widths[p]!));
	const lines = [
		...sites.map(({ place, change }) => `  ${place}: ${change}`),
		row(
			"#".padStart(number),
			parties.map((party, i) => party.padEnd(widths[i]!)),
			sites.map(({ place }, i) => place.padEnd(siteWidths[i]!)),
			"",
		),
	];
	for (const [i, step] of trace.entries()) {
		const bytes = step.sites.map((site, s) => changed(trace, i, s, terminal, site.bytes.padEnd(siteWidths[s]!)));
		const [first, ...rest] = texts(step);
		lines.push(row(String(i + 1).padStart(number), cells(step.who, first!), bytes, remark(terminal, step)));
		for (const text of rest) lines.push(row(" ".repeat(number), cells(step.who, text), blank, ""));
	}
	return [...lines, ...explanations(trace)];
}

/** Patchers come first. */
function partiesOf(trace: readonly TraceStep[]): string[] {
	const rank = (who: string): number => (who.startsWith("patcher") ? 0 : 1);
	return [...new Set(trace.map(({ who }) => who))].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

function shortText({ text, merged = [] }: TraceStep): string {
	return merged.length === 0 ? text : `${text} (and ${merged.length} more)`;
}

function lengthOf({ length }: string): number {
	return length;
}

function row(number: string, cells: readonly string[], sites: readonly string[], remark: string): string {
	return `  ${number}  ${cells.join("  ")}  ${sites.join("  ")}  ${remark}`.trimEnd();
}

function changed(trace: readonly TraceStep[], i: number, site: number, terminal: Terminal, text: string): string {
	const before = trace[i - 1]?.sites[site]?.bytes;
	return before !== undefined && before !== trace[i]!.sites[site]!.bytes ? styled(terminal, "yellow", text) : text;
}

function remark(terminal: Terminal, step: TraceStep): string {
	const fetched = step.fetched === undefined ? "" : `fetched ${step.fetched}`;
	const broken = step.broken === undefined ? "" : styled(terminal, "red", `<- ${step.broken}`);
	return [fetched, broken].filter((text) => text !== "").join(" ");
}

/** Says, for each fetch that was older than memory, why it could be, in words. */
function explanations(trace: readonly TraceStep[]): string[] {
	return trace.flatMap(({ who, older }, i) =>
		older === undefined ? [] : [`  step ${i + 1}: of what ${who} fetched, ${older}`],
	);
}

/** The same for Perfetto and Chrome: a lane for each party, a slice for each step, ten microseconds apart. */
export function counterexampleEvents(trace: readonly TraceStep[]): object {
	const parties = partiesOf(trace);
	const lanes = parties.map((name, tid) => ({ name: "thread_name", ph: "M", pid: 1, tid, ts: 0, args: { name } }));
	const slices = trace.map(({ who, kind, text, ...args }, i) => ({
		name: text,
		cat: kind,
		ph: "X",
		pid: 1,
		tid: parties.indexOf(who),
		ts: 10 * i,
		dur: 10,
		args,
	}));
	return { displayTimeUnit: "ms", traceEvents: [...lanes, ...slices] };
}
