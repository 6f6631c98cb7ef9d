// From what calls should go to, to the bytes that have to change in the process. Planning reads and never writes; what cannot be
// changed refuses the whole update.

import { viewOf } from "../linker/elf/words.ts";
import { LinkError, notIn } from "../linker/errors.ts";
import { RETURN, RETURN0 } from "../linker/format/static-calls.ts";
import { hexAddress, hexBytes } from "../linker/hex.ts";
import type { Poke } from "./carry-out.ts";
import { type Entry, type Key, type LeftCall, type Site, type SiteState, stateOf } from "./entries.ts";
import { type CallKey, type CallValue, callValue, readBranchKey, readCallKey, requireStub } from "./keys.ts";
import type { Loaded, LoadedFunction, Symbolizer } from "./loaded.ts";
import type { Memory } from "./memory.ts";
import { bytesAt, isSame, readRanges } from "./ranges.ts";

/** What an entry should become. */
export type Target =
	| { readonly kind: "function"; readonly function: LoadedFunction }
	| { readonly kind: "nothing" }
	/** Return 0: of static calls. */
	| { readonly kind: "zero" }
	/** As it was when the program was loaded. */
	| { readonly kind: "default" }
	/** What a static key becomes. */
	| { readonly kind: "on" | "off" }
	/** Only the sites change, to what the key says by now. */
	| { readonly kind: "agree" };

const words: ReadonlyMap<string, Target> = new Map([
	["null", { kind: "nothing" }],
	["ret0", { kind: "zero" }],
	["default", { kind: "default" }],
	["on", { kind: "on" }],
	["off", { kind: "off" }],
]);

/** What an entry of each kind may become. */
const may = {
	call: {
		what: "a static call",
		targets: ["function", "nothing", "zero", "default"],
		text: "a function, null, ret0 or default",
	},
	branch: { what: "a static key", targets: ["on", "off", "default"], text: "on, off or default" },
	function: {
		what: "a function",
		targets: ["function", "nothing", "default"],
		text: "another function, null or default",
	},
} as const;

/** @throws LinkError for a function that is not there, and what an entry cannot become */
export function targetOf(symbols: Symbolizer, { name, key }: Entry, to: string): Target {
	const { what, targets, text } = may[key?.kind ?? "function"];
	const word = words.get(to);
	if (word === undefined && key?.kind !== "branch") return { kind: "function", function: symbols.find(to) };
	if (word !== undefined && targets.some((kind) => kind === word.kind)) return word;
	throw new LinkError(`${symbols.of}: '${name}' is ${what}, which cannot become '${to}', only ${text}`);
}

/** A site with what it does now. */
export interface SeenSite extends Site {
	/** The instruction as it is. */
	readonly bytes: Uint8Array;
	readonly state: SiteState;
}

export interface PlannedSite extends SeenSite, Poke {}

export interface LivePlan {
	/** The key's word, where it changes. */
	readonly word?: Poke | undefined;
	readonly sites: readonly PlannedSite[];
	/** Calls that stay as they are, with the reason. */
	readonly left: readonly LeftCall[];
}

/** Reads all sites. @param sites in any order */
export function look(memory: Pick<Memory, "read">, sites: readonly Site[]): SeenSite[] {
	const sorted = sites.toSorted((a, b) => a.address - b.address);
	const places = sorted.map(({ address, form: { length } }) => ({ address, length }));
	const ranges = readRanges(memory, places);
	return sorted.map((site, i) => {
		const bytes = bytesAt(ranges, places[i]!);
		return { ...site, bytes, state: stateOf(site, bytes) };
	});
}

/** Plans what an entry becomes. Sites that do it already are not in the plan.
 * @throws LinkError when one of the sites is in no state to be changed, or cannot be */
export function planEntry(reader: Reader, entry: Entry, target: Target): LivePlan {
	if (entry.key === undefined) return planSites(reader.memory, entry, (site) => functionBytes(site, target));
	return entry.key.kind === "call"
		? planCallKey(reader, entry, entry.key, target)
		: planBranchKey(reader, entry, entry.key, target);
}

/** What planning reads. */
export interface Reader {
	readonly memory: Pick<Memory, "read">;
	readonly objects: readonly Loaded[];
}

/** What a site becomes, or why it stays. */
type Becomes = Uint8Array | string;

function planSites(memory: Pick<Memory, "read">, entry: Entry, becomes: (site: SeenSite) => Becomes): LivePlan {
	const left: LeftCall[] = [...entry.left];
	const sites = look(memory, entry.sites).flatMap((site): PlannedSite[] => {
		requireKnown(site);
		const after = becomes(site);
		if (typeof after === "string") left.push({ address: site.address, in: site.in, why: after });
		if (typeof after === "string" || isSame(after, site.bytes)) return [];
		const fits = site.architecture.fitsOneStore(site.address, site.bytes, after);
		return [{ ...site, before: site.bytes, after, fits }];
	});
	return { sites, left };
}

