// Jump labels: branches that follow static keys. A key counts its users; with the first one and with the last one every
// branch of the key changes between NOP5 and JMP, in one batch.

import { LinkError } from "../../../linker/errors.ts";
import { hex, hexBytes } from "../../../linker/hex.ts";
import type { Toggle } from "../../../linker/isa/index.ts";
import type { Image, ImageLabel, ImageStaticKey } from "../../../linker/link/image.ts";
import { enabledAt, labelBytes } from "../../../linker/sites/label-bytes.ts";
import type { Edit } from "../plan/step.ts";
import type { System } from "../system.ts";
import type { Toggled } from "./change.ts";
import { type PlannedChange, type Refusal, textAt, wordEdit } from "./planned-change.ts";
import { word } from "./slots.ts";

/** By name: on, off, or as at the start. @throws LinkError for anything else */
export function switchOf(image: Image, { name, address: key }: ImageStaticKey, to: unknown): Toggled {
	if (to === "on") return { key, toggle: "enable" };
	if (to === "off") return { key, toggle: "disable" };
	if (typeof to === "object" && to !== null && "reset" in to) return { key, toggle: "reset" };
	const given = to === null ? "null" : typeof to === "string" ? `'${to}'` : "what it is";
	throw new LinkError(`${image.name}: '${name}' is a static key: it can be on, off or default, not ${given}`);
}

/** The key's word and its branches; no branches when it stays enabled, or disabled. */
export function planToggle(system: System, { key, toggle }: Toggled): PlannedChange | Refusal {
	const { image } = system;
	const found = image.staticKeys.find(({ address }) => address === key);
	if (found === undefined) return { refused: `no static key at ${hex(key)}` };
	const users = word(system, key);
	const then = toggle === "reset" ? found.initial : usersAfter(users, toggle);
	if (then === undefined)
		return {
			refused: users === 0 ? `'${found.name}' has no user` : `'${found.name}' has ${users} users, who decrement it`,
		};
	const words = [wordEdit(key, users, then)];
	const edits: Edit[] = [];
	if (users > 0 !== then > 0) {
		for (const index of found.labels) {
			const edit = planLabel(system, found, image.labels[index]!, then > 0);
			if ("refused" in edit) return edit;
			edits.push(edit);
		}
	}
	return { name: found.name, words, edits };
}

/** Undefined where Linux warns: nobody may take away what others count on, or what is not there. */
function usersAfter(users: number, toggle: Toggle): number | undefined {
	switch (toggle) {
		case "enable":
			return Math.max(1, users);
		case "disable":
			return users > 1 ? undefined : 0;
		case "increment":
			return users + 1;
		case "decrement":
			return users === 0 ? undefined : users - 1;
	}
}

function planLabel(system: System, { name }: ImageStaticKey, label: ImageLabel, enabled: boolean): Edit | Refusal {
	const { address } = label;
	const place = `branch ${hex(address)} of '${name}'`;
	const old = textAt(system, address);
	if (old === undefined) return { refused: `${place} is not in executable memory` };
	if (enabledAt(old, label) !== !enabled)
		return { refused: `${place} does not hold what its key says: ${hexBytes(old)}` };
	return { address, old, bytes: labelBytes(label, enabled) };
}
