// What tests of the linker ask of images.

import { expect } from "vitest";
import { assemble } from "../../linker/compile/assemble.ts";
import { decode, relocationTypes, rowOf } from "../../linker/isa/index.ts";
import { bytesAt, type Image, type LinkOptions, link } from "../../linker/link/index.ts";
import { describeSite, SITE_BYTES } from "../../linker/sites/index.ts";

export function build(sources: Record<string, string>, options: LinkOptions = {}): Image {
	return link(
		Object.entries(sources).map(([file, source]) => assemble(source, { file })),
		options,
	);
}

export function addressOf(image: Image, name: string): number {
	const symbol = image.symbolNamed(name);
	expect(symbol, name).toBeDefined();
	return symbol!.address;
}

/** Where the CALL, JMP or Jcc at an address ends up, through a thunk if it takes one. */
export function destination(image: Image, address: number): number {
	const form = describeSite(bytesAt(image, address, SITE_BYTES)!, address);
	expect(form).toHaveProperty("destination");
	const { destination } = form as { destination: number };
	return throughThunk(image, destination) ?? destination;
}

export function throughThunk(image: Image, address: number): number | undefined {
	const bytes = bytesAt(image, address, 8);
	const move = bytes && decode(bytes, 0);
	if (move?.row !== rowOf("movi") || move.a !== 14 || decode(bytes!, 6)?.row !== rowOf("jmpr")) return undefined;
	return move.imm >>> 0;
}

export function thunksOf(image: Image): string[] {
	return image.symbols.filter(({ name }) => name.startsWith("__thunk_")).map(({ name }) => name);
}

/** Every kept relocation, computed again from the image alone, must give the bytes that are there. Returns how many there
 * are beside those of line tables. */
export function checkKeptRelocations({ elf }: Image): number {
	let checked = 0;
	for (const { name, relocations, address, data } of elf.sections) {
		const view = new DataView(data.buffer, data.byteOffset, data.length);
		for (let i = 0; i < (relocations?.count ?? 0); i++) {
			const type = relocationTypes[relocations!.type[i]!]!;
			const place = relocations!.offset[i]!;
			if (type.formula === "none") continue;
			const target = elf.symbols.value[relocations!.symbol[i]!]! + relocations!.addend[i]!;
			const value = type.formula === "S + A" ? target : target - place;
			expect(value | 0).toBe(type.read(view, place - address) | 0);
			if (name !== ".debug_line") checked++;
		}
	}
	return checked;
}

export const main = ".global main\nmain: ";

export const calls = `${main}
	call __SCT__pick
	jlt __SCT__pick
	jmp __SCT__pick
	.section .init.text, "ax"
setup:	call __SCT__pick
	ret`;
