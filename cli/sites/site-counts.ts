// How often functions are called in files of real machines: `patchbay sites --summary`. It loads little, for a short command
// should not take longer to start than to count.

import type { ElfObject } from "../../linker/elf/object.ts";
import { symbolName } from "../../linker/elf/symbols.ts";
import { TRAMPOLINE_PREFIX } from "../../linker/format/static-calls.ts";
import { requireArchitecture } from "../../linker/sites/arch/index.ts";
import { countBranches } from "../../linker/sites/branches.ts";
import { refuseCallsByAddress, requireVisibleCalls } from "../../linker/sites/hidden-calls.ts";
import type { IndirectCalls } from "../../linker/sites/indirect-calls.ts";
import { placeName } from "../../linker/sites/place.ts";
import { baseName, flagged, hasDefined, hasNoSymbol, type Wanted, wantedSymbols } from "../../linker/sites/wanted.ts";
import { count, plural, table } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";
import type { LocalCalls } from "./local-calls.ts";
import { readableObject } from "./readable-object.ts";
import { type RealFile, realObjects } from "./real-files.ts";

export interface RealSitesOptions {
	readonly callsTo?: readonly string[];
	readonly prefix?: string;
	readonly all?: true;
}

/** An object, and 1 for each of its symbols whose calls are asked for, or undefined for all. */
export interface Searched {
	readonly object: ElfObject;
	readonly wanted: Uint8Array | undefined;
	/** Local calls of all files so far; told at the end. */
	readonly locals: LocalCalls;
}

/** The object with names of functions as their programs write them, and who is asked for by the same names. */
async function readable(found: ElfObject, wanted: Wanted | undefined): Promise<[ElfObject, Wanted | undefined]> {
	const object = await readableObject(found);
	if (object === found || wanted === undefined || !("names" in wanted)) return [object, wanted];
	const { demangled } = await import("../shell/demangle.ts");
	return [object, { names: wanted.names.map(demangled) }];
}

/** Notes, when all are done, names of functions that none of them has, and calls that assemblers resolved. */
export async function* searched(
	files: readonly RealFile[],
	wanted: Wanted | undefined,
	note: (text: string) => void,
): AsyncGenerator<Searched> {
	const asked = wanted !== undefined && "names" in wanted ? wanted.names : [];
	const missing = new Set(asked);
	const locals: LocalCalls = { count: 0, files: 0, places: [] };
	let last: ElfObject | undefined;
	let count = 0;
	for (const file of files) {
		for await (const found of realObjects(file, note)) {
			const [object, names] = await readable(found, wanted);
			const flags = names && wantedSymbols(object, names);
			if (flags !== undefined && names !== undefined && "names" in names && missing.size > 0) {
				const found = new Set(Array.from(flagged(flags), (symbol) => baseName(symbolName(object.symbols, symbol))));
				for (const [i, name] of names.names.entries()) if (found.has(name)) missing.delete(asked[i]!);
			}
			last = object;
			count++;
			yield { object, wanted: flags, locals };
		}
	}
	if (locals.count > 0) (await import("./local-calls.ts")).noteLocalCalls(locals, note);
	for (const name of missing)
		note(count === 1 ? `${last!.name}: ${hasNoSymbol(last!, name)}\n` : `nothing has a symbol '${name}'\n`);
}

/** Undefined for all calls. */
export function wantedOf({ callsTo, prefix, all }: RealSitesOptions): Wanted | undefined {
	if (callsTo !== undefined) return { names: callsTo };
	return all ? undefined : { prefix: prefix ?? TRAMPOLINE_PREFIX };
}

export interface SiteCounts {
	/** Per callee over all files, the most called first. */
	readonly keys: { key: string; sites: number }[];
	/** Calls that assemblers resolved, which are not among them. */
	readonly localCalls: number;
	/** Where all calls are asked for: of each file those of which nothing says where they go. */
	readonly indirect?: readonly ({ readonly file: string } & IndirectCalls)[];
}

export async function summarize(
	files: readonly RealFile[],
	wanted: Wanted | undefined,
	note: (text: string) => void,
): Promise<SiteCounts> {
	const counts = new Map<string, number>();
	let localCalls = 0;
	const indirect: ({ file: string } & IndirectCalls)[] = [];
	for await (const { object, wanted: flags, locals } of searched(files, wanted, note)) {
		const architecture = requireArchitecture(object);
		requireVisibleCalls(object);
		if (hasDefined(object, flags))
			localCalls += (await import("./local-calls.ts")).findLocalCalls(object, architecture, flags, locals).length;
		if (wanted === undefined) {
			const { countIndirectCalls } = await import("../../linker/sites/indirect-calls.ts");
			indirect.push({ file: object.name, ...countIndirectCalls(object, architecture) });
		}
		const called = countBranches(object, architecture, flags);
		if (called.size === 0) refuseCallsByAddress(object, architecture);
		for (const [symbol, sites] of called) {
			const key = placeName(object, symbol, 0);
			counts.set(key, (counts.get(key) ?? 0) + sites);
		}
	}
	const rows = Array.from(counts, ([key, sites]) => ({ key, sites }));
	const keys = rows.sort((a, b) => b.sites - a.sites || (a.key < b.key ? -1 : 1));
	return { keys, localCalls, ...(wanted === undefined && { indirect }) };
}

/** A line about calls that no list has, as nothing says where they go. */
export function indirectText({ throughRegisters, throughMemory, jumps, undecoded }: IndirectCalls): string {
	const calls = throughRegisters + throughMemory;
	const missing = undecoded === 0 ? "" : `, or more behind ${plural(undecoded, "place")} that cannot be decoded`;
	return `  besides: ${plural(calls, "indirect call")} (${count(throughRegisters)} through registers, ${count(throughMemory)} through memory), of virtual functions and by pointers, and ${plural(jumps, "indirect jump")}${missing}\n`;
}

function sumOf(all: readonly IndirectCalls[]): IndirectCalls {
	const sum = (field: keyof IndirectCalls): number => all.reduce((total, each) => total + each[field], 0);
	return {
		throughRegisters: sum("throughRegisters"),
		throughMemory: sum("throughMemory"),
		jumps: sum("jumps"),
		undecoded: sum("undecoded"),
	};
}

export async function writeSummary(
	files: readonly RealFile[],
	wanted: Wanted | undefined,
	terminal: Terminal,
): Promise<void> {
	const { keys: rows, localCalls, indirect } = await summarize(files, wanted, (text) => terminal.note(text));
	const total = rows.reduce((sum, { sites }) => sum + sites, 0);
	const lines = table(
		[
			{ title: "sites", align: "right", text: ({ sites }: { key: string; sites: number }) => count(sites) },
			{ title: "key", text: ({ key }) => key },
		],
		rows,
	);
	const others = localCalls === 0 ? "" : `, and ${plural(localCalls, "local call")}`;
	const title = styled(terminal, "bold", `${plural(total, "call site")} of ${plural(rows.length, "key")}${others}`);
	await terminal.write(`${title}\n${indirect ? indirectText(sumOf(indirect)) : ""}`);
	if (rows.length > 0) await terminal.write(`${lines.join("\n")}\n`);
}
