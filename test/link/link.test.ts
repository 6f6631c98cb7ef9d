// The linker: names, resolution, layout, relocation and thunks, and what images say of themselves.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assemble } from "../../linker/compile/assemble.ts";
import {
	append,
	defineSymbol,
	type ElfObject,
	finish,
	newObject,
	reference,
	relocate,
	SHF_ALLOC,
	SHN_ABS,
	SHT_NOBITS,
	STB_GLOBAL,
	section,
	sectionByName,
} from "../../linker/elf/index.ts";
import { EM_TOY, encode, R_TOY_NONE, REL_MAX, REL_MIN, relocationTypes } from "../../linker/isa/index.ts";
import { bytesAt, type Image, link, map, readImage, TEXT_BASE, wordAt } from "../../linker/link/index.ts";
import { idOf, intern, nameOf, newNameTable } from "../../linker/link/names.ts";
import { describeSite, SITE_BYTES } from "../../linker/sites/index.ts";
import { addressOf, build, calls, checkKeptRelocations, destination, main, thunksOf } from "./linked.ts";

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
