// A counterexample as columns: one for each patcher and CPU, and what memory holds at the sites after each step.

import { hex } from "../../linker/hex.ts";
import type { TraceStep } from "../../runtime/check/index.ts";
import { styled, type Terminal } from "../shell/terminal.ts";

export function counterexample(terminal: Terminal, trace: readonly TraceStep[]): string[] {
	if (trace.length === 0) return ["  from the beginning, before anybody does anything"];
	const parties = [...new Set(trace.map(({ who }) => who))].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
	const sites = trace[0]!.sites.map(({ address }) => hex(address));
	const widths = parties.map((party) =>
		Math.max(party.length, ...trace.filter(({ who }) => who === party).map((step) => cell(step).length)),
	);
	const siteWidths = sites.map((site, i) => Math.max(site.length, ...trace.map((step) => step.sites[i]!.bytes.length)));
	const number = String(trace.length).length;
	const lines = [
		row(
			"#".padStart(number),
			parties.map((party, i) => party.padEnd(widths[i]!)),
			sites.map((site, i) => site.padEnd(siteWidths[i]!)),
			"",
		),
	];
	for (const [i, step] of trace.entries()) {
		const cells = parties.map((party, p) => (party === step.who ? cell(step) : "").padEnd(widths[p]!));
		const bytes = step.sites.map((site, s) => changed(trace, i, s, terminal, site.bytes.padEnd(siteWidths[s]!)));
		lines.push(row(String(i + 1).padStart(number), cells, bytes, remark(terminal, step)));
	}
	return lines;
}

/** Patchers come first. */
function rank(who: string): number {
	return who.startsWith("patcher") ? 0 : 1;
}

function cell(step: TraceStep): string {
	return step.text;
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

/** The same for Perfetto and Chrome: a lane for each party, a slice for each step, ten microseconds apart. */
export function counterexampleEvents(trace: readonly TraceStep[]): object {
	const parties = [...new Set(trace.map(({ who }) => who))].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
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
