// The linker: resolution, layout, thunks, relocation, static calls in each mode, and what images say of themselves.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assemble } from "../../linker/compile/assemble.ts";
import {
	alignSection,
	append,
	defineSymbol,
	type ElfObject,
	ET_EXEC,
	fileSymbol,
	finish,
	newObject,
	readElf,
	reference,
	relocate,
	SHF_ALLOC,
	SHN_ABS,
	SHN_COMMON,
	SHT_NOBITS,
	STB_GLOBAL,
	STB_LOCAL,
	STB_WEAK,
	STT_FUNC,
	section,
	sectionByName,
	symbolName,
	writeElf,
} from "../../linker/elf/index.ts";
import { LinkError } from "../../linker/errors.ts";
import {
	decode,
	EM_TOY,
	encode,
	R_TOY_ABS32,
	R_TOY_CALL28,
	R_TOY_JUMP28,
	R_TOY_NONE,
	REL_MAX,
	REL_MIN,
	relocationTypes,
	rowOf,
} from "../../linker/isa/index.ts";
import {
	bytesAt,
	type Image,
	type LinkOptions,
	link,
	map,
	readImage,
	type StaticCallMode,
	staticCallModes,
	TEXT_BASE,
	wordAt,
} from "../../linker/link/index.ts";
import { idOf, intern, nameOf, newNameTable } from "../../linker/link/names.ts";
import { collectSites, currentTarget, describeSite, SITE_BYTES } from "../../linker/sites/index.ts";

/** Assembles each `name: source` and links them in that order. */
function build(sources: Record<string, string>, options: LinkOptions = {}): Image {
	return link(
		Object.entries(sources).map(([file, source]) => assemble(source, { file })),
		options,
	);
}

function addressOf(image: Image, name: string): number {
	const symbol = image.symbolNamed(name);
	expect(symbol, name).toBeDefined();
	return symbol!.address;
}

/** Where the CALL, JMP or Jcc at an address ends up, through a thunk if it takes one. */
function destination(image: Image, address: number): number {
	const form = describeSite(bytesAt(image, address, SITE_BYTES)!, address);
	expect(form).toHaveProperty("destination");
	const { destination } = form as { destination: number };
	return throughThunk(image, destination) ?? destination;
}

function throughThunk(image: Image, address: number): number | undefined {
	const bytes = bytesAt(image, address, 8);
	const move = bytes && decode(bytes, 0);
	if (move?.row !== rowOf("movi") || move.a !== 14 || decode(bytes!, 6)?.row !== rowOf("jmpr")) return undefined;
	return move.imm >>> 0;
}

function thunksOf(image: Image): string[] {
	return image.symbols.filter(({ name }) => name.startsWith("__thunk_")).map(({ name }) => name);
}

/** Every kept relocation, computed again from the image alone, must give the bytes that are there. Returns how many there
 * are beside those of line tables. */
