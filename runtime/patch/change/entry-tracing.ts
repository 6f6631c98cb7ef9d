// Function entry tracing: NOP5 at the beginning of a function becomes a CALL of `__trace_entry`, for any set of functions
// in one batch, and back. What such a call does is in ../tracer.ts.

import { LinkError, suggestion } from "../../../linker/errors.ts";
import { SITE_BYTES, TRACE_ENTRY } from "../../../linker/format/static-calls.ts";
import { hex, hexBytes } from "../../../linker/hex.ts";
import { encode } from "../../../linker/isa/index.ts";
import { type Image, type ImageEntry, placeOf } from "../../../linker/link/image.ts";
import { describeSite, reaches } from "../../../linker/sites/site-bytes.ts";
import type { Edit } from "../plan/step.ts";
import type { System } from "../system.ts";
import type { Traced } from "./change.ts";
import { unfreeText } from "./claims.ts";
import { isTraced } from "./patched-text.ts";
import { type PlannedChange, type Refusal, textAt } from "./planned-change.ts";

/** The entries of the functions. Of what was freed or unloaded meanwhile nothing is traced any more. */
export function planTraced(system: System, { functions, traced }: Traced): PlannedChange | Refusal {
	const { image } = system;
	const entries = new Set(image.entries.map(({ address }) => address));
	const edits: Edit[] = [];
	for (const address of new Set(functions)) {
		if (!traced && !entries.has(address)) continue;
		const edit = entries.has(address) ? planEntry(system, address, traced) : noEntry(image, address);
		if ("refused" in edit) return edit;
		edits.push(edit);
	}
	return { name: `${traced ? "trace" : "do not trace"} ${nameSome(image, functions)}`, words: [], edits };
}

const MOST_NAMES = 3;

function nameSome(image: Image, functions: readonly number[]): string {
	const names = functions.slice(0, MOST_NAMES).map((address) => placeOf(image, address));
	return [...names, ...(functions.length > MOST_NAMES ? [`${functions.length - MOST_NAMES} more`] : [])].join(", ");
}

function noEntry(image: Image, address: number): Refusal {
	return {
		refused: `'${placeOf(image, address)}' cannot be traced: no function that was built with --entry-nops is there`,
	};
}

function planEntry(system: System, address: number, traced: boolean): Edit | Refusal {
	const { image } = system;
	const place = `the entry ${hex(address)} of '${placeOf(image, address)}'`;
	const tracer = image.symbolNamed(TRACE_ENTRY)?.address;
	if (tracer === undefined)
		return { refused: `${place} has no ${TRACE_ENTRY} to call: build the program with --entry-nops` };
	const old = textAt(system, address);
	if (old === undefined) return { refused: `${place} is not in executable memory` };
	const refused = unfreeText(system, [{ address, old, bytes: old }]);
	if (refused !== undefined) return { refused };
	if (describeSite(old, address)?.form !== "nop" && !isTraced(system, address))
		return { refused: `${place} holds neither NOP5 nor a call of the tracer: ${hexBytes(old)}` };
	if (!traced) return { address, old, bytes: encode("nop5") };
	if (!reaches(address, tracer)) return { refused: `${place} does not reach ${TRACE_ENTRY}` };
	return { address, old, bytes: encode("call", { imm: tracer - (address + SITE_BYTES) }) };
}

/** The functions that patterns name: those that match one, or all if none says so, without those that match one with `!`
 * in front. `*` is any text, `?` any character. @throws LinkError when a pattern matches none, or none is left */
export function functionsNamed(image: Image, patterns: readonly string[]): ImageEntry[] {
	const names = image.entries.map((entry) => ({ entry, name: image.symbolize(entry.address) ?? "" }));
	if (names.length === 0) throw new LinkError(`${image.name}: no function can be traced: build with --entry-nops`);
	const matching = (pattern: string): ImageEntry[] => {
		const found = names.filter(({ name }) => matches(name, pattern)).map(({ entry }) => entry);
		if (found.length > 0) return found;
		const near = suggestion(
			pattern,
			names.map(({ name }) => name),
		);
		throw new LinkError(`${image.name}: no function '${pattern}' to trace${near}`);
	};
	const wanted = patterns.filter((pattern) => !pattern.startsWith("!")).map(matching);
	const unwanted = new Set(patterns.flatMap((each) => (each.startsWith("!") ? matching(each.slice(1)) : [])));
	const chosen = wanted.length === 0 ? image.entries : [...new Set(wanted.flat())];
	const left = chosen.filter((entry) => !unwanted.has(entry)).sort((a, b) => a.address - b.address);
	if (left.length === 0) throw new LinkError(`${image.name}: no function is left to trace of '${patterns.join(",")}'`);
	return left;
}

function matches(name: string, pattern: string): boolean {
	const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
	return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`, "s").test(name);
}
