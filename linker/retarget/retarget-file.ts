// From a file to the retargeted file: what was retargeted before is undone, the changes are planned on the file as it was
// made, merged with what stays of the earlier ones, and applied with a record that undoes all of it.

import { readElf } from "../elf/reader.ts";
import { LinkError } from "../errors.ts";
import { type Change, planRetarget, type RetargetOptions, type RetargetPlan } from "./retarget.ts";
import { applyRecord, type Edit, undoRecord } from "./retarget-record.ts";

/** What changed, and the whole file with the changes. */
export interface RetargetedFile {
	readonly plan: RetargetPlan;
	readonly bytes: Uint8Array;
}

/** @param name starts the messages @throws LinkError when one of the changes cannot be made */
export function retargetFile(
	bytes: Uint8Array,
	name: string,
	changes: readonly Change[],
	{ only }: Pick<RetargetOptions, "only"> = {},
): RetargetedFile {
	const { original, record } = undoRecord(bytes, name);
	const plan = planRetarget(readElf(original, name), changes, { symbols: record.symbols, ...(only && { only }) });
	const edits = merge(record.edits, plan.edits);
	return { plan, bytes: applyRecord(original, name, { edits, symbols: plan.symbols }) };
}

/** The file as it was before all retargeting. @throws LinkError when there was none */
export function resetFile(bytes: Uint8Array, name: string): Uint8Array {
	const { original, record } = undoRecord(bytes, name);
	if (record.edits.length === 0) throw new LinkError(`${name}: was not retargeted, so there is nothing to undo`);
	return original;
}

/** Later changes of the same bytes replace earlier ones; what is as it was is no change. */
function merge(before: readonly Edit[], after: readonly Edit[]): Edit[] {
	const byOffset = new Map([...before, ...after].map((edit) => [edit.offset, edit]));
	return [...byOffset.values()].filter((edit) => edit.after.some((byte, i) => byte !== edit.before[i]));
}