function checkKeptRelocations({ elf }: Image): number {
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

const main = ".global main\nmain: ";

describe("names", () => {
	test("are the same exactly when their bytes are, wherever they lie in a table and however many there are", () => {
		const name = fc.array(fc.constantFrom(0x61, 0x62, 0x01, 0x80, 0x81, 0xff), { maxLength: 9 });
		fc.assert(
			fc.property(fc.array(fc.array(name, { minLength: 1, maxLength: 60 }), { maxLength: 8 }), (tables) => {
				const table = newNameTable(0);
				const ids = new Map<string, number>();
				for (const names of tables) {
					const offsets = names.map((_, i) => names.slice(0, i).reduce((sum, each) => sum + each.length + 1, 1));
					const strings = Uint8Array.from([0, ...names.flatMap((each) => [...each, 0])]).subarray(0, -1);
					const found = new Uint32Array(names.length);
					intern(table, strings, Uint32Array.from(offsets), Uint32Array.from(names.keys()), found);
					for (const [i, each] of names.entries()) {
						const text = each.join();
						if (!ids.has(text)) ids.set(text, ids.size);
						expect(found[i]).toBe(ids.get(text));
					}
				}
				expect(table.count).toBe(ids.size);
			}),
		);
	});

	test("are found by their text", () => {
		const table = newNameTable(0);
		const strings = new TextEncoder().encode("main\0größe\0");
		intern(table, strings, Uint32Array.of(0, 5, 1), Uint32Array.of(0, 1, 2), new Uint32Array(3));
		expect(["main", "größe", "ain", "mai", "mainx", ""].map((name) => idOf(table, name))).toEqual([
			0, 1, 2, -1, -1, -1,
		]);
		expect([0, 1, 2].map((id) => nameOf(table, id))).toEqual(["main", "größe", "ain"]);
	});

	test("stay apart where hashes collide: of so many names some do", () => {
		const table = newNameTable(10);
		const count = 200_000;
		const strings = new TextEncoder().encode(Array.from({ length: count }, (_, i) => `n${1_000_000 + i}`).join("\0"));
		const offsets = Uint32Array.from({ length: count }, (_, i) => i * 9);
		for (let round = 0; round < 2; round++) {
			const found = new Uint32Array(count);
			intern(
				table,
				strings,
				offsets,
				offsets.map((_, i) => i),
				found,
			);
			expect(found).toEqual(offsets.map((_, i) => i));
		}
		expect(idOf(table, "n1199999")).toBe(count - 1);
	});
});

describe("resolution", () => {
	const value = (image: Image, name: string) => destination(image, addressOf(image, name));

	test("a strong definition beats weak ones, the first weak one the others", () => {
		const weak = (name: string) => `.weak f, g\n.global ${name}\n${name}: nop\nf: ret\ng: ret`;
		const image = build({
			"m.s": `${main}call f\n call g`,
			"a.s": weak("a"),
			"b.s": weak("b"),
			"c.s": ".global f, c\nc: nop\nf: ret",
		});
		expect(value(image, "main")).toBe(addressOf(image, "c") + 1);
		expect(destination(image, addressOf(image, "main") + 5)).toBe(addressOf(image, "a") + 2);
	});

	test("a local symbol is its own object's", () => {
		const image = build({ "m.s": `${main}call f\nf: ret`, "a.s": ".global a\na: call f\n.global f\nf: ret" });
		expect(value(image, "main")).toBe(addressOf(image, "main") + 5);
		expect(value(image, "a")).toBe(addressOf(image, "a") + 5);
	});

	test("a weak symbol that nobody defines is at 0", () => {
		const image = build({ "m.s": `${main}movi r0, f\n.weak f` });
		expect(wordAt(image, addressOf(image, "main") + 2)).toBe(0);
	});

	test("an import that nothing uses need not exist", () => {
		const builder = newObject("a.o", EM_TOY);
		reference(builder, "nowhere");
		expect(() => link([finish(builder), assemble(`${main}ret`, { file: "m.s" })])).not.toThrow();
	});

	test("symbols may be absolute, and in sections that turn out empty", () => {
		const builder = newObject("a.o", EM_TOY);
		defineSymbol(builder, "port", { section: SHN_ABS, value: 0x1234, binding: STB_GLOBAL });
		defineSymbol(builder, "end", { section: section(builder, ".data.none"), value: 0, binding: STB_GLOBAL });
		const image = link([assemble(`${main}movi r0, port\n movi r1, end`, { file: "m.s" }), finish(builder)]);
		expect(wordAt(image, addressOf(image, "main") + 2)).toBe(0x1234);
		expect(checkKeptRelocations(image)).toBe(3);
	});
});

describe("layout", () => {
	const source = `${main}ret
	.section .text.hot, "ax"
	ret
	.section .init.text, "ax"
	ret
	.rodata
	.word 1
	.data
	.word 2
	.bss
	.zero 5000
	.section .tables, "a"
	.align 64
	.word 3
	.section .notes
	.word 4`;

	test("orders sections and keeps permissions and init text on pages of their own", () => {
		const image = build({ "a.s": source });
		const loaded = image.elf.sections.filter(({ flags }) => (flags & SHF_ALLOC) !== 0);
		expect(loaded.map(({ name, address }) => [name, address])).toEqual([
			[".text", TEXT_BASE],
			[".text.hot", TEXT_BASE + 7],
			[".init.text", 0x401000],
			[".rodata", 0x402000],
			[".tables", 0x402040],
			[".data", 0x403000],
			[".bss", 0x403004],
		]);
		expect(
			image.segments.map(({ address, memorySize, data, writable, executable }) => [
				address,
				memorySize,
				data.length,
				writable,
				executable,
			]),
		).toEqual([
			[0x400000, 8, 8, false, true],
			[0x401000, 1, 1, false, true],
			[0x402000, 0x44, 0x44, false, false],
			[0x403000, 5004, 4, true, false],
		]);
		expect(sectionByName(image.elf, ".notes")!.address).toBe(0);
	});

	test("joins sections of one name, aligned, with traps in the gaps of text", () => {
		const a = ".global a\n.align 16\na: ret";
		const image = build({ "m.s": `${main}ret`, "a.s": a });
		expect(addressOf(image, "a")).toBe(TEXT_BASE + 16);
		expect([...bytesAt(image, TEXT_BASE, 17)!]).toEqual([
			...encode("ret"),
			...new Array(15).fill(encode("brk")[0]),
			...encode("ret"),
		]);
	});

	test("does not fill the gap before a section with a large alignment", () => {
		const image = build({ "a.s": `${main}ret\n.data\n.word 1\n.section .data.far, "aw"\n.align 65536\n.word 2` });
		expect(image.segments.map(({ address, data }) => [address, data.length])).toEqual([
			[0x400000, 7],
			[0x401000, 4],
			[0x410000, 4],
		]);
	});

	test("puts sections where it is told, and text where it is told", () => {
		const image = build({ "a.s": source }, { textBase: 0x10000, sectionStart: new Map([[".rodata", 0x700000]]) });
		expect(addressOf(image, "main")).toBe(0x10000);
		expect(sectionByName(image.elf, ".rodata")!.address).toBe(0x700000);
		expect(sectionByName(image.elf, ".tables")!.address).toBe(0x12000);
	});

	test("zeros among bytes of one section become bytes", () => {
		const builder = newObject("z.o", EM_TOY);
		section(builder, ".data", { type: SHT_NOBITS }).size = 8;
		const image = link([finish(builder), assemble(`${main}ret\n.data\n.global d\nd: .word 7`, { file: "m.s" })]);
		expect(wordAt(image, addressOf(image, "d"))).toBe(7);
		expect(wordAt(image, addressOf(image, "d") - 8)).toBe(0);
	});
});

/** One relocation of a type in data at 0x700004, with a symbol and addend that make its value `value`. */
function withValue(type: number, value: number): ElfObject[] {
	const { formula } = relocationTypes[type]!;
	const builder = newObject("a.o", EM_TOY);
	const data = section(builder, ".data");
	append(data, new Uint8Array(12));
	const zero = defineSymbol(builder, "zero", { section: SHN_ABS, value: 0, binding: STB_GLOBAL });
	relocate(data, 4, type, zero, value + (formula === "S + A - P" ? 0x700004 : 0));
	return [finish(builder), assemble(`${main}ret`, { file: "m.s" })];
}

const dataAt = { sectionStart: new Map([[".data", 0x700000]]) };

describe("relocation", () => {
	const limits = relocationTypes
		.filter(({ size }) => size > 0)
		.flatMap(({ type, name, min, max }) => [
			{ name, type, value: min, fits: true },
			{ name, type, value: max, fits: true },
			{ name, type, value: min - 1, fits: false },
			{ name, type, value: max + 1, fits: false },
		]);
	test.each(limits)("$name of $value fits: $fits", ({ name, type, value, fits }) => {
		const { min, max, read } = relocationTypes[type]!;
		if (!fits) {
			const message = `a.o:(.data+0x4): relocation ${name} against 'zero' out of range: ${value} is not in [${min}, ${max + 1})`;
			expect(() => link(withValue(type, value), dataAt)).toThrow(message);
			return;
		}
		const image = link(withValue(type, value), dataAt);
		const { data } = sectionByName(image.elf, ".data")!;
		expect(read(new DataView(data.buffer, data.byteOffset), 4)).toBe(value | 0);
		expect([...data.subarray(0, 4), ...data.subarray(8)]).toEqual(new Array(8).fill(0));
		expect(checkKeptRelocations(image)).toBe(2);
	});

	test("keeps the condition of a conditional jump", () => {
		const image = build({ "a.s": `${main}jugt f\n.align 16\nf: ret` });
		expect(describeSite(bytesAt(image, TEXT_BASE, 5)!, TEXT_BASE)).toEqual({
			form: "jcc",
			condition: 10,
			destination: TEXT_BASE + 16,
		});
	});

	test("of type NONE changes nothing", () => {
		const [object, other] = withValue(R_TOY_NONE, 0);
		expect(bytesAt(link([object!, other!], dataAt), 0x700004, 4)).toEqual(new Uint8Array(4));
	});
});

/** A call, jump or conditional jump at 0x20000000 to a function `displacement` bytes behind its end. */
function farCall(instruction: string, displacement: number): Image {
	const call = 0x20000000;
	const sources = {
		"m.s": `${main}ret`,
		"a.s": `.section .text.a, "ax"\n${instruction} f`,
		"b.s": '.section .text.b, "ax"\n.global f\nf: ret',
	};
	const starts = { ".text.a": call, ".text.b": call + SITE_BYTES + displacement };
	return build(sources, { sectionStart: new Map(Object.entries(starts)) });
}

describe("thunks", () => {
	const edges = ["call", "jmp", "jle"].flatMap((instruction) =>
		[REL_MIN - 1, REL_MIN, REL_MAX, REL_MAX + 1].map((displacement) => ({ instruction, displacement })),
	);
	test.each(edges)("$instruction over $displacement bytes", ({ instruction, displacement }) => {
		const image = farCall(instruction, displacement);
		const fits = displacement >= REL_MIN && displacement <= REL_MAX;
		expect(thunksOf(image)).toEqual(fits ? [] : ["__thunk_f"]);
		expect(destination(image, 0x20000000)).toBe(addressOf(image, "f"));
		expect(checkKeptRelocations(image)).toBe(fits ? 2 : 3);
	});

	test("are shared by the calls of one group, and every group has its own", () => {
		const calls = (name: string) =>
			`.section .text.${name}, "ax"\n.global ${name}\n${name}: call far\n jeq far\n jmp near`;
		const far = '.section .text.far, "ax"\n.global far\nfar: ret';
		const image = build(
			{ "m.s": `${main}call a\n call b\n.global near\nnear: ret`, "a.s": calls("a"), "b.s": calls("b"), "far.s": far },
			{
				sectionStart: new Map([
					[".text.far", 0x30000000],
					[".text.b", 0x10000000],
				]),
			},
		);
		expect(thunksOf(image)).toEqual(["__thunk_b", "__thunk_far", "__thunk_far", "__thunk_near"]);
		for (const name of ["a", "b"]) {
			const at = addressOf(image, name);
			expect([0, 5, 10].map((offset) => image.symbolize(destination(image, at + offset)))).toEqual([
				"far",
				"far",
				"near",
			]);
		}
	});

	/** An object with much text that starts with a call of main. */
	function large(name: string, mebibytes = 90): ElfObject {
		const object = assemble(`.global ${name}\n${name}: call main`, { file: `${name}.s` });
		const data = new Uint8Array(mebibytes * 2 ** 20);
		const text = object.sections.find(({ relocations }) => relocations !== undefined)!;
		data.set(text.data);
		const sections = object.sections.map((each) => (each === text ? { ...each, data, size: data.length } : each));
		return { ...object, sections };
	}

	test("lie between sections where text is longer than a call can reach", () => {
		const image = link([assemble(`${main}call a\n call c`, { file: "m.s" }), large("a"), large("b"), large("c")]);
		expect(thunksOf(image)).toEqual(["__thunk_c", "__thunk_main"]);
		expect(destination(image, addressOf(image, "main") + 5)).toBe(addressOf(image, "c"));
		for (const name of ["a", "b", "c", "_start"])
			expect(destination(image, addressOf(image, name))).toBe(addressOf(image, "main"));
		expect(addressOf(image, "__thunk_c")).toBeLessThan(addressOf(image, "b"));
	});

	test("are out of reach themselves where one section is longer than a call can reach", () => {
		expect(() => link([large("a", 140), assemble(`${main}ret`, { file: "m.s" })])).toThrow(
			"a.s:(.text+0x1): relocation R_TOY_CALL28 against 'main' out of range: 146800635 is not in [-134217728, 134217728)",
		);
	});

	test("carry a call into the middle of a function there", () => {
		const image = build(
			{ "m.s": `${main}call far+1`, "far.s": '.section .text.far, "ax"\n.global far\nfar: nop\n ret' },
			{ sectionStart: new Map([[".text.far", 0x30000000]]) },
		);
		expect(destination(image, addressOf(image, "main"))).toBe(0x30000001);
	});
});

const calls = `${main}
	call __SCT__pick
	jlt __SCT__pick
	jmp __SCT__pick
	.section .init.text, "ax"
setup:	call __SCT__pick
	ret`;

describe("static calls", () => {
	const at = (image: Image, offset: number) =>
		describeSite(bytesAt(image, addressOf(image, "main") + offset, SITE_BYTES)!, addressOf(image, "main") + offset);
	const withDefault = (target: string, staticCalls: StaticCallMode) =>
		build({ "m.s": calls, "k.s": `fifo: ret\n.static_call pick, ${target}\n.global pick` }, { staticCalls });

	test("inline: sites have the form of the default, and NONE relocations that name the trampoline", () => {
		const image = withDefault("fifo", "inline");
		const fifo = addressOf(image, "fifo");
		expect([0, 5, 10].map((offset) => at(image, offset))).toEqual([
			{ form: "call", condition: 0, destination: fifo },
			{ form: "jcc", condition: 3, destination: fifo },
			{ form: "jmp", condition: 0, destination: fifo },
		]);
		const { relocations } = sectionByName(image.elf, ".text")!;
		const ofSites = [...relocations!.offset.keys()].filter((i) => relocations!.type[i] === R_TOY_NONE);
		expect(ofSites.map((i) => symbolName(image.elf.symbols, relocations!.symbol[i]!))).toEqual(
			new Array(3).fill("__SCT__pick"),
		);
	});

	test("inline: null and ret0 defaults", () => {
		const nulls = withDefault("null", "inline");
		expect([0, 5, 10].map((offset) => at(nulls, offset))).toEqual([
			{ form: "nop" },
			{ form: "jcc", condition: 3, destination: nulls.stubs.return },
			{ form: "ret" },
		]);
		const zeros = withDefault("ret0", "inline");
		expect([0, 5, 10].map((offset) => at(zeros, offset))).toEqual([
			{ form: "ret0" },
			{ form: "jcc", condition: 3, destination: zeros.stubs.return0 },
			{ form: "jmp", condition: 0, destination: zeros.stubs.return0 },
		]);
	});

	test.each(["trampoline", "pointer"] as const)("%s: sites call the trampoline", (mode) => {
		const image = withDefault("fifo", mode);
		const trampoline = addressOf(image, "__SCT__pick");
		for (const offset of [0, 5, 10]) expect(destination(image, addressOf(image, "main") + offset)).toBe(trampoline);
		const instruction = decode(bytesAt(image, trampoline, 5)!, 0)!;
		if (mode === "trampoline") expect(destination(image, trampoline)).toBe(addressOf(image, "fifo"));
		else expect([instruction.row.mnemonic, instruction.imm]).toEqual(["jmpm", addressOf(image, "__SCK__pick")]);
	});

	test.each([
		["null", 0],
		["ret0", "__static_call_return0"],
		["fifo", "fifo"],
	] as const)("pointer with default %s: the key's word is a function in any case", (target, name) => {
		const image = withDefault(target, "pointer");
		const key = addressOf(image, "__SCK__pick");
		const expected = name === 0 ? 0 : addressOf(image, name);
		expect(wordAt(image, key)).toBe(name === 0 ? image.stubs.return : expected);
		expect(wordAt(image, key + 4)).toBe(expected);
		expect(image.keys[0]).toMatchObject({ initial: expected, default: expected, nullable: target === "null" });
		expect(checkKeptRelocations(image)).toBeGreaterThan(0);
	});

	test.each(staticCallModes)("%s: the image describes keys and sites", (mode) => {
		const image = withDefault("fifo", mode);
		const [main, setup, fifo] = ["main", "setup", "fifo"].map((name) => addressOf(image, name)) as [
			number,
			number,
			number,
		];
		expect(image.mode).toBe(mode);
		expect(image.keys).toEqual([
			{
				name: "pick",
				address: addressOf(image, "__SCK__pick"),
				trampoline: addressOf(image, "__SCT__pick"),
				default: fifo,
				initial: fifo,
				nullable: false,
				signature: undefined,
				sites: [0, 1, 2, 3],
			},
		]);
		expect(image.sites).toEqual([
			{ address: main, key: 0, kind: "call", condition: 0, init: false, length: 5 },
			{ address: main + 5, key: 0, kind: "conditional", condition: 3, init: false, length: 5 },
			{ address: main + 10, key: 0, kind: "tail", condition: 0, init: false, length: 5 },
			{ address: setup, key: 0, kind: "call", condition: 0, init: true, length: 5 },
		]);
	});

	test("the table in the image has absolute keys with flags in their low bits, sorted", () => {
		const other =
			".global other\nother: call __SCT__b\n call __SCT__a\n jmp __SCT__b\n.static_call b, other\n.static_call a, other\n.global a, b";
		const image = build({ "m.s": `${main}call __SCT__a\n call other`, "o.s": other });
		const table = sectionByName(image.elf, ".static_call_sites")!;
		const rows = Array.from({ length: table.size / 8 }, (_, i) => {
			const field = (k: number) => table.address + 8 * i + k + (wordAt(image, table.address + 8 * i + k)! | 0);
			return [field(4), field(0)];
		});
		const [a, b, o] = ["__SCK__a", "__SCK__b", "other"].map((name) => addressOf(image, name)) as [
			number,
			number,
			number,
		];
		expect(rows).toEqual(
			[
				[b, o],
				[b + 1, o + 10],
				[a, addressOf(image, "main")],
				[a, o + 5],
			].sort((x, y) => (x[0]! & ~3) - (y[0]! & ~3) || x[1]! - y[1]!),
		);
		expect(checkKeptRelocations(image)).toBeGreaterThan(8);
	});

	test.each(["with", "without"])(
		"local keys of one name in two objects %s file names keep to their own trampolines",
		(files) => {
			const object = (name: string) => {
				const source = `.global ${name}\n${name}: call __SCT__pick\n ret\nown_${name}: ret\n.static_call pick, own_${name}`;
				const made = assemble(source, { file: `${name}.s` });
				if (files === "without") made.symbols.info[1] = STB_LOCAL << 4;
				return made;
			};
			const image = link([assemble(`${main}call a\n call b`, { file: "m.s" }), object("a"), object("b")]);
			expect(image.keys.map(({ name }) => name)).toEqual(["pick", "pick"]);
			for (const [i, owner] of ["a", "b"].entries()) {
				const { trampoline, initial, sites } = image.keys[i]!;
				expect(destination(image, trampoline)).toBe(addressOf(image, `own_${owner}`));
				expect(initial).toBe(addressOf(image, `own_${owner}`));
				expect(sites.map((index) => image.sites[index]!.address)).toEqual([addressOf(image, owner)]);
			}
		},
	);

	test("a site out of reach of its target calls the trampoline, a far target is called directly from afar", () => {
		const far = '.section .text.far, "ax"\n.global far\nfar: ret\n.global user\nuser: call __SCT__pick';
		const image = build(
			{ "m.s": `${main}call __SCT__pick\n.static_call pick, far\n.global pick`, "f.s": far },
			{ sectionStart: new Map([[".text.far", 0x30000000]]) },
		);
		expect(destination(image, addressOf(image, "main"))).toBe(addressOf(image, "__SCT__pick"));
		expect(destination(image, addressOf(image, "__SCT__pick"))).toBe(addressOf(image, "far"));
		expect(at(image, addressOf(image, "user") - addressOf(image, "main"))).toMatchObject({
			destination: addressOf(image, "far"),
		});
	});

	test.each(staticCallModes)("%s: patchable functions are static calls of their own name", (staticCalls) => {
		const sources = {
			"m.s": `${main}call fifo\n movi r1, fifo\n jmp fifo`,
			"f.s": ".global fifo\nfifo: nop\n jne fifo\n ret",
		};
		const image = build(sources, { staticCalls, patchable: ["fifo"] });
		const fifo = addressOf(image, "fifo");
		const { trampoline } = image.keys[0]!;
		expect(image.keys).toMatchObject([{ name: "fifo", default: fifo, initial: fifo, sites: [0, 1, 2] }]);
		expect(image.sites.map(({ kind }) => kind)).toEqual(["call", "tail", "conditional"]);
		for (const { address } of image.sites)
			expect(destination(image, address)).toBe(staticCalls === "inline" ? fifo : trampoline);
		expect(wordAt(image, addressOf(image, "main") + 7)).toBe(fifo);
	});

	test("objects may be collected before they are linked", () => {
		const objects = Object.entries({ "m.s": calls, "k.s": "fifo: ret\n.static_call pick, fifo\n.global pick" });
		const made = objects.map(([file, source]) => assemble(source, { file }));
		expect(link(made.map((object) => collectSites(object))).elf).toEqual(link(made).elf);
	});

	test("stubs are there exactly when there are static calls", () => {
		expect(build({ "m.s": `${main}ret` }).stubs).toEqual({ return: 0, return0: 0 });
		const { stubs, symbolize } = withDefault("fifo", "inline");
		expect([stubs.return, stubs.return0].map(symbolize)).toEqual(["__static_call_return", "__static_call_return0"]);
	});
});

describe("supplied code", () => {
	test("starts by calling main, and a program may bring its own start", () => {
		const image = build({ "m.s": `${main}ret` });
		expect(image.symbolize(image.entry)).toBe("_start");
		expect(destination(image, image.entry)).toBe(addressOf(image, "main"));
		const own = build({ "m.s": ".global _start, go\n_start: hlt\ngo: hlt" });
		expect(own.entry).toBe(TEXT_BASE);
		expect(build({ "m.s": ".global go\nnop\ngo: hlt" }, { entry: "go" }).entry).toBe(TEXT_BASE + 1);
	});

	test("has a retpoline where indirect calls ask for one", () => {
		const image = build({ "m.s": `${main}call __indirect_thunk_r14` });
		const thunk = addressOf(image, "__indirect_thunk_r14");
		const names: string[] = [];
		for (let at = thunk; names.at(-1) !== "ret"; at += decode(bytesAt(image, at, 6)!, 0)!.length)
			names.push(decode(bytesAt(image, at, 6)!, 0)!.row.mnemonic);
		expect(names).toEqual(["call", "nop", "jmp", "st", "ret"]);
		expect(destination(image, thunk)).toBe(thunk + 11);
		expect(destination(image, thunk + 6)).toBe(thunk + 5);
	});
});

/** A `.signatures` section with these entries. */
function signed(name: string, source: string, entries: Record<string, number>): ElfObject {
	const list = Object.entries(entries).map(([symbol, word]) => `.word ${symbol}, ${word}`);
	return assemble(`${source}\n.section .signatures,"",@progbits,8\n${list.join("\n")}`, { file: name });
}

describe("signatures", () => {
	const m = `${main}call f\n ret\n .global f`;
	test("are merged and can be asked for", () => {
		const image = link([signed("m.s", m, { main: 0, f: 0x10202 }), signed("f.s", ".global f\nf: ret", { f: 0x10202 })]);
		expect(sectionByName(image.elf, ".signatures")!.size).toBe(16);
		expect([addressOf(image, "main"), addressOf(image, "f"), 4].map((address) => image.signatureOf(address))).toEqual([
			0,
			0x10202,
			undefined,
		]);
		expect(checkKeptRelocations(image)).toBe(4);
	});

	test("must agree", () => {
		const objects = [signed("m.s", m, { f: 0x10202 }), signed("f.s", ".global f\nf: ret", { f: 0x20001 })];
		expect(() => link(objects)).toThrow("m.s: 'f' is used as (int, uint) -> int, but f.s has it as (int) -> uint");
	});

	test("of a key say whether it may be null, of a patchable function are its own", () => {
		const source = `${main}call f\nf: ret\n.static_call pick, f`;
		const image = link([signed("m.s", source, { f: 0x10001, __SCK__pick: 0x1010001 })], { patchable: ["f"] });
		const key = (name: string) => image.keys.find((each) => each.name === name);
		expect(key("pick")).toMatchObject({ nullable: true, signature: 0x1010001 });
		expect(key("f")).toMatchObject({ nullable: false, signature: 0x10001 });
	});
});

describe("link errors", () => {
	const object = (make: (builder: ReturnType<typeof newObject>) => void, change: Partial<ElfObject> = {}) => {
		const builder = newObject("x.o", EM_TOY);
		make(builder);
		return { ...finish(builder), ...change };
	};
	const m = (source = "ret") => assemble(main + source, { file: "m.s" });
	const many = Array.from({ length: 30 }, (_, i) => `call f${i}`).join("\n");
	const cases: [name: string, objects: () => ElfObject[], message: string, options?: LinkOptions][] = [
		["nothing to link", () => [], "a.out: there are no objects to link"],
		[
			"an undefined symbol",
			() => [m("call fiffo"), assemble(".global fifo\nfifo: ret", { file: "f.s" })],
			"m.s:(.text+0x1): 'fiffo' is not defined (did you mean 'fifo'?)",
		],
		[
			"several undefined symbols",
			() => [m("call a\n jmp b\n call a")],
			"m.s:(.text+0x1): 'a' is not defined\nm.s:(.text+0x6): 'b' is not defined",
		],
		["many undefined symbols", () => [m(many)], "m.s:(.text+0x60): 'f19' is not defined\n... and 10 more like these"],
		[
			"an undefined static call",
			() => [m("call __SCT__pik\n.static_call pick, main\n.global pick")],
			"m.s:(.text+0x1): static call 'pik' is not defined (did you mean 'pick'?)",
		],
		[
			"a symbol that another object keeps to itself",
			() => [m("call fifo"), assemble("fifo: ret", { file: "f.s" })],
			"m.s:(.text+0x1): 'fifo' is not defined (f.s has one, but does not export it)",
		],
		[
			"a static call that another object keeps to itself",
			() => [m("call __SCT__pick"), assemble(".static_call pick, null", { file: "f.s" })],
			"m.s:(.text+0x1): static call 'pick' is not defined (f.s has one, but does not export it)",
		],
		[
			"no main",
			() => [assemble(".global mian\nmian: ret", { file: "m.s" })],
			"'main' is not defined (did you mean 'mian'?): _start calls it; export one or name another entry",
		],
		[
			"an unknown entry",
			() => [m()],
			"m.s: no object defines the entry 'mein' (did you mean 'main'?)",
			{ entry: "mein" },
		],
		[
			"an entry that no other object may name",
			() => [m(), assemble("begin: ret", { file: "n.s" })],
			"n.s: the entry 'begin' is a local name: write .global begin",
			{ entry: "begin" },
		],
		[
			"a symbol defined twice",
			() => [m(), assemble(".data\n.word 1\n.global main\nmain: .word 2", { file: "n.s" })],
			"n.s:(.data+0x4): 'main' is defined here and at m.s:(.text+0x0)",
		],
		[
			"a common symbol",
			() => [m(), object((b) => defineSymbol(b, "c", { section: SHN_COMMON, value: 4, binding: STB_GLOBAL }))],
			"x.o: 'c' is a common symbol; define it in .bss instead",
		],
		["another machine", () => [object(() => {}, { machine: 62 })], "x.o: is for machine 0x3e, not the toy"],
		[
			"an executable",
			() => [object(() => {}, { type: ET_EXEC })],
			"x.o: is not relocatable, so it cannot be linked again",
		],
		[
			"writable text",
			() => [m(), object((b) => append(section(b, ".odd", { flags: 7 }), [1]))],
			"x.o:(.odd): is both writable and executable",
		],
		[
			"sections on top of each other",
			() => [m("ret\n.data\n.word 1")],
			"segment at 0x400000: overlaps the one before",
			{ sectionStart: new Map([[".data", 0x400000]]) },
		],
		[
			"a page with two permissions",
			() => [m("ret\n.data\n.word 1")],
			"segment at 0x400800: shares a page with the one before, whose permissions differ",
			{ sectionStart: new Map([[".data", 0x400800]]) },
		],
		[
			"an address for a section that does not exist",
			() => [m()],
			".txet: has an address to start at, but no object has that section (did you mean '.text'?)",
			{ sectionStart: new Map([[".txet", 0]]) },
		],
		[
			"an address that is not aligned",
			() => [m("ret\n.data\n.align 8\n.word 1")],
			".data: cannot start at 0x500004: it is aligned to 8 bytes",
			{ sectionStart: new Map([[".data", 0x500004]]) },
		],
		[
			"an address for a section that is not loaded",
			() => [m("ret\n.section .notes\n.word 1")],
			".notes: cannot start at 0x1000: it is not loaded",
			{ sectionStart: new Map([[".notes", 0x1000]]) },
		],
		[
			"a key that leaves no room for flags",
			() => [m("call __SCT__p\n__SCT__p: jmp main\n.data\n.byte 1\n__SCK__p: .word main, main")],
			"a.out: key 'p' at 0x402001 is not aligned to 4 bytes",
		],
		[
			"more than the address space",
			() => [m("ret\n.data\n.zero 8")],
			".data: 8 bytes at 0xfffffffc do not fit in 32-bit addresses",
			{ sectionStart: new Map([[".data", 0xfffffffc]]) },
		],
		[
			"an unknown relocation type",
			() => [m(), object((b) => relocate(withBytes(b), 0, 77, 0, 0))],
			"x.o:(.data+0x0): relocation type 77 is not one of the toy's",
		],
		[
			"a field beyond its section",
			() => [m(), object((b) => relocate(withBytes(b), 1, R_TOY_ABS32, 0, 0))],
			"x.o:(.data+0x1): relocation R_TOY_ABS32 reaches beyond the section's bytes",
		],
		[
			"a patchable function that nobody has",
			() => [m("ret\nfifo: ret\n.type fifo, @function")],
			"m.s: no object defines 'fido' to make patchable (did you mean 'fifo'?)",
			{ patchable: ["fido"] },
		],
		[
			"a table that leaves a patchable function out",
			() => [collectSites(m("call fifo\n call __SCT__p\nfifo: ret\n.static_call p, fifo"))],
			"m.s: has a .static_call_sites section without its calls of 'fifo'; link it as compiled",
			{ patchable: ["fifo"] },
		],
		[
			"a trampoline without key in pointer mode",
			() => [m("ret\n__SCT__p: jmp main")],
			"m.s:(.text+0x1): trampoline '__SCT__p' cannot jump through a pointer: its key is not defined in this object",
			{ staticCalls: "pointer" },
		],
		[
			"a table without relocations",
			() => [m('call __SCT__p\n.static_call p, main\n.section .static_call_sites,"a"\n.zero 8')],
			"m.s:(.static_call_sites+0x0): the field of a call site has no relocation",
		],
		[
			"the same site twice",
			() => [doubled(collectSites(m("call __SCT__p\n.static_call p, main")))],
			"m.s:(.static_call_sites+0x8): the call site at 0x400000 is in the table twice",
		],
	];
	const withBytes = (builder: ReturnType<typeof newObject>) => {
		const data = section(builder, ".data");
		append(data, [0, 0, 0, 0]);
		return data;
	};
	test.each(cases)("%s", (_, objects, message, options) => {
		const given = objects();
		expect(() => link(given, options)).toThrow(LinkError);
		expect(() => link(given, options)).toThrow(message);
	});
});

/** The object with every row of its site table there twice. */
function doubled(object: ElfObject): ElfObject {
	const sections = object.sections.map((each) => {
		if (each.name !== ".static_call_sites") return each;
		const { count, offset, type, symbol, addend } = each.relocations!;
		const twice = <T extends Uint32Array | Float64Array>(column: T, shift = 0) =>
			Float64Array.from([...column, ...[...column].map((value) => value + shift)]);
		const relocations = {
			count: count * 2,
			offset: twice(offset, each.size),
			type: Uint32Array.from(twice(type)),
			symbol: Uint32Array.from(twice(symbol)),
			addend: twice(addend),
		};
		return { ...each, size: each.size * 2, data: new Uint8Array(each.size * 2), relocations };
	});
	return { ...object, sections };
}

/** A random program: objects with functions under few names of any binding, which call each other by name. */
const anyProgram = fc.array(
	fc.record({
		functions: fc.uniqueArray(
			fc.record({
				name: fc.integer({ min: 0, max: 9 }),
				binding: fc.constantFrom(STB_LOCAL, STB_GLOBAL, STB_WEAK, STB_WEAK),
				far: fc.boolean(),
				align: fc.constantFrom(1, 2, 16),
				calls: fc.array(fc.record({ to: fc.integer({ min: 0, max: 9 }), row: fc.constantFrom("call", "jmp", "j") }), {
					maxLength: 6,
				}),
			}),
			{ selector: ({ name }) => name, maxLength: 6 },
		),
	}),
	{ minLength: 1, maxLength: 5 },
);
type Program = typeof anyProgram extends fc.Arbitrary<infer T> ? T : never;

/** Names are unique in the image where they are looked for: `id_o_f` marks function f of object o beside its own name. */
function makeObject(functions: Program[number]["functions"], o: number): ElfObject {
	const builder = newObject(`o${o}.o`, EM_TOY);
	fileSymbol(builder, `o${o}.js`);
	for (const { name, binding, far, align, calls } of functions) {
		const text = section(builder, far ? ".text.far" : ".text");
		const value = alignSection(text, align);
		for (const { to, row } of calls) {
			const at = append(text, encode(row, row === "j" ? { c: 1 } : {}));
			relocate(text, at + 1, row === "call" ? R_TOY_CALL28 : R_TOY_JUMP28, reference(builder, `f${to}`), -4);
		}
		append(text, encode("ret"));
		defineSymbol(builder, `f${name}`, { section: text, value, size: text.size - value, binding, type: STT_FUNC });
		defineSymbol(builder, `id_${o}_${name}`, { section: text, value, binding: STB_GLOBAL });
	}
	return finish(builder);
}

/** What ELF says a name means in object `o`: the marker of the function, or undefined for an error. */
function meaning(program: Program, o: number, name: number): string | undefined {
	const has = (i: number, binding: number) =>
		program[i]!.functions.some((each) => each.name === name && each.binding === binding);
	if (has(o, STB_LOCAL)) return `id_${o}_${name}`;
	const owners = [...program.keys()];
	const owner = owners.find((i) => has(i, STB_GLOBAL)) ?? owners.find((i) => has(i, STB_WEAK));
	return owner === undefined ? undefined : `id_${owner}_${name}`;
}

function isSound(program: Program): boolean {
	const strong = program.flatMap(({ functions }) =>
		functions.filter(({ binding }) => binding === STB_GLOBAL).map(({ name }) => name),
	);
	const used = program.flatMap(({ functions }, o) =>
		functions.flatMap(({ calls }) => calls.map(({ to }) => meaning(program, o, to))),
	);
	return new Set(strong).size === strong.length && !used.includes(undefined);
}

const sound = anyProgram.filter(isSound);

function linkProgram(program: Program): Image {
	const objects = program.map(({ functions }, o) => makeObject(functions, o));
	const hasFar = program.some(({ functions }) => functions.some(({ far }) => far));
	return link([...objects, assemble(`${main}ret`, { file: "m.s" })], {
		sectionStart: new Map(hasFar ? [[".text.far", 0x10000000]] : []),
	});
}

/** What two images have in common where one went through a file. */
function contents(image: Image) {
	const { name, entry, mode, keys, sites, stubs, symbols, segments } = image;
	return {
		name,
		entry,
		mode,
		keys,
		sites,
		stubs,
		symbols,
		segments: segments.map((each) => ({ ...each, fileOffset: 0 })),
	};
}

describe("random programs", () => {
	test("every call reaches what its name means, and kept relocations agree with the bytes", () => {
		fc.assert(
			fc.property(sound, (program) => {
				const image = linkProgram(program);
				for (const [o, { functions }] of program.entries()) {
					for (const { name, calls } of functions) {
						const start = addressOf(image, `id_${o}_${name}`);
						for (const [i, { to }] of calls.entries()) {
							expect(destination(image, start + i * SITE_BYTES)).toBe(addressOf(image, meaning(program, o, to)!));
						}
					}
				}
				checkKeptRelocations(image);
			}),
			{ numRuns: 300 },
		);
	});

	test("an unsound program is refused, never linked", () => {
		fc.assert(
			fc.property(
				anyProgram.filter((program) => !isSound(program)),
				(program) => {
					expect(() => linkProgram(program)).toThrow(LinkError);
				},
			),
		);
	});

	test("an image read back from its file is the same image", () => {
		fc.assert(
			fc.property(sound, fc.constantFrom(...staticCallModes), (program, staticCalls) => {
				const objects = program.map(({ functions }, o) => makeObject(functions, o));
				const patchable = [...new Set(program.flatMap(({ functions }) => functions.map(({ name }) => `f${name}`)))];
				const image = link([...objects, assemble(`${main}ret`, { file: "m.s" })], {
					staticCalls,
					patchable,
					name: "x",
				});
				const back = readImage(readElf(writeElf(image.elf), "x"));
				expect(contents(back)).toEqual(contents(image));
				expect(map(back)).toBe(map(image));
				for (const { key, ...site } of image.sites) {
					const bytes = bytesAt(image, site.address, SITE_BYTES)!;
					const { initial, trampoline } = image.keys[key]!;
					expect(currentTarget(bytes, site, image.stubs)).toEqual({
						kind: "function",
						address: staticCalls === "inline" ? initial : trampoline,
					});
				}
			}),
		);
	});
});

const hasReadelf = spawnSync("readelf", ["--version"]).status === 0;

test.runIf(hasReadelf)("readelf accepts images of every mode in silence", () => {
	const directory = mkdtempSync(join(tmpdir(), "patchbay-"));
	try {
		for (const staticCalls of staticCallModes) {
			const far =
				'.section .text.far, "ax"\n.global far\nfar: call __SCT__pick\n ret\n.bss\n.zero 100\n.section .notes\n.word 1';
			const objects = {
				"m.s": `${calls}\n call far`,
				"k.s": "fifo: ret\n.static_call pick, fifo\n.global pick",
				"f.s": far,
			};
			const image = build(objects, { staticCalls, sectionStart: new Map([[".text.far", 0x20000010]]) });
			const file = join(directory, staticCalls);
			writeFileSync(file, writeElf(image.elf));
			const { stdout, stderr } = spawnSync("readelf", ["-aW", file], { encoding: "utf8" });
			expect(stderr).toBe("");
			expect(stdout).not.toMatch(/warning|error|corrupt/i);
			for (const name of ["__SCK__pick", "__thunk_far", ".static_call_sites", ".rela.text"])
				expect(stdout).toContain(name);
		}
	} finally {
		rmSync(directory, { recursive: true });
	}
});

test("a link map shows sections with their inputs, symbols, thunks with the calls that need them, keys with their sites", () => {
	const image = build(
		{
			"m.s": `${main}call far\n call __SCT__pick\n.static_call pick, main`,
			"f.s": '.section .text.far, "ax"\n.global far\nfar: ret',
		},
		{ sectionStart: new Map([[".text.far", 0x20000000]]), name: "demo" },
	);
	const lines = map(image)
		.split("\n")
		.map((line) => line.trim().replace(/ +/g, " "));
	for (const line of [
		"Link map of demo",
		"entry 0x00400016 _start",
		"static calls 1 key, 1 site, linked inline",
		"0x00400000 0x00000024 .text",
		"0x00400000 0x0000000f m.s",
		"0x0040000f 0x0000000d <supplied>",
		"0x0040000a 0x00000005 __SCT__pick",
		"0x20000000 0x00000001 f.s",
		"0x0040001c 0x00000008 far main: 532676608 bytes or more away",
		"0x00402000 pick main",
		"0x00400005 call in main+0x5 m.s:3:2",
	]) {
		expect(lines).toContain(line);
	}
});

describe("reading images", () => {
	const image = build({ "m.s": `${calls}\nfifo: ret\n.static_call pick, fifo` });

	test("refuses what is none of ours", () => {
		const change = (fields: Partial<ElfObject>) => () => readImage({ ...image.elf, ...fields });
		expect(change({ type: 1 })).toThrow("a.out: is no executable image; link it first");
		expect(change({ machine: 62 })).toThrow("a.out: is for machine 0x3e, not the toy");
		const info = image.elf.symbols.info;
		const symbols = { ...image.elf.symbols, count: info.indexOf(STB_GLOBAL << 4) };
		expect(change({ symbols })).toThrow(
			"a.out: does not say how its static calls were linked (no __static_calls_mode)",
		);
	});

	test("refuses tables that point anywhere", () => {
		const withWord = (name: string, at: number, word: number) => {
			const sections = image.elf.sections.map((each) => {
				if (each.name !== name) return each;
				const data = each.data.slice();
				new DataView(data.buffer).setInt32(at, word, true);
				return { ...each, data };
			});
			return () => readImage({ ...image.elf, sections });
		};
		expect(withWord(".static_call_sites", 0, 0)).toThrow("a.out:(.static_call_sites+0x0): 0x402000 is no call site");
		expect(withWord(".static_call_sites", 12, 0)).toThrow("a.out:(.static_call_sites+0x8): no key is at 0x40200c");
	});

	test("prefers a global symbol to local ones of its name", () => {
		const local = "nop\nf: ret\n.global other\nother: call f";
		const global = ".global f\nf: ret";
		for (const sources of [
			{ "m.s": `${main}ret`, "a.s": local, "b.s": global, "c.s": local.replaceAll("other", "another") },
			{ "b.s": global, "a.s": local, "m.s": `${main}ret` },
		]) {
			const linked = build(sources);
			expect(linked.symbolNamed("f")).toMatchObject({ binding: STB_GLOBAL });
		}
	});

	test("answers by name and by address", () => {
		const main = addressOf(image, "main");
		expect(image.symbolNamed("nothing")).toBeUndefined();
		expect([main, main + 3, 0x10].map((address) => image.symbolize(address))).toEqual(["main", "main+0x3", undefined]);
		expect(image.symbolAt(addressOf(image, "__SCK__pick") + 4)).toMatchObject({
			name: "__SCK__pick",
			size: 8,
			section: ".data",
		});
		expect(bytesAt(image, 0x10, 1)).toBeUndefined();
	});
});
