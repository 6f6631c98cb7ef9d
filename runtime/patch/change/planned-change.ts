// What one change of an update comes to, whatever its kind: words of data and sites, as they are and as they shall be.
// call-sites.ts, jump-labels.ts, entry-tracing.ts and operations.ts plan one kind each; ../update.ts joins them in one plan.

import { SITE_BYTES } from "../../../linker/format/static-calls.ts";
import { readVirtual } from "../../machine/memory.ts";
import { permits } from "../../machine/page-table.ts";
import { wordBytes } from "../../machine/words.ts";
import type { Edit } from "../plan/step.ts";
import type { System } from "../system.ts";

export interface PlannedChange {
	/** What is changed, for people. */
	readonly name: string;
	readonly words: readonly Edit[];
	readonly edits: readonly Edit[];
}

/** Why an update cannot be done. Nothing was changed. */
export interface Refusal {
	readonly refused: string;
}

/** The five bytes at a site; undefined where they cannot be executed. */
export function textAt({ machine }: System, address: number): Uint8Array | undefined {
	const bytes = readVirtual(machine, 0, address, SITE_BYTES);
	const runs = permits(machine, 0, address, "x") && permits(machine, 0, address + SITE_BYTES - 1, "x");
	return runs ? bytes : undefined;
}

export function wordEdit(address: number, old: number, value: number): Edit {
	return { address, old: wordBytes(old), bytes: wordBytes(value) };
}
