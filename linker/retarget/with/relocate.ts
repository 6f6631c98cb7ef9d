// Fills the parts with what their relocations say. It runs twice: once to find out which words with addresses, stubs and
// relocations for the dynamic linker there have to be, before anything has an address, and once for the bytes.

import { type ElfObject, SHF_WRITE } from "../../elf/object.ts";
import { putWord64, viewOf } from "../../elf/words.ts";
import { LinkError, notIn } from "../../errors.ts";
import { hexAddress } from "../../hex.ts";
import { nameForMessage, place } from "../../sites/place.ts";
import type { Bound } from "./bind.ts";
import { type Part, relocationsAt } from "./parts.ts";
import type { Program } from "./program.ts";
import type { Field, LinkRules } from "./rules.ts";
import { tombstones } from "./unwind.ts";

/** Bytes of a word that holds an address. */
const WORD = 8;

/** A relocation for the dynamic linker. */
export interface DynamicRelocation {
	/** Address. */
	readonly offset: number;
	readonly type: number;
	/** Index in the dynamic linker's table. */
	readonly symbol: number;
	readonly addend: number;
}

/** What a word or a stub is for, and which of them it is. */
interface Numbered {
	readonly to: Bound;
	readonly number: number;
}

/** What the parts have in common, and what they turn out to need. */
export interface Linking {
	readonly program: Program;
	readonly rules: LinkRules;
	readonly parts: readonly Part[];
	readonly bound: ReadonlyMap<ElfObject, readonly Bound[]>;
	/** Words with addresses, in their order, by what is in them. */
	readonly slots: Map<string, Numbered>;
	/** Words that code goes on at, each with a stub, by the name of what is there. */
	readonly stubs: Map<string, Numbered>;
	/** Where both begin; undefined as long as nothing has an address. */
	place: { readonly slots: number; readonly stubs: number } | undefined;
	dynamic: DynamicRelocation[];
}

/** The bytes of all parts with relocations carried out, and of the words and stubs.
 * @throws LinkError for what cannot be, naming relocation and symbol */
export function relocateParts(linking: Linking): {
	parts: Map<Part, Uint8Array>;
	slots: Uint8Array;
	stubs: Uint8Array;
} {
	linking.dynamic = [];
	const bytes = new Map(linking.parts.map((part) => [part, relocatePart(linking, part)]));
	return { parts: bytes, stubs: stubBytes(linking), slots: slotBytes(linking) };
}

function relocatePart(linking: Linking, part: Part): Uint8Array {
	const { object, section, relocations } = part;
	const data = object.sections[section]!.data.slice();
	if (relocations === undefined) return data;
	if (relocations.implicitAddends)
		throw new LinkError(`${place(object, section, 0)}: has relocations without addends (SHT_REL)`);
	const dead = part.room === "eh_frame" ? tombstones(part, linking.bound.get(object)!) : [];
	for (let i = 0; i < relocations.count; i++) {
		const offset = relocations.offset[i]!;
		if (!dead.some(({ start, end }) => offset >= start && offset < end)) relocate(linking, part, data, i);
	}
	return data;
}

function relocate(linking: Linking, part: Part, data: Uint8Array, i: number): void {
	const { architecture, fields, ignored } = linking.rules;
	const { offset, type, symbol, addend } = part.relocations!;
	if (ignored.includes(type[i]!)) return;
	const to = linking.bound.get(part.object)![symbol[i]!]!;
	const at = offset[i]!;
	const fail = (why: string): never => {
		const name = nameForMessage(part.object, symbol[i]!);
		throw new LinkError(`${place(part.object, part.section, at)}: relocation against '${name}': it ${why}`);
	};
	if (to.kind === "nothing") fail(to.why);
	const branch = architecture.branches[architecture.find(type[i]!, data, at)];
	if (branch?.form !== undefined) {
		const { min, max, write } = branch.form;
		const value = destination(linking, to) + addend[i]! - (part.address + at);
		check(linking, value, min, max, fail);
		write(viewOf(data), at - branch.fieldAt, value);
		return;
	}
	const field = fields.get(type[i]!);
	if (field === undefined) throw unknownType(part, i);
	if (field.word && !isFixed(linking, to)) {
		if (at + WORD > data.length) fail("would change bytes behind the section's end");
		addDynamic(linking, part, to, at, addend[i]!, fail);
		return;
	}
	const value = fieldValue(linking, part, i, field, fail);
	check(linking, value, field.min, field.max, fail);
	if (linking.place !== undefined && value % (field.unit ?? 1) !== 0)
		fail(`is at ${hexAddress(value)}, no multiple of ${field.unit}`);
	try {
		field.write(viewOf(data), at, value);
	} catch (error) {
		if (error instanceof RangeError) fail("would change bytes behind the section's end");
		throw error;
	}
}

function unknownType({ object, section, relocations }: Part, i: number): LinkError {
	const name = nameForMessage(object, relocations!.symbol[i]!);
	return new LinkError(
		`${place(object, section, relocations!.offset[i]!)}: relocation against '${name}': it is of type ${relocations!.type[i]}, which only a link can add`,
	);
}

type Fail = (why: string) => never;

function check({ place }: Linking, value: number, min: number, max: number, fail: Fail): void {
	if (place !== undefined && (value < min || value > max)) fail(`is out of reach: ${notIn(value, min, max)}`);
}

