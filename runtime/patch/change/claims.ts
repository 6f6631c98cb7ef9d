// Who may patch which bytes. Every family that patches text (the sites that the image declares, probes) has a claim on the
// system's list and asks the others before it patches: whoever comes second is refused, in either direction.

import { hex } from "../../../linker/hex.ts";
import type { Edit } from "../plan/step.ts";
import type { Claim, System } from "../system.ts";
import { textReserved } from "./patched-text.ts";

/** Who else owns any byte of [start, end). @param family whoever asks */
export function reservedBy(system: System, start: number, end: number, family: string): string | undefined {
	for (const claim of system.claims) {
		const owner = claim.family === family ? undefined : claim.owner(system, start, end);
		if (owner !== undefined) return owner;
	}
	return undefined;
}

/** Where an edit of the image's own sites meets somebody else's text. @returns why it is refused */
export function unfreeText(system: System, edits: readonly Edit[]): string | undefined {
	for (const { address, bytes } of edits) {
		const owner = reservedBy(system, address, address + bytes.length, IMAGE_SITES);
		if (owner !== undefined) return `the site at ${hex(address)} is taken by ${owner}`;
	}
	return undefined;
}

/** All text that the image's own tables declare: the linker keeps that apart. */
const IMAGE_SITES = "sites of the image";

export const declaredText: Claim = {
	family: IMAGE_SITES,
	owner(system, start, end) {
		const key = textReserved(system, start, end);
		return key === undefined ? undefined : `'${key}', whose calls, branches or entries are patched there`;
	},
};
