// ELF files we write: read back they are what was written, and binutils read them as we do.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import {
	addString,
	amendSymbol,
	append,
	defineSymbol,
	type ElfObject,
	ET_EXEC,
	finish,
	functionAt,
	indexFunctions,
	newObject,
	newStringTable,
	nullSection,
	readElf,
	reference,
	relocate,
	SHF_ALLOC,
	SHF_WRITE,
	SHT_PROGBITS,
	STB_GLOBAL,
	STB_LOCAL,
	STT_FUNC,
	section,
	stringAt,
	stringTableBytes,
	symbolBinding,
	symbolByName,
	symbolName,
	writeElf,
} from "../../linker/elf/index.ts";
import { everything } from "../extent.ts";
import { asExecutable, essence, have, listRelocations, MACHINE, objects, output, shownName } from "./elf-objects.ts";

const anyName = fc.string({ unit: "binary", minLength: 1, maxLength: 12 }).filter((text) => !text.includes("\0"));
const plainName = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.$]{0,24}$/);
const anyObject = fc
	.tuple(objects(anyName), fc.boolean())
	.map(([object, executable]) => (executable ? asExecutable(object) : object));

describe("writing and reading", () => {
	test("gives the same object", () => {
		fc.assert(
			fc.property(anyObject, (object) => {
				const read = readElf(writeElf(object), object.name);
				expect(essence(read, object.sections.length)).toEqual(essence(object));
			}),
			{ numRuns: 300 },
		);
	});

	test("gives the same bytes the second time", () => {
		fc.assert(
			fc.property(anyObject, (object) => {
				const bytes = writeElf(object);
				expect(Buffer.compare(writeElf(readElf(bytes, object.name)), bytes)).toBe(0);
			}),
			{ numRuns: 200 },
		);
	});

	test("loads each byte of an executable at its address", () => {
		fc.assert(
			fc.property(objects(plainName).map(asExecutable), (object) => {
				const { segments, sections } = readElf(writeElf(object), object.name);
				for (const { writable, executable } of segments) expect(writable && executable).toBe(false);
				for (const { flags, address, size, data } of sections) {
					if ((flags & SHF_ALLOC) === 0 || size === 0) continue;
					const segment = segments.find((each) => address >= each.address && address < each.address + each.memorySize)!;
					const start = address - segment.address;
					expect(start + size).toBeLessThanOrEqual(segment.memorySize);
					expect(segment.data.subarray(start, start + data.length)).toEqual(data);
					expect(segment.writable).toBe((flags & SHF_WRITE) !== 0);
				}
			}),
			{ numRuns: 100 },
		);
	});

	test("keeps values to the last bit up to ±2^53", () => {
		const builder = newObject("wide.o", MACHINE);
		const text = section(builder, ".text");
		append(text, [0, 0, 0, 0]);
		const values = [0, 1, -1, 2 ** 31, 2 ** 32, 2 ** 32 - 1, -(2 ** 32), 2 ** 53 - 1, -(2 ** 53), -0x7f000000];
		for (const [i, value] of values.entries()) {
			const id = defineSymbol(builder, `s${i}`, { section: text, value, binding: STB_GLOBAL });
			relocate(text, 0, 1, id, value);
		}
		const read = readElf(writeElf(finish(builder)), "wide.o");
		expect(Array.from(read.symbols.value.subarray(1))).toEqual(values);
		expect(listRelocations(read.sections[1]!.relocations).map(([, , , addend]) => addend)).toEqual(values);
	});

	test.runIf(everything)("takes more than 65,280 sections", () => {
		const builder = newObject("many.o", MACHINE);
		const count = 66_000;
		for (let i = 0; i < count; i++) {
			const made = section(builder, `.text.${i}`);
			append(made, [i & 255]);
			defineSymbol(builder, `f${i}`, { section: made, value: 0, binding: STB_GLOBAL, type: STT_FUNC });
		}
		const bytes = writeElf(finish(builder));
		const read = readElf(bytes, "many.o");
		const last = read.symbols.section[symbolByName(read, `f${count - 1}`)!]!;
		expect(read.sections[last]!.name).toBe(`.text.${count - 1}`);
		const reserved = read.symbols.section[symbolByName(read, `f${0xfff1 - 1}`)!]!;
		expect(reserved).toBe(0xfff1);
		expect(Buffer.compare(writeElf(read), bytes)).toBe(0);
	});
});

