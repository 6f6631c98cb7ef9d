// What may be replaced as a whole when a program is loaded must be whole: nobody jumps into the middle of it, and nobody
// else patches parts of it.

import { type ElfObject, SHF_ALLOC } from "../elf/object.ts";
import { LinkError } from "../errors.ts";
import { decode, encode, nops, R_TOY_ABS32 } from "../isa/index.ts";
import { ALTERNATIVES_SECTION, OPERATION_CALLS_SECTION, SITE_BYTES } from "../sites/index.ts";
import { bytesAt, type Image, sourcePlace } from "./image.ts";
import { isExecutable } from "./layout.ts";

interface Span {
	readonly address: number;
	readonly bytes: number;
}

/** Requires: a linked image. After: its load tables can be carried out. */
export function checkLoadTables(image: Image): void {
	for (const call of image.operationCalls) checkCall(image, call);
	const calls = image.operationCalls.filter(({ bytes }) => bytes > SITE_BYTES);
	const spans = [
		...new Map([...image.alternatives, ...calls].map((each) => [`${each.address} ${each.bytes}`, each])).values(),
	];
	if (spans.length === 0) return;
	const inside = insides(image, spans);
	checkPatched(image);
	for (const { elf } of image.parts) checkTargets(image, elf, inside);
}

function checkCall(image: Image, { address, bytes, operation, done }: Image["operationCalls"][number]): void {
	const there = bytesAt(image, address, bytes);
	const word = image.operations[operation]!.address;
	const wanted = [...encode("callm", { imm: word | 0 }), ...nops(bytes - SITE_BYTES)];
	if (done || (there !== undefined && wanted.every((byte, i) => there[i] === byte))) return;
	throw new LinkError(`${sourcePlace(image, address)}: is no call of operation '${image.operations[operation]!.name}'`);
}

/** For every byte behind the first of a span, the innermost span that it is in. */
function insides(image: Image, spans: readonly Span[]): Map<number, Span> {
	const inside = new Map<number, Span>();
	const sorted = spans.toSorted((a, b) => a.address - b.address || b.bytes - a.bytes);
	const open: Span[] = [];
	for (const span of sorted) {
		while (open.length > 0 && end(open.at(-1)!) <= span.address) open.pop();
		const around = open.at(-1);
		if (around !== undefined && end(around) < end(span))
			throw new LinkError(
				`${sourcePlace(image, span.address)}: begins inside ${nameOf(image, around)} and ends behind it`,
			);
		open.push(span);
		for (let at = span.address + 1; at < end(span); at++) inside.set(at, span);
	}
	return inside;
}

const end = ({ address, bytes }: Span) => address + bytes;

/** Calls and branches that are patched later would not find what they left, and a copy of one would not be patched. */
function checkPatched(image: Image): void {
	const { alternatives, sites, labels, entries, operationCalls } = image;
	const code = alternatives.map(({ address, bytes }): Span => ({ address, bytes }));
	const copied = alternatives.map((each): Span => ({ address: each.replacement, bytes: each.replacementBytes }));
	const refuse = (what: string, places: readonly { readonly address: number }[], spans: readonly Span[]): void => {
		for (const { address } of places)
			if (spans.some((span) => address < end(span) && address + SITE_BYTES > span.address))
				throw new LinkError(`${sourcePlace(image, address)}: ${what} is in an alternative, which may replace it`);
	};
	refuse("a static call", sites, [...code, ...copied]);
	refuse("a static branch", labels, [...code, ...copied]);
	refuse("a traced entry", entries, [...code, ...copied]);
	refuse("a call of an operation", operationCalls, copied);
}

/** Branches wherever they are, and addresses in data. */
function checkTargets(image: Image, elf: ElfObject, inside: ReadonlyMap<number, Span>): void {
	const check = (from: number, target: number): void => {
		const into = inside.get(target);
		if (into === undefined || (from >= into.address && from < end(into))) return;
		throw new LinkError(`${sourcePlace(image, from)}: leads into the middle of ${nameOf(image, into)}`);
	};
	for (const section of elf.sections) {
		if (isExecutable(section)) visitBranches(section, check);
		if ((section.flags & SHF_ALLOC) === 0 || [ALTERNATIVES_SECTION, OPERATION_CALLS_SECTION].includes(section.name))
			continue;
		const { relocations } = section;
		for (let i = 0; i < (relocations?.count ?? 0); i++) {
			if (relocations!.type[i] !== R_TOY_ABS32) continue;
			check(relocations!.offset[i]!, elf.symbols.value[relocations!.symbol[i]!]! + relocations!.addend[i]!);
		}
	}
}

function visitBranches(
	{ data, address }: ElfObject["sections"][number],
	visit: (from: number, to: number) => void,
): void {
	for (let at = 0; at < data.length; ) {
		const instruction = decode(data, at);
		const length = instruction?.length ?? 1;
		if (instruction?.row.format === "rel") visit(address + at, address + at + length + instruction.imm);
		at += length;
	}
}

function nameOf(image: Image, span: Span): string {
	const what = image.alternatives.some(({ address }) => address === span.address) ? "alternative" : "operation's call";
	return `the ${what} at ${sourcePlace(image, span.address)}`;
}
