// What an update would do, for people and for `--json`: which keys, and of every site what was there and what comes.

import { disassemble } from "../../../linker/isa/disassemble.ts";
import { decode } from "../../../linker/isa/index.ts";
import { type Image, placeOf } from "../../../linker/link/image.ts";
import { wordOf } from "../../machine/words.ts";
import type { Edit } from "../plan/step.ts";
import type { System } from "../system.ts";
import type { Update } from "./change.ts";
import { type PatchedText, patchedText } from "./patched-text.ts";
import type { Refusal } from "./planned-change.ts";
import { nameOf, slotsOf } from "./slots.ts";

/** What an update would do. */
export interface DryRun {
	readonly keys: readonly { readonly name: string; readonly from: string | null; readonly to: string | null }[];
	/** Sorted by address. */
	readonly sites: readonly PlannedSite[];
	readonly stores: number;
	/** Rounds of interrupts. */
	readonly syncs: number;
}

/** What an update would do to one site. */
export interface PlannedSite {
	readonly key: string;
	readonly kind: PatchedText["kind"];
	readonly address: number;
	/** `main+0x10` */
	readonly place: string;
	readonly old: Uint8Array;
	readonly bytes: Uint8Array;
	/** Both as people read them. */
	readonly was: string;
	readonly becomes: string;
}

/** What an update would do, for people and for `--json`. */
export function describeUpdate(system: System, update: Update | Refusal): DryRun | Refusal {
	if ("refused" in update) return update;
	const { image } = system;
	const words = update.transaction?.words ?? [];
	return {
		keys: words.map(({ address, old, bytes }) => describeWord(image, address, wordOf(old), wordOf(bytes))),
		sites: update.edits.map((edit) => describeEdit(image, edit)),
		stores: update.steps.filter(({ kind }) => kind === "store").length,
		syncs: update.steps.filter(({ kind }) => kind === "interrupt").length,
	};
}

function describeWord(image: Image, address: number, old: number, value: number): DryRun["keys"][number] {
	const key = image.staticKeys.find((one) => one.address === address);
	if (key !== undefined) return { name: key.name, from: switchName(old), to: switchName(value) };
	const operation = image.operations.find((one) => one.address === address);
	if (operation !== undefined) return { name: operation.name, from: nameOf(image, old), to: nameOf(image, value) };
	const { name } = slotsOf(image).find((slot) => slot.address === address)!;
	return { name, from: nameOf(image, old), to: nameOf(image, value) };
}

function switchName(users: number): string {
	return users === 0 ? "off" : users === 1 ? "on" : `on (${users} users)`;
}

function describeEdit(image: Image, { address, old, bytes }: Edit): PlannedSite {
	const { key, kind } = patchedText(image).find((text) => text.address === address)!;
	const text = (code: Uint8Array): string => disassemble(decode(code, 0)!, address, (target) => placeOf(image, target));
	return {
		key,
		kind,
		address,
		place: placeOf(image, address),
		old,
		bytes,
		was: text(old),
		becomes: text(bytes),
	};
}