describe("an object under construction", () => {
	test("has one symbol per name, locals first, whatever came first", () => {
		const builder = newObject("a.o", MACHINE);
		const text = section(builder, ".text");
		append(text, new Uint8Array(16));
		relocate(text, 0, 3, reference(builder, "later"), -4);
		relocate(text, 4, 3, reference(builder, "elsewhere"), -4);
		defineSymbol(builder, "global", { section: text, value: 0, binding: STB_GLOBAL });
		const later = defineSymbol(builder, "later", { section: text, value: 8 });
		expect(reference(builder, "later")).toBe(later);
		const object = finish(builder);
		const names = Array.from({ length: object.symbols.count }, (_, i) => symbolName(object.symbols, i));
		expect(names).toEqual(["", "later", "elsewhere", "global"]);
		expect(Array.from(object.sections[1]!.relocations!.symbol)).toEqual([1, 2]);
		expect([1, 2, 3].map((i) => symbolBinding(object.symbols, i))).toEqual([STB_LOCAL, STB_GLOBAL, STB_GLOBAL]);
	});

	test("keeps a binding said before the definition", () => {
		const builder = newObject("a.o", MACHINE);
		const id = reference(builder, "f");
		amendSymbol(builder, id, { binding: STB_GLOBAL });
		defineSymbol(builder, "f", { section: section(builder, ".text"), value: 0, type: STT_FUNC });
		expect(symbolBinding(finish(builder).symbols, 1)).toBe(STB_GLOBAL);
	});

	test("refuses a second definition and a local symbol without one", () => {
		const builder = newObject("a.o", MACHINE);
		const text = section(builder, ".text");
		defineSymbol(builder, "f", { section: text, value: 0 });
		expect(() => defineSymbol(builder, "f", { section: text, value: 0 })).toThrow("'f' is already defined");
		amendSymbol(builder, reference(builder, "g"), { binding: STB_LOCAL });
		expect(() => finish(builder)).toThrow("never defined");
	});
});

describe("string tables", () => {
	test("give back what was added", () => {
		fc.assert(
			fc.property(fc.array(anyName), (names) => {
				const table = newStringTable();
				const offsets = names.map((name) => addString(table, name));
				const bytes = stringTableBytes(table);
				expect(offsets.map((offset) => stringAt(bytes, offset))).toEqual(names);
				expect(new Set(offsets).size).toBe(new Set(names).size);
			}),
		);
	});
});

describe("functionAt", () => {
	const functions = fc.uniqueArray(fc.record({ section: fc.nat(2), start: fc.nat(60), size: fc.nat(20) }), {
		selector: ({ section, start }) => `${section}:${start}`,
		maxLength: 12,
	});

	test("finds the innermost function, as a search of all does", () => {
		fc.assert(
			fc.property(functions, fc.nat(2), fc.nat(90), (functions, where, value) => {
				const builder = newObject("f.o", MACHINE);
				const sections = [".text", ".text.a", ".text.b"].map((name) => section(builder, name));
				for (const [i, { section, start, size }] of functions.entries())
					defineSymbol(builder, `f${i}`, { section: sections[section]!, value: start, size, type: STT_FUNC });
				const object = finish(builder);
				const found = functionAt(indexFunctions(object), sections[where]!.index, value);
				const near = functions.filter(({ section }) => section === where);
				const end = ({ start, size }: { start: number; size: number }) =>
					size > 0 ? start + size : Math.min(...near.map((each) => each.start).filter((each) => each > start));
				const covering = near.filter((each) => each.start <= value && end(each) > value);
				const innermost = covering.sort((a, b) => b.start - a.start)[0];
				const name = found === undefined ? undefined : symbolName(object.symbols, found);
				expect(name).toBe(innermost && `f${functions.indexOf(innermost)}`);
			}),
			{ numRuns: 300 },
		);
	});
});

describe("what contradicts itself is not written", () => {
	const loaded = (name: string, flags: number, address: number, size = 16) => ({
		...nullSection(),
		name,
		type: SHT_PROGBITS,
		flags: SHF_ALLOC | flags,
		address,
		size,
		data: new Uint8Array(size),
	});
	const executable = (...sections: ReturnType<typeof loaded>[]): ElfObject => ({
		...finish(newObject("bad", MACHINE)),
		type: ET_EXEC,
		sections: [nullSection(), ...sections],
	});
	test.each([
		["bad: segment at 0x1000: is both writable and executable", executable(loaded(".wx", 5, 0x1000))],
		["bad:(.b): overlaps .a at 0x1008", executable(loaded(".a", 0, 0x1000), loaded(".b", 0, 0x1008))],
		[
			"bad: segment at 0x1010: shares a page with the one before, whose permissions differ",
			executable(loaded(".a", 0, 0x1000), loaded(".b", SHF_WRITE, 0x1010)),
		],
		["bad:(.a): has 16 bytes of 15", executable({ ...loaded(".a", 0, 0x1000), size: 15 })],
	])("%s", (message, object) => {
		expect(() => writeElf(object)).toThrow(message);
	});
});

