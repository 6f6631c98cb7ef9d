// The patched branches of an object or an image as rows of `patchbay sites`.

import { type ElfObject, type Relocations, symbolName } from "../../linker/elf/index.ts";
import { LinkError } from "../../linker/errors.ts";
import { labelRow, rowStarts } from "../../linker/format/rows.ts";
import { hex } from "../../linker/hex.ts";
import { type Image, placeOf } from "../../linker/link/image.ts";
import { EXPECTED, INIT, LABELS_SECTION, SITE_BYTES, STATIC_KEY_PREFIX } from "../../linker/sites/index.ts";
import { type DescribePlace, describeAddress } from "./describe-places.ts";
import type { ListedSite } from "./site-list.ts";

/** The patched branches of an object, in the order of their table. */
export function objectLabels(object: ElfObject, describe: DescribePlace): ListedSite[] {
	return object.sections.flatMap(({ name, relocations, size }) => {
		if (name !== LABELS_SECTION || relocations === undefined) return [];
		return rowStarts(labelRow, size).map((row): ListedSite => {
			const [code, target, key] = (["address", "target", "key"] as const).map((field) =>
				aimOf(object, relocations, row + labelRow.fields[field].at),
			);
			const { section, offset } = code!;
			const { flags } = key!;
			return {
				key: key!.symbol.slice(STATIC_KEY_PREFIX.length),
				kind: "label",
				init: (flags & INIT) !== 0,
				...describe(section, offset, SITE_BYTES),
				target: describe(target!.section, target!.offset, 0).symbol,
				via: undefined,
				jumps: (flags & EXPECTED) !== 0 ? "off" : "on",
			};
		});
	});
}

/** What the relocation of a field points to. */
function aimOf({ name, symbols, sections }: ElfObject, { offset, symbol, addend }: Relocations, field: number) {
	const i = offset.indexOf(field);
	const at = symbol[i];
	if (at === undefined || sections[symbols.section[at]!] === undefined)
		throw new LinkError(`${name}:(${LABELS_SECTION}+${hex(field)}): nothing relocates this to a place of the object`);
	return {
		symbol: symbolName(symbols, at),
		section: symbols.section[at]!,
		offset: symbols.value[at]! + addend[i]!,
		flags: addend[i]!,
	};
}

/** The patched branches of an image, in the order of addresses. */
export function imageLabels(image: Image): ListedSite[] {
	const sorted = image.labels.toSorted((a, b) => a.address - b.address);
	return sorted.map(({ address, target, expected, key, init }) => ({
		key: image.staticKeys[key]!.name,
		kind: "label",
		init,
		...describeAddress(image, address, SITE_BYTES),
		target: placeOf(image, target),
		via: undefined,
		jumps: expected ? "off" : "on",
	}));
}
