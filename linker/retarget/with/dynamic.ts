// Relocations for the dynamic linker that are added to those a program has. Their table has to be one piece, so it is
// written anew, longer, and the dynamic section says where it is now.

import { RELA_SIZE } from "../../elf/tables.ts";
import { putWord64, viewOf } from "../../elf/words.ts";
import { LinkError } from "../../errors.ts";
import type { Edit } from "../retarget-record.ts";
import type { Linking } from "./relocate.ts";

const DT_RELA = 7;
const DT_RELASZ = 8;
const DT_JMPREL = 23;
const DT_PLTRELSZ = 2;
const DT_RELACOUNT = 0x6ffffff9;

/** The table that the program has; undefined where nothing has to be added to it.
 * @throws LinkError where there is none, or it cannot be copied alone */
export function oldDynamicRelocations({
	program: { object, bytes, dynamic, headers },
	dynamic: more,
}: Linking): { address: number; size: number; bytes: Uint8Array } | undefined {
	if (more.length === 0) return undefined;
	const [address, size] = [dynamic.get(DT_RELA)?.value, dynamic.get(DT_RELASZ)?.value];
	if (address === undefined || size === undefined)
		throw new LinkError(
			`${object.name}: has no table of relocations for the dynamic linker (DT_RELA), and what is added needs ${more.length}: addresses of functions or variables in data, or in shared objects`,
		);
	const own = ownSize(dynamic, address, size);
	const header = headers.find((each) => address >= each.address && address + size <= each.address + each.fileSize);
	if (header === undefined || own === undefined || own < 0 || own % RELA_SIZE !== 0)
		throw new LinkError(
			`${object.name}: its table of relocations for the dynamic linker (DT_RELA) is not one of its own, so nothing can be added to it`,
		);
	const start = header.offset + address - header.address;
	return { address, size: own, bytes: bytes.subarray(start, start + own) };
}

/** Some linkers count the table for calls as the end of this one, which dynamic linkers allow and do not need: bytes without
 * it. Undefined where it is anywhere else in the table. */
function ownSize(dynamic: Linking["program"]["dynamic"], address: number, size: number): number | undefined {
	const [calls, bytes] = [dynamic.get(DT_JMPREL)?.value, dynamic.get(DT_PLTRELSZ)?.value ?? 0];
	if (calls === undefined || bytes === 0 || calls < address || calls >= address + size) return size;
	return calls + bytes === address + size ? calls - address : undefined;
}

/** What the dynamic section says of the new table. Requires: `oldDynamicRelocations` found one. */
export function dynamicEdits(
	{ program: { bytes, dynamic }, dynamic: more, rules }: Linking,
	address: number,
	size: number,
): Edit[] {
	const relative = more.filter(({ type }) => type === rules.dynamic.relative).length;
	const changes: readonly [number, (old: number) => number][] = [
		[DT_RELA, () => address],
		[DT_RELASZ, () => size],
		[DT_RELACOUNT, (old) => old + relative],
	];
	return changes.flatMap(([tag, change]) => {
		const entry = dynamic.get(tag);
		if (entry === undefined) return [];
		const after = new Uint8Array(8);
		putWord64(viewOf(after), 0, change(entry.value));
		return [{ offset: entry.at, before: bytes.slice(entry.at, entry.at + 8), after }];
	});
}
