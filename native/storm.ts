// The storm of native/storm.c on this processor, and what the simulated machine says of the same writers at the same places.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { LinkError } from "../linker/errors.ts";
import { checkCell } from "../runtime/check/index.ts";
import type { Model } from "../runtime/machine/index.ts";
import { models } from "../runtime/machine/index.ts";
import { type Protocol, protocols } from "../runtime/patch/index.ts";

/** A way to change the displacement of a call. */
export interface Writer {
	/** As storm.c has it. */
	readonly name: string;
	readonly brief: string;
	/** The same on the simulated machine, which stores words whole; undefined: it has none. */
	readonly protocol: Protocol | undefined;
}

/** The protocol of breakpoints with the syncs for which `syncs` has a bit. */
function withSyncs(syncs: number): Protocol {
	const breakpoint = named("breakpoint");
	if (syncs === 7) return breakpoint;
	let seen = 0;
	const phases = breakpoint.phases.filter(({ kind }) => kind !== "sync" || ((syncs >> seen++) & 1) === 1);
	return { ...breakpoint, name: `breakpoint, syncs ${syncs}`, phases };
}

function named(name: string): Protocol {
	return protocols.find((each) => each.name === name)!;
}

export const writers: readonly Writer[] = [
	{ name: "bytes", brief: "four stores of a byte", protocol: undefined },
	{ name: "bytes-sync", brief: "four stores of a byte, then a sync", protocol: undefined },
	{ name: "store", brief: "one store of four bytes", protocol: named("naive") },
	{ name: "store-sync", brief: "one store of four bytes, then a sync", protocol: named("naive-sync") },
	{ name: "breakpoint-0", brief: "breakpoint, no sync", protocol: withSyncs(0) },
	{ name: "breakpoint-6", brief: "breakpoint without its first sync", protocol: withSyncs(6) },
	{ name: "breakpoint-5", brief: "breakpoint without its second sync", protocol: withSyncs(5) },
	{ name: "breakpoint-7", brief: "breakpoint", protocol: withSyncs(7) },
];

/** What the displacement crosses: an aligned so many bytes, or 0 for nothing. */
export const crossed = [0, 8, 16, 32, 64, 4096] as const;

export interface StormCell {
	readonly writer: string;
	readonly crosses: number;
	readonly updates: number;
	readonly calls: number;
	/** Calls of neither function, of one that had been replaced, and such as ended in a fault. */
	readonly torn: number;
	readonly stale: number;
	readonly lost: number;
	readonly nanoseconds: number;
	/** The model's verdict; null: it has no such writer. */
	readonly verdict: string | null;
}

/** The model of this processor: AMD promises that an aligned 8 bytes are fetched at once, others promise nothing. */
export function modelHere(): Model {
	const name = /AMD/.test(cpus()[0]?.model ?? "") ? "amd-quad" : "x86";
	return models.find((each) => each.name === name)!;
}

export interface Storm {
	run(writer: Writer, crosses: number, updates: number): StormCell;
	close(): void;
}

/** Compiles the storm. @param source the path of storm.c @throws LinkError where it cannot be compiled */
export function buildStorm(source: string, model: Model): Storm {
	if (process.arch !== "x64" || process.platform !== "linux")
		throw new LinkError(
			`chaos --native: runs on x86-64 under Linux, and this is ${process.arch} under ${process.platform}`,
		);
	const folder = mkdtempSync(join(tmpdir(), "patchbay-storm-"));
	const program = join(folder, "storm");
	const verdicts = new Map<string, string>();
	const close = () => rmSync(folder, { recursive: true });
	try {
		tool("gcc", "-O2", "-pthread", source, "-o", program);
	} catch (error) {
		close();
		throw error;
	}
	return {
		run(writer, crosses, updates) {
			const figures = tool(program, writer.name, String(crosses), String(updates)).trim().split(" ").map(Number);
			const [made, calls, torn, stale, lost, nanoseconds] = figures as [number, number, number, number, number, number];
			const verdict = verdictOf(verdicts, writer, crosses, model);
			return { writer: writer.name, crosses, updates: made, calls, torn, stale, lost, nanoseconds, verdict };
		},
		close,
	};
}

/** The verdict on one CPU that runs through the site, inside an aligned 8 bytes or across. */
function verdictOf(
	known: Map<string, string>,
	{ name, protocol }: Writer,
	crosses: number,
	model: Model,
): string | null {
	if (protocol === undefined) return null;
	const placement = crosses === 0 ? "aligned" : "straddling";
	const key = `${name} ${placement}`;
	const verdict = known.get(key) ?? checkCell({ protocol, model, cpus: 1, kind: "call", placement }).verdict;
	known.set(key, verdict);
	return verdict;
}

function tool(program: string, ...argv: readonly string[]): string {
	try {
		return execFileSync(program, argv, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
	} catch (error) {
		const { code, message } = error as NodeJS.ErrnoException;
		throw new LinkError(code === "ENOENT" ? `chaos --native: ${program} is not installed` : message);
	}
}
