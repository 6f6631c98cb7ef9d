// Refuses flags that a toy instruction loses, where the instruction of the test does not.

import { LinkError } from "../../../linker/errors.ts";
import type { Matched } from "./code.ts";
import type { Thread } from "./read.ts";

/** @param matched the instructions of the thread @throws LinkError naming one that reads flags with no comparison right before */
export function refuseLostFlags({ labels, name }: Thread, matched: readonly Matched[]): void {
	const entered = new Set(labels.values());
	let comparison = false;
	for (const [i, { form, text, at }] of matched.entries()) {
		if (entered.has(i)) comparison = false;
		if (form.flags === "read" && !comparison)
			throw new LinkError(`${at}: '${text}' in ${name} is not modelled: no comparison stands right before it`);
		if (form.flags === "written") comparison = true;
		else if (form.flags === "lost") comparison = false;
	}
}