function planCallKey({ memory, objects }: Reader, entry: Entry, key: Key, target: Target): LivePlan {
	const now = readCallKey(memory, key);
	const value = callValue(memory, objects, callTarget(key, now, target));
	const word = wordPoke(key.address, getWordBytes(now.func), getWordBytes(value.func));
	return { ...planSites(memory, entry, (site) => callBytes(site, now, value)), word };
}

function callTarget({ loaded }: Key, { func, initial }: CallKey, target: Target): number {
	switch (target.kind) {
		case "function":
			return target.function.address;
		case "nothing":
			return requireStub(loaded, RETURN);
		case "zero":
			return requireStub(loaded, RETURN0);
		case "default":
			return initial;
		default:
			return func;
	}
}

/** As the runtime writes it. A site on the trampoline is left there where a runtime is at work: it has its reasons, and would not
 * look after the site when the key changes again. */
function callBytes(site: SeenSite, { trampoline, runtime }: CallKey, { func, kind }: CallValue): Becomes {
	const { form, state, architecture } = site;
	if (state.kind === "calls" && state.target === trampoline && runtime !== 0)
		return "goes through the trampoline, where the program's runtime leaves it, and so follows the key";
	const isCall = form.kind === "call";
	// On AArch64 only B, BL and NOP replace one another, so what returns is jumped to.
	const returns = isCall || (form.kind === "tail" && architecture.align === 1);
	if (kind === "nothing" && returns && form.nothing !== undefined) return Uint8Array.from(form.nothing);
	if (kind === "zero" && form.zero !== undefined) return Uint8Array.from(form.zero);
	if (isInReach(site, func)) return branchBytes(site, func, "its function");
	// Another object's trampoline is reached by the stub that the linker wrote a call of.
	return isInReach(site, trampoline) ? branchBytes(site, trampoline, "its trampoline") : site.original;
}

function planBranchKey({ memory }: Reader, entry: Entry, key: Key, target: Target): LivePlan {
	const { enabled, initial } = readBranchKey(memory, key);
	if (target.kind === "off" && enabled > 1)
		throw new LinkError(
			`${key.loaded.object.name}: '${entry.name}' has ${enabled} users in the program; off is for one that has at most one`,
		);
	const wanted = { on: Math.max(enabled, 1), off: Math.min(enabled, 0), default: initial } as const;
	const value = target.kind in wanted ? wanted[target.kind as keyof typeof wanted] : enabled;
	const word = wordPoke(
		key.address,
		new Uint8Array(Int32Array.of(enabled).buffer),
		new Uint8Array(Int32Array.of(value).buffer),
	);
	const becomes = (site: SeenSite) =>
		value > 0 === site.label!.expected
			? Uint8Array.from(site.form.nothing!)
			: branchBytes(site, site.label!.target, entry.name);
	return { ...planSites(memory, entry, becomes), word };
}

function wordPoke(address: number, before: Uint8Array, after: Uint8Array): Poke | undefined {
	return isSame(before, after) ? undefined : { address, before, after, fits: true, isWord: true };
}

function getWordBytes(value: number): Uint8Array {
	return new Uint8Array(BigInt64Array.of(BigInt(value)).buffer);
}

/** Nobody else may be at work at the site. */
function requireKnown(site: SeenSite): void {
	const { state, bytes, original } = site;
	if (state.kind === "breakpoint")
		throw new LinkError(
			`${where(site)}: holds a breakpoint (${hexBytes(bytes)}) of a debugger or tracer, or of an update under way; remove it first`,
		);
	if (state.kind === "unknown")
		throw new LinkError(
			`${where(site)}: holds ${hexBytes(bytes)}, neither what the file has (${hexBytes(original)}) nor what patchbay writes`,
		);
}

function functionBytes(site: SeenSite, target: Target): Becomes {
	const { form, original, holder } = site;
	if (target.kind === "function") {
		const { address, name } = target.function;
		return holder.start === address
			? "is in the new target, which would call itself"
			: branchBytes(site, address, name);
	}
	if (target.kind !== "nothing") return original;
	if (form.nothing !== undefined) return Uint8Array.from(form.nothing);
	throw new LinkError(
		`${where(site)}: a conditional tail call cannot become nothing: no one instruction returns on a condition`,
	);
}

function isInReach({ address, form }: Site, destination: number): boolean {
	const displacement = destination - (address + form.base);
	return displacement >= form.min && displacement <= form.max;
}

/** @param name of what lies there, for the message */
function branchBytes(site: Site, destination: number, name: string): Uint8Array {
	const { address, form, pattern } = site;
	const displacement = destination - (address + form.base);
	if (!isInReach(site, destination))
		throw new LinkError(
			`${where(site)}: out of reach of '${name}' at ${hexAddress(destination)}: ${notIn(displacement, form.min, form.max)}`,
		);
	const bytes = pattern.slice();
	form.write(viewOf(bytes), 0, displacement);
	return bytes;
}

function where({ loaded, address, in: place }: Site): string {
	return `${loaded.object.name}: ${hexAddress(address)} in ${place}`;
}