const haveBinutils = have("readelf") && have("objdump");

describe.skipIf(!haveBinutils)("binutils agree", () => {
	const directory = mkdtempSync(join(tmpdir(), "patchbay-elf-"));
	afterAll(() => rmSync(directory, { recursive: true }));
	const written = fc
		.sample(fc.tuple(objects(plainName), fc.boolean()), { numRuns: 60, seed: 7 })
		.map(([object, executable], i) => {
			const path = join(directory, `${i}`);
			writeFileSync(path, writeElf(executable ? asExecutable(object) : object));
			return { path, object: readElf(writeElf(executable ? asExecutable(object) : object), path) };
		});
	const paths = written.map(({ path }) => path);

	test("reads every file without a warning", () => {
		const { stdout, stderr } = output("readelf", "-aW", ...paths);
		expect(stderr).toBe("");
		expect(stdout.split("\n").filter((line) => /readelf:|warning|error/i.test(line))).toEqual([]);
	});

	test("sees our sections (readelf -S)", () => {
		for (const [{ object }, text] of each("-SW")) {
			const rows = [...text.matchAll(/^ {2}\[ *([1-9]\d*)\] (\S*) +(\w+) +([0-9a-f]{16}) [0-9a-f]+ ([0-9a-f]+) /gm)];
			expect(
				rows.map(([, index, name, , address, size]) => [+index!, name, hexNumber(address), hexNumber(size)]),
			).toEqual(object.sections.slice(1).map(({ name, address, size }, i) => [i + 1, name, address, size]));
		}
	});

	test("sees our symbols (readelf -s)", () => {
		for (const [{ object }, text] of each("-sW")) {
			const { symbols } = object;
			if (symbols.count === 1) continue;
			const rows = [...text.matchAll(/^ +(\d+): ([0-9a-f]{16}) +(\S+) +\w+ +\w+ +\w+ +(\w+) ?(\S*)/gm)];
			expect(
				rows.map(([, index, value, size, where, name]) => [+index!, hexNumber(value), Number(size), where, name]),
			).toEqual(
				Array.from({ length: symbols.count }, (_, i) => [
					i,
					symbols.value[i],
					symbols.size[i],
					shownSection(symbols.section[i]!),
					shownName(object, i),
				]),
			);
		}
	});

	test("sees our relocations (readelf -r)", () => {
		for (const [{ object }, text] of each("-rW")) {
			const rows = [...text.matchAll(/^([0-9a-f]{16}) +([0-9a-f]{8})([0-9a-f]{8}) .* ([+-]) ([0-9a-f]+)$/gm)];
			expect(
				rows.map(([, offset, symbol, type, sign, addend]) => [
					hexNumber(offset),
					hexNumber(type),
					hexNumber(symbol),
					(sign === "-" ? -1 : 1) * hexNumber(addend),
				]),
			).toEqual(object.sections.flatMap(({ relocations }) => listRelocations(relocations)));
		}
	});

	test("sees our sections (objdump -h)", () => {
		for (const { path, object } of written) {
			const { stdout, stderr } = output("objdump", "-hw", path);
			expect(stderr).toBe("");
			const rows = [...stdout.matchAll(/^ +\d+ (\S+) +([0-9a-f]{8}) +([0-9a-f]{16}) /gm)];
			const shown = object.sections.slice(1).filter(({ type }) => ![2, 3, 4].includes(type));
			expect(rows.map(([, name, size, address]) => [name, hexNumber(size), hexNumber(address)])).toEqual(
				shown.map(({ name, size, address }) => [name, size, address]),
			);
		}
	});

	/** Each file with its part of one `readelf` of all. */
	function each(option: string) {
		const parts = output("readelf", option, ...paths)
			.stdout.split(/^File: .*$/m)
			.slice(1);
		expect(parts.length).toBe(written.length);
		return written.map((file, i) => [file, parts[i]!] as const);
	}
});

function hexNumber(text: string | undefined): number {
	return Number(BigInt.asIntN(64, BigInt(`0x${text}`)));
}

function shownSection(section: number): string {
	if (section === 0) return "UND";
	return section === 0xfffffff1 ? "ABS" : section === 0xfffffff2 ? "COM" : String(section);
}
