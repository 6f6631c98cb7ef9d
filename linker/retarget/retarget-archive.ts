// Retargets the members of a static library, all or one, and writes the library anew.

import { isArchive, readArchive } from "../elf/archive.ts";
import { rewriteArchive } from "../elf/archive-writer.ts";
import { isElf } from "../elf/headers.ts";
import { readElf } from "../elf/reader.ts";
import { LinkError } from "../errors.ts";
import { requireArchitecture } from "../sites/arch/index.ts";
import { countBranches } from "../sites/branches.ts";
import { wantedSymbols } from "../sites/wanted.ts";
import { type Change, type LeftSite, type RetargetOptions, type RetargetPlan, unrelocatedCalls } from "./retarget.ts";
import { resetFile, retargetFile } from "./retarget-file.ts";
import { undoRecord } from "./retarget-record.ts";

export interface RetargetedArchive {
	/** The members in which something changes or that call what is to change: `libfoo.a(bar.o)`. */
	readonly members: readonly { readonly file: string; readonly plan: RetargetPlan }[];
	readonly bytes: Uint8Array;
}

/** Which members, and where they are. */
export interface MemberOptions {
	/** Only members of this name. */
	readonly member?: string | undefined;
	/** The contents of a member of a thin archive, which is a file of its own. */
	readonly contentsOf?: (member: string) => Uint8Array;
}

/** The plans of all members that know one of the functions.
 * @throws LinkError when no member does, or a change cannot be made */
export function retargetArchive(
	bytes: Uint8Array,
	name: string,
	changes: readonly Change[],
	{ member: wanted, contentsOf, only }: MemberOptions & Pick<RetargetOptions, "only"> = {},
): RetargetedArchive {
	const members: { file: string; plan: RetargetPlan }[] = [];
	const known = new Set<string>();
	const result = rewriteMembers(bytes, name, wanted, contentsOf, (contents, file) => {
		const object = readElf(undoRecord(contents, file).original, file);
		const architecture = requireArchitecture(object);
		const own: Change[] = [];
		const unseen: LeftSite[] = [];
		for (const change of changes) {
			const flags = wantedSymbols(object, { names: [change.from] });
			if (!flags.includes(1)) continue;
			known.add(change.from);
			if (countBranches(object, architecture, flags).size > 0) own.push(change);
			else unseen.push(...unrelocatedCalls(object, architecture, change.from, flags));
		}
		if (own.length === 0) {
			if (unseen.length > 0) members.push({ file, plan: { ...nothing, left: unseen } });
			return contents;
		}
		const { plan: planned, bytes: retargeted } = retargetFile(contents, file, own, only && { only });
		const plan = { ...planned, left: [...planned.left, ...unseen] };
		if (plan.sites.length > 0 || plan.left.length > 0) members.push({ file, plan });
		return plan.sites.length > 0 ? retargeted : contents;
	});
	const missing = changes.find(({ from }) => !known.has(from));
	if (missing !== undefined) throw new LinkError(`${name}: no member has a symbol '${missing.from}'`);
	return { members, bytes: result };
}

const nothing: RetargetPlan = { sites: [], left: [], edits: [], symbols: [], references: 0 };

/** The archive with its members as they were before all retargeting. @throws LinkError when none was retargeted */
export function resetArchive(
	bytes: Uint8Array,
	name: string,
	{ member: wanted, contentsOf }: MemberOptions = {},
): Uint8Array {
	let any = false;
	const result = rewriteMembers(bytes, name, wanted, contentsOf, (contents, file) => {
		if (undoRecord(contents, file).record.edits.length === 0) return contents;
		any = true;
		return resetFile(contents, file).bytes;
	});
	if (!any) throw new LinkError(`${name}: no member was retargeted, so there is nothing to undo`);
	return result;
}

function rewriteMembers(
	bytes: Uint8Array,
	name: string,
	wanted: string | undefined,
	contentsOf: MemberOptions["contentsOf"],
	change: (contents: Uint8Array, file: string) => Uint8Array,
): Uint8Array {
	if (!isArchive(bytes)) throw new LinkError(`${name}: is no archive, so it has no members`);
	if (wanted !== undefined && !readArchive(bytes, name).some((member) => member.name === wanted))
		throw new LinkError(`${name}: has no member '${wanted}'`);
	return rewriteArchive(bytes, name, (member, body) => {
		const contents = contentsOf === undefined ? body : contentsOf(member);
		const isMeant = wanted === undefined || member === wanted;
		return isMeant && isElf(contents) ? change(contents, `${name}(${member})`) : contents;
	});
}
