// What a program leaves to be settled when it is loaded, as its tables say: calls of paravirt operations, and alternatives
// for features. Read by the relocations, so alike from objects and from images.

import { type ElfObject, originOf, SHN_UNDEF } from "../elf/object.ts";
import { symbolName } from "../elf/symbols.ts";
import { viewOf } from "../elf/words.ts";
import { LinkError } from "../errors.ts";
import { alternativeRow, operationCallRow, type RowShape, readField } from "../format/rows.ts";
import { OPERATION_PREFIX, SITE_BYTES } from "../format/static-calls.ts";
import { type Clobbers, clobberKinds } from "../isa/index.ts";
import { place } from "./place.ts";

/** A place in a section. */
export interface Spot {
	/** Index. */
	readonly section: number;
	readonly offset: number;
}

interface Row extends Spot {
	/** Where the row itself is. */
	readonly row: Spot;
	/** Reserved for what takes the place. */
	readonly bytes: number;
	/** Settled already. */
	readonly done: boolean;
}

/** A row of the table of paravirt calls. */
export interface OperationCall extends Row {
	/** Symbol of the operation's word. */
	readonly symbol: number;
	/** As in the source: `readFlags`, not `__PV__readFlags`. */
	readonly operation: string;
	readonly clobbers: Clobbers;
}

/** A row of the table of alternatives. */
export interface Alternative extends Row {
	readonly feature: string;
	/** Whether the replacement is for machines with the feature; else for those without. */
	readonly wanted: boolean;
	readonly replacement: Spot;
	readonly replacementBytes: number;
}

/** In the order of the table. @throws LinkError for a row that says nothing of sense */
export function operationCalls(object: ElfObject): OperationCall[] {
	return rowsOf(object, operationCallRow, (row, field, number) => {
		const { symbol } = field("operation");
		const name = symbolName(object.symbols, symbol);
		const clobbers = clobberKinds[number("clobbers")];
		if (!name.startsWith(OPERATION_PREFIX) || clobbers === undefined)
			throw new LinkError(`${place(object, row.section, row.offset)}: no call of an operation is like that`);
		const operation = name.slice(OPERATION_PREFIX.length);
		const bytes = number("bytes");
		if (bytes < SITE_BYTES)
			throw new LinkError(
				`${place(object, row.section, row.offset)}: ${bytes} bytes are less than the ${SITE_BYTES} of a call`,
			);
		const at = spanOf(object, field("address"), bytes);
		return { ...at, row, symbol, operation, bytes, clobbers, done: number("done") !== 0 };
	});
}

/** In the order of the table, in which they are applied. @throws LinkError for a row that says nothing of sense */
export function alternatives(object: ElfObject): Alternative[] {
	return rowsOf(object, alternativeRow, (row, field, number) => {
		const name = textAt(object, field("feature"));
		const wanted = !name.startsWith("~");
		const [bytes, replacementBytes] = [number("bytes"), number("replacementBytes")];
		if (replacementBytes > bytes)
			throw new LinkError(
				`${place(object, row.section, row.offset)}: ${replacementBytes} bytes are to replace ${bytes}`,
			);
		const feature = wanted ? name : name.slice(1);
		const at = spanOf(object, field("address"), bytes);
		const replacement = spanOf(object, field("replacement"), replacementBytes);
		return { ...at, row, feature, wanted, bytes, replacement, replacementBytes, done: number("done") !== 0 };
	});
}

/** A relocated word: a symbol and what is added to it. */
interface Pointer {
	readonly symbol: number;
	readonly addend: number;
	readonly where: string;
}

/** @param read makes of a row what is asked for, from its relocated fields and from the others */
function rowsOf<Name extends string, T>(
	object: ElfObject,
	{ section: name, bytes, fields }: RowShape<Name>,
	read: (row: Spot, field: (name: Name) => Pointer, number: (name: Name) => number) => T,
): T[] {
	return object.sections.flatMap((each, section) => {
		if (each.name !== name) return [];
		const { data, relocations } = each;
		const origin = originOf(object, each);
		if (data.length % bytes !== 0)
			throw new LinkError(`${object.name}:(${name}): ${data.length} bytes are not whole rows`);
		const byOffset = new Map(Array.from(relocations?.offset ?? [], (at, i) => [at - origin, i]));
		const field = (at: number): Pointer => {
			const i = byOffset.get(at);
			const where = place(object, section, at);
			if (i === undefined) throw new LinkError(`${where}: nothing relocates this address`);
			return { symbol: relocations!.symbol[i]!, addend: relocations!.addend[i]!, where };
		};
		return Array.from({ length: data.length / bytes }, (_, i) => {
			const offset = i * bytes;
			return read(
				{ section, offset },
				(name) => field(offset + fields[name].at),
				(name) => readField(viewOf(data), origin, offset, fields[name]),
			);
		});
	});
}

/** The text that a field leads to, up to its zero. */
function textAt(object: ElfObject, pointer: Pointer): string {
	const { section, offset } = spanOf(object, pointer, 1);
	const { data } = object.sections[section]!;
	const end = data.indexOf(0, offset);
	if (end < 0) throw new LinkError(`${pointer.where}: leads to a text that nothing ends`);
	return new TextDecoder().decode(data.subarray(offset, end));
}

/** The place that a field leads to. @throws LinkError unless so many bytes of a section are there */
function spanOf(object: ElfObject, { symbol, addend, where }: Pointer, bytes: number): Spot {
	const { symbols, sections } = object;
	const section = symbols.section[symbol]!;
	const home = sections[section];
	const offset = symbols.value[symbol]! + addend - (home === undefined ? 0 : originOf(object, home));
	if (section === SHN_UNDEF || home === undefined || offset < 0 || offset >= home.data.length)
		throw new LinkError(`${where}: leads to no byte of this object`);
	if (offset + bytes > home.data.length)
		throw new LinkError(
			`${where}: ${bytes} bytes are to be at ${place(object, section, offset)}, and the section has ${home.data.length}`,
		);
	return { section, offset };
}
