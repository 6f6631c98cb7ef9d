// From a file to the retargeted file: what was retargeted before is undone, the changes are planned on the file as it was
// made, merged with what stays of the earlier ones, and applied with a record that undoes all of it. Objects whose
// functions calls are to go to are put into a program before that.

import { readElf } from "../elf/reader.ts";
import { LinkError } from "../errors.ts";
import { type Change, planRetarget, type RetargetOptions, type RetargetPlan } from "./retarget.ts";
import { applyRecord, type Edit, undoRecord } from "./retarget-record.ts";
import { type Added, addObjects, type ObjectFile, undoObjects } from "./with/add-objects.ts";

/** What changed, and the whole file with the changes. */
export interface RetargetedFile {
	readonly plan: RetargetPlan;
	/** What the program got; undefined where no objects were given. */
	readonly added: Added | undefined;
	readonly bytes: Uint8Array;
}

/** What narrows the changes down, and what they may need. */
export interface RetargetFileOptions extends Pick<RetargetOptions, "only"> {
	/** Objects that are put into the program. */
	readonly objects?: readonly ObjectFile[];
}

/** @param name starts the messages @throws LinkError when one of the changes cannot be made */
export function retargetFile(
	bytes: Uint8Array,
	name: string,
	changes: readonly Change[],
	{ only, objects = [] }: RetargetFileOptions = {},
): RetargetedFile {
	const { original: before, record } = undoRecord(bytes, name);
	const { bytes: original, added } =
		objects.length > 0 ? addObjects(before, name, objects) : { bytes: before, added: undefined };
	const plan = planRetarget(readElf(original, name), changes, { symbols: record.symbols, ...(only && { only }) });
	const edits = merge(record.edits, plan.edits);
	return { plan, added, bytes: applyRecord(original, name, { edits, symbols: plan.symbols }) };
}

/** A file as it was, and what of it is gone. */
export interface ResetFile {
	readonly bytes: Uint8Array;
	/** How many places of the file are as they were. */
	readonly edits: number;
	/** The objects that were put into it, in their order. */
	readonly objects: readonly string[];
}

/** The file as it was before all retargeting. @throws LinkError when there was none */
export function resetFile(bytes: Uint8Array, name: string): ResetFile {
	let { original, record } = undoRecord(bytes, name);
	const objects: string[] = [];
	for (let undone = undoObjects(original, name); undone !== undefined; undone = undoObjects(original, name)) {
		objects.unshift(...undone.objects);
		original = undone.original;
	}
	const edits = record.edits.length;
	if (edits === 0 && objects.length === 0)
		throw new LinkError(`${name}: was not retargeted, so there is nothing to undo`);
	return { bytes: original, edits, objects };
}

/** Later changes of the same bytes replace earlier ones; what is as it was is no change. */
function merge(before: readonly Edit[], after: readonly Edit[]): Edit[] {
	const byOffset = new Map([...before, ...after].map((edit) => [edit.offset, edit]));
	return [...byOffset.values()].filter((edit) => edit.after.some((byte, i) => byte !== edit.before[i]));
}
