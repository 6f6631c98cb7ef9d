// What the bytes of a site mean in a running program, and which to write for a target. The forms themselves are the
// linker's (linker/sites/site-bytes.ts); here is what needs the whole program: calls that go through a trampoline or a
// thunk, and the trampoline of a target out of reach.

import { SITE_BYTES } from "../../../linker/format/static-calls.ts";
import { decode } from "../../../linker/isa/decode.ts";
import { encode } from "../../../linker/isa/encode.ts";
import { THUNK_PREFIX } from "../../../linker/link/emit-symbols.ts";
import { bytesAt, type Image, type ImageKey } from "../../../linker/link/image.ts";
import { THUNK_BYTES } from "../../../linker/link/thunks.ts";
import {
	currentTarget,
	reaches,
	type Site,
	siteBytes,
	siteDestination,
	type Target,
	targetAt,
} from "../../../linker/sites/site-bytes.ts";
import { same } from "../plan/step.ts";

/** How sites call: their target where it is in reach, or always by way of the trampoline. Both mean the same. */
export type Route = "direct" | "trampoline";

/** A key as its sites see it: where its trampoline lies, and the word a far trampoline jumps through. */
interface Relayed {
	readonly trampoline: number;
	readonly address: number;
}

/** The bytes with which a site calls the function at `to` (0: nothing), those of the linker where it is the function that
 * the linker had there; undefined when nothing in reach leads to it. */
export function bytesFor(image: Image, key: ImageKey, site: Site, to: number, route: Route): Uint8Array | undefined {
	const { stubs } = image;
	const target = targetAt(to, stubs);
	const isTrampoline = site.address === key.trampoline;
	if (route === "direct" && sameTarget(target, targetAt(key.initial, stubs)))
		return bytesAt(image, site.address, SITE_BYTES);
	if (isTrampoline || route === "direct") {
		const destination = siteDestination(site, target, stubs);
		if (destination === undefined || reaches(site.address, destination)) return siteBytes(site, target, stubs);
		if (isTrampoline) return throughWord(key);
	}
	const relay = relayFor(image, key, site);
	return relay === undefined ? undefined : siteBytes(site, { kind: "function", address: relay }, stubs);
}

/** Whether the bytes at a site are how it calls `now`, directly or not. */
export function calls(image: Image, key: Relayed, site: Site, bytes: Uint8Array, now: number): boolean {
	const isTrampoline = site.address === key.trampoline;
	if (isTrampoline && same(bytes, throughWord(key))) return true;
	const found = currentTarget(bytes, site, image.stubs);
	if (found === undefined) return false;
	if (sameTarget(found, targetAt(now, image.stubs))) return true;
	if (found.kind !== "function") return false;
	const end = throughThunk(image, found.address);
	return (
		(!isTrampoline && end === key.trampoline) || sameTarget(targetAt(end, image.stubs), targetAt(now, image.stubs))
	);
}

/** A jump through the key's word: five bytes that reach all of memory. */
export function throughWord(key: Relayed): Uint8Array {
	return encode("jmpm", { imm: key.address | 0 });
}

function sameTarget(a: Target, b: Target): boolean {
	return a.kind === b.kind && (a.kind !== "function" || b.kind !== "function" || a.address === b.address);
}

/** The trampoline, or a thunk that leads to it, whichever the site reaches. */
function relayFor(image: Image, { trampoline }: Relayed, site: Site): number | undefined {
	if (trampoline === 0) return undefined;
	if (reaches(site.address, trampoline)) return trampoline;
	const thunks = image.symbols.filter(({ name }) => name.startsWith(THUNK_PREFIX)).map(({ address }) => address);
	return thunks.find((at) => reaches(site.address, at) && throughThunk(image, at) === trampoline);
}

/** Where a jump to `address` ends up: the target of the thunk there (`movi r, target; jmpr r`), or `address` itself. */
function throughThunk(image: Image, address: number): number {
	const bytes = bytesAt(image, address, THUNK_BYTES);
	const move = bytes && decode(bytes, 0);
	const jump = move && decode(bytes, move.length);
	const isThunk = move?.row.mnemonic === "movi" && jump?.row.mnemonic === "jmpr" && jump.a === move.a;
	return isThunk ? move.imm >>> 0 : address;
}
