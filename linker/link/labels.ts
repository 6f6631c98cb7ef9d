// Static keys, the branches that follow them, and the entries of functions: read from an executable's symbols and
// tables, and bound when it is linked.

import type { Section } from "../elf/object.ts";
import { viewOf } from "../elf/words.ts";
import { LinkError } from "../errors.ts";
import { entryRow, isWhole, labelRow, type RowShape, readField, rowStarts } from "../format/rows.ts";
import { isInit } from "../format/static-calls.ts";
import { hex } from "../hex.ts";
import { EXPECTED, enabledAt, FLAGS, INIT, LABELS_SECTION, labelBytes, reaches, SITE_BYTES } from "../sites/index.ts";
import { bytesAt, type Image, type ImageEntry, type ImageLabel, type ImageStaticKey, wordAt } from "./image.ts";
import type { Part } from "./part.ts";
import type { Loaded, NamedKey } from "./static-calls.ts";

type Labels = Pick<Image, "staticKeys" | "labels">;

/** @param found static keys by symbol, sorted by address */
export function readLabels(parts: readonly Part[], found: readonly NamedKey[], memory: Loaded): Labels {
	const index = new Map(found.map(({ address }, i) => [address, i]));
	const labels = rowsOf(parts, labelRow).flatMap((row) => readLabel(row, memory, index) ?? []);
	labels.sort((a, b) => a.key - b.key || a.address - b.address);
	const indices: number[][] = found.map(() => []);
	for (const [i, { key }] of labels.entries()) indices[key]!.push(i);
	return { labels, staticKeys: found.map((key, i) => readStaticKey(memory, key, indices[i]!)) };
}

/** After: these branches are as their keys are at the start, whatever their objects thought of the keys. */
export function bindLabels(
	{ staticKeys, segments }: Pick<Image, "staticKeys"> & Loaded,
	labels: readonly ImageLabel[],
): void {
	for (const label of labels) {
		const bytes = bytesAt({ segments }, label.address, SITE_BYTES)!;
		bytes.set(labelBytes(label, staticKeys[label.key]!.users > 0));
	}
}

/** Addresses of functions that begin with NOP5, ascending. */
export function readEntries(parts: readonly Part[]): ImageEntry[] {
	const entries = rowsOf(parts, entryRow).map(({ part, section, at }) => {
		const address = readField(viewOf(section.data), section.address, at, entryRow.fields.address);
		return { address, init: isInInit(part, address), freed: part.initFreed };
	});
	const there = entries.filter(({ init, freed }) => !(init && freed));
	return there.map(({ address, init }) => ({ address, init })).sort((a, b) => a.address - b.address);
}

function isInInit({ elf: { sections } }: Part, address: number): boolean {
	return sections.some((each) => isInit(each) && address >= each.address && address < each.address + each.size);
}

interface Row {
	readonly part: Part;
	readonly section: Section;
	/** Offset. */
	readonly at: number;
}

function rowsOf(parts: readonly Part[], shape: RowShape): Row[] {
	return parts.flatMap((part) =>
		part.elf.sections.flatMap((section): Row[] => {
			if (section.name !== shape.section) return [];
			const { length } = section.data;
			if (!isWhole(shape, length))
				throw new LinkError(`${part.elf.name}:(${shape.section}): ${length} bytes are not whole rows`);
			return rowStarts(shape, length).map((at) => ({ part, section, at }));
		}),
	);
}

/** Undefined for a label in init text that was freed. */
function readLabel(
	{ part: { elf, initFreed }, section, at }: Row,
	memory: Loaded,
	index: ReadonlyMap<number, number>,
): ImageLabel | undefined {
	const view = viewOf(section.data);
	const field = (name: keyof typeof labelRow.fields) => readField(view, section.address, at, labelRow.fields[name]);
	const flagged = field("key");
	if (initFreed && (flagged & INIT) !== 0) return undefined;
	const key = index.get(flagged - (flagged & FLAGS));
	const where = `${elf.name}:(${LABELS_SECTION}+${hex(at)})`;
	if (key === undefined) throw new LinkError(`${where}: no static key is at ${hex(flagged)}`);
	const expected = (flagged & EXPECTED) !== 0;
	const label = { address: field("address"), target: field("target"), expected, key, init: (flagged & INIT) !== 0 };
	const bytes = bytesAt(memory, label.address, SITE_BYTES);
	if (!reaches(label.address, label.target))
		throw new LinkError(`${where}: ${hex(label.target)} is out of reach of a JMP at ${hex(label.address)}`);
	if (bytes === undefined || enabledAt(bytes, label) === undefined)
		throw new LinkError(`${where}: ${hex(label.address)} holds neither NOP5 nor a JMP to the label`);
	return label;
}

function readStaticKey(memory: Loaded, { name, address, from }: NamedKey, labels: readonly number[]): ImageStaticKey {
	const [users, initial] = [wordAt(memory, address), wordAt(memory, address + 4)];
	if (users === undefined || initial === undefined || (address & FLAGS) !== 0)
		throw new LinkError(`${from}: static key '${name}' at ${hex(address)} is not two aligned words`);
	return { name, address, users, initial, labels };
}
