// Groups of sections, of which a linker keeps all or none: the code of an inline function of C++ and what belongs to it. What
// refers to such code must be in its group, or the linker refuses it when it drops the group for another object's.

import { newSection } from "./edit.ts";
import { type Section, SHF_GROUP, SHF_INFO_LINK, SHT_GROUP, SHT_RELA, SHT_SYMTAB } from "./object.ts";
import { viewOf } from "./words.ts";

/** By section the index of the group that it is in. */
export type Groups = ReadonlyMap<number, number>;

/** The groups among the sections of an object. A section that is in none is not in the map. */
export function groupsOf(sections: readonly Section[]): Groups {
	const groups = new Map<number, number>();
	for (const [index, { type, data }] of sections.entries()) {
		if (type !== SHT_GROUP) continue;
		const view = viewOf(data);
		// A word of flags comes first.
		for (let at = 4; at + 4 <= data.length; at += 4) groups.set(view.getUint32(at, true), index);
	}
	return groups;
}

/** Appends a section with relocations, and makes it and the section that these will be members of a group, if it is given.
 * @returns its index */
export function addToGroup(sections: Section[], group: number | undefined, section: Section): number {
	const index = sections.length;
	const member = group === undefined ? 0 : SHF_GROUP;
	const holder = newSection(`.rela${section.name}`, {
		type: SHT_RELA,
		flags: SHF_INFO_LINK | member,
		align: 8,
		data: new Uint8Array(0),
	});
	const link = sections.findIndex(({ type }) => type === SHT_SYMTAB);
	sections.push({ ...section, flags: section.flags | member }, { ...holder, link, info: index });
	if (group !== undefined) sections[group] = withMembers(sections[group]!, [index, index + 1]);
	return index;
}

function withMembers(group: Section, members: readonly number[]): Section {
	const data = new Uint8Array(group.data.length + members.length * 4);
	data.set(group.data);
	const view = viewOf(data);
	for (const [i, member] of members.entries()) view.setUint32(group.data.length + i * 4, member, true);
	return { ...group, data, size: data.length };
}