/** Whether the address is known before the program is loaded. */
function isFixed({ program }: Linking, to: Bound): boolean {
	return to.kind === "absolute" || (!program.isAnywhere && (to.kind === "part" || to.kind === "address"));
}

/** What a field becomes. */
function fieldValue(linking: Linking, part: Part, i: number, field: Field, fail: Fail): number {
	const { offset, symbol, addend } = part.relocations!;
	const to = linking.bound.get(part.object)![symbol[i]!]!;
	if (field.value === "low") return lowOf(linking, part, to, fail);
	const p = part.address + offset[i]!;
	const isRelative = field.value !== "S + A";
	const s = field.slot ? slotAddress(linking, to) : known(to, fail);
	if (!field.slot && !field.anywhere && linking.program.isAnywhere) {
		if (isRelative && to.kind === "absolute")
			fail("is no address of the program, whose distance from code is not known");
		if (!isRelative && to.kind !== "absolute")
			fail("has an address that is only known when the program is loaded; compile with -fPIE");
	}
	const a = s + addend[i]!;
	if (field.value === "S + A") return a;
	return field.value === "S + A - P" ? a - p : pageOf(a) - pageOf(p);
}

function pageOf(address: number): number {
	return Math.floor(address / 4096) * 4096;
}

/** The value at the place that the symbol names, for what that relocation leaves out. */
function lowOf(linking: Linking, part: Part, to: Bound, fail: Fail): number {
	if (to.kind !== "part" || to.part !== part) return fail("names no relocation of this section");
	for (const i of relocationsAt(part, to.value)) {
		const field = linking.rules.fields.get(part.relocations!.type[i]!);
		if (field?.value === "S + A - P") return fieldValue(linking, part, i, field, fail);
	}
	return fail("names a place without a relocation");
}

/** The address of what is in the program or added to it. */
function known(to: Bound, fail: Fail): number {
	if (to.kind === "part") return to.part.address + to.value;
	if (to.kind === "address") return to.address;
	if (to.kind === "absolute") return to.value;
	return fail(
		to.kind === "chosen"
			? "is chosen when the program starts (an ifunc), so its address is not known; only calls of it can be added"
			: "comes from a shared object, so its address is not known; compile with -fPIC",
	);
}

/** Where a call goes: what has no address in the program is called through a stub. */
function destination(linking: Linking, to: Bound): number {
	if (to.kind !== "import" && to.kind !== "chosen") return known(to, unreachable);
	slotAddress(linking, to);
	return (linking.place?.stubs ?? 0) + numberOf(linking.stubs, to.name, to) * linking.rules.stubSize;
}

/** Which of the words or stubs is the one for this; a new one, if there is none. */
function numberOf(known: Map<string, Numbered>, key: string, to: Bound): number {
	const { number } = known.get(key) ?? { number: known.size };
	known.set(key, { to, number });
	return number;
}

const unreachable: Fail = (why) => {
	throw new Error(`a call: ${why}`);
};

/** The address of a word that holds the address. */
function slotAddress(linking: Linking, to: Bound): number {
	const own = to.kind === "import" ? linking.program.slots.get(to.name) : to.kind === "chosen" ? to.slot : undefined;
	if (own !== undefined) return own;
	return (linking.place?.slots ?? 0) + numberOf(linking.slots, slotKey(to), to) * WORD;
}

function slotKey(to: Bound): string {
	if (to.kind === "part") return `part ${to.part.number}+${to.value}`;
	if (to.kind === "address") return `address ${to.address}`;
	if (to.kind === "absolute") return `number ${to.value}`;
	return to.kind === "nothing" ? "" : `import ${to.name}`;
}

/** Asks the dynamic linker for an address in a word of a part. */
function addDynamic(linking: Linking, part: Part, to: Bound, at: number, addend: number, fail: Fail): void {
	if ((part.object.sections[part.section]!.flags & SHF_WRITE) === 0)
		fail("has an address that is only known when the program is loaded, and this section is read only");
	linking.dynamic.push(dynamicOf(linking, to, part.address + at, addend, linking.rules.dynamic.symbolic, fail));
}

function dynamicOf({ rules }: Linking, to: Bound, offset: number, addend: number, type: number, fail: Fail) {
	if (to.kind === "import") return { offset, type, symbol: to.symbol, addend };
	return { offset, type: rules.dynamic.relative, symbol: 0, addend: known(to, fail) + addend };
}

function slotBytes(linking: Linking): Uint8Array {
	const bytes = new Uint8Array(linking.slots.size * WORD);
	const start = linking.place?.slots ?? 0;
	for (const { to, number } of linking.slots.values()) {
		const at = number * WORD;
		if (isFixed(linking, to)) putWord64(viewOf(bytes), at, known(to, unreachable));
		else linking.dynamic.push(dynamicOf(linking, to, start + at, 0, linking.rules.dynamic.slot, unreachable));
	}
	return bytes;
}

function stubBytes(linking: Linking): Uint8Array {
	const { stubSize, writeStub } = linking.rules;
	const bytes = new Uint8Array(linking.stubs.size * stubSize);
	for (const { to, number } of linking.stubs.values()) {
		const [at, slot] = [number * stubSize, slotAddress(linking, to)];
		if (linking.place !== undefined) writeStub(viewOf(bytes), at, linking.place.stubs + at, slot);
	}
	return bytes;
}
