// From what calls should go to, to the bytes that have to change in the process. Planning reads and never writes; what cannot be
// changed refuses the whole update.

import { viewOf } from "../linker/elf/words.ts";
import { LinkError, notIn } from "../linker/errors.ts";
import { hexAddress, hexBytes } from "../linker/hex.ts";
import type { Poke } from "./carry-out.ts";
import { type Entry, type LeftCall, type Site, type SiteState, stateOf } from "./entries.ts";
import type { LoadedFunction, Symbolizer } from "./loaded.ts";
import type { Memory } from "./memory.ts";
import { bytesAt, isSame, readRanges } from "./ranges.ts";

/** Where calls should go: a function, nowhere, or where they went when the program was loaded. */
export type Target =
	| { readonly kind: "function"; readonly function: LoadedFunction }
	| { readonly kind: "nothing" }
	| { readonly kind: "default" };

export function targetOf(symbols: Symbolizer, name: string): Target {
	if (name === "null") return { kind: "nothing" };
	return name === "default" ? { kind: "default" } : { kind: "function", function: symbols.find(name) };
}

/** A site with what it does now. */
export interface SeenSite extends Site {
	/** The instruction as it is. */
	readonly bytes: Uint8Array;
	readonly state: SiteState;
}

export interface PlannedSite extends SeenSite, Poke {}

export interface LivePlan {
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

/** Plans to make the calls of an entry go to the target. Sites that do already are not in the plan.
 * @throws LinkError when one of the sites is in no state to be changed, or cannot be */
export function planEntry(memory: Pick<Memory, "read">, entry: Entry, target: Target): LivePlan {
	const left: LeftCall[] = [...entry.left];
	const sites = look(memory, entry.sites).flatMap((site) => {
		requireKnown(site);
		const why = reasonToLeave(site, target);
		if (why !== undefined) left.push({ address: site.address, in: site.in, why });
		return why === undefined ? planSite(site, target) : [];
	});
	return { sites, left };
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

function reasonToLeave({ address, holder }: Site, target: Target): string | undefined {
	if (target.kind !== "function") return undefined;
	const { address: start } = target.function;
	const isInside = holder.start === start && address >= start;
	return isInside ? "is in the new target, which would call itself" : undefined;
}

function planSite(site: SeenSite, target: Target): PlannedSite[] {
	const after = newBytes(site, target);
	if (isSame(after, site.bytes)) return [];
	const fits = site.architecture.fitsOneStore(site.address, site.bytes, after);
	return [{ ...site, before: site.bytes, after, fits }];
}

function newBytes(site: SeenSite, target: Target): Uint8Array {
	const { address, form, original } = site;
	if (target.kind === "default") return original;
	if (target.kind === "nothing") {
		if (form.nothing !== undefined) return Uint8Array.from(form.nothing);
		throw new LinkError(
			`${where(site)}: a conditional tail call cannot become nothing: no one instruction returns on a condition`,
		);
	}
	const displacement = target.function.address - (address + form.base);
	if (displacement < form.min || displacement > form.max)
		throw new LinkError(
			`${where(site)}: out of reach of '${target.function.name}' at ${hexAddress(target.function.address)}: ${notIn(displacement, form.min, form.max)}`,
		);
	const bytes = original.slice();
	form.write(viewOf(bytes), 0, displacement);
	return bytes;
}

function where({ loaded, address, in: place }: Site): string {
	return `${loaded.object.name}: ${hexAddress(address)} in ${place}`;
}
