// Line tables: what is written is found again, by us and by binutils; what is malformed is refused.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import {
	addLines,
	append,
	type ElfObject,
	finish,
	type LineRow,
	lineAt,
	newObject,
	readElf,
	readLineTable,
	section,
	sectionByName,
	writeElf,
} from "../../linker/elf/index.ts";
import { LinkError } from "../../linker/errors.ts";
import { asExecutable, have, MACHINE, output } from "./elf-objects.ts";

const ABS32 = 1;
const files = ["main.js", "lib/ünit.js", "/usr/include/x.h"];

interface Stretch {
	readonly rows: readonly LineRow[];
	readonly end: number;
}

const row = fc.record({
	advance: fc.oneof(fc.nat(40), fc.nat(3000)),
	file: fc.nat(files.length - 1),
	line: fc.oneof(fc.nat(30), fc.nat(100_000), fc.constant(2 ** 32 - 1)),
	column: fc.oneof(fc.nat(200), fc.nat(70_000)),
});

const stretch: fc.Arbitrary<Stretch> = fc
	.tuple(fc.array(row, { minLength: 1, maxLength: 30 }), fc.nat(300))
	.map(([steps, rest]) => {
		let offset = 0;
		const rows = steps.map(({ advance, ...where }) => ({ ...where, offset: (offset += advance) }));
		return { rows, end: offset + rest };
	});
const stretches = fc.array(stretch, { maxLength: 4 });

/** One section for each stretch. */
function withLines(stretches: readonly Stretch[]): ElfObject {
	const builder = newObject("lines.o", MACHINE);
	const sequences = stretches.map(({ rows, end }, i) => {
		const text = section(builder, `.text.${i}`);
		append(text, new Uint8Array(end));
		return { section: text, rows, end };
	});
	addLines(builder, { files, sequences, addressRelocation: ABS32 });
	return finish(builder);
}

/** As a linker would, with the addresses in the table relocated. */
function linked(object: ElfObject): ElfObject {
	const executable = asExecutable(object);
	const { symbols } = executable;
	const sections = executable.sections.map((section) => {
		if (section.name !== ".debug_line" || section.relocations === undefined) return section;
		const { count, offset, symbol, addend } = section.relocations;
		const data = section.data.slice();
		for (let i = 0; i < count; i++)
			new DataView(data.buffer).setUint32(offset[i]!, symbols.value[symbol[i]!]! + addend[i]!, true);
		return { ...section, data };
	});
	return { ...executable, sections };
}

function expected({ rows, end }: Stretch, offset: number) {
	const row = offset < end ? rows.findLast((each) => each.offset <= offset) : undefined;
	return row === undefined || row.line === 0
		? undefined
		: { file: files[row.file], line: row.line, column: row.column };
}

describe("line tables", () => {
	test("say of each offset in a section what was said of it", () => {
		fc.assert(
			fc.property(stretches, fc.array(fc.nat(6000), { maxLength: 20 }), (stretches, offsets) => {
				const table = readLineTable(readElf(writeElf(withLines(stretches)), "lines.o"));
				for (const [i, stretch] of stretches.entries())
					for (const offset of [...offsets, ...stretch.rows.map((row) => row.offset), stretch.end])
						expect(lineAt(table, offset, i + 1)).toEqual(expected(stretch, offset));
			}),
			{ numRuns: 200 },
		);
	});

	test("say of each address in an executable what was said of it", () => {
		fc.assert(
			fc.property(stretches, fc.array(fc.nat(6000), { maxLength: 20 }), (stretches, offsets) => {
				const executable = linked(withLines(stretches));
				const table = readLineTable(readElf(writeElf(executable), "lines"));
				for (const [i, stretch] of stretches.entries())
					for (const offset of offsets.map((each) => each % (stretch.end + 1)))
						expect(lineAt(table, executable.sections[i + 1]!.address + offset)).toEqual(expected(stretch, offset));
			}),
			{ numRuns: 200 },
		);
	});

	test("of an object without any are empty", () => {
		const builder = newObject("none.o", MACHINE);
		append(section(builder, ".text"), [0]);
		expect(lineAt(readLineTable(finish(builder)), 0, 1)).toBeUndefined();
	});

	test("may be joined by putting one after the other", () => {
		const builder = newObject("two.o", MACHINE);
		for (const [i, file] of ["a.js", "b.js"].entries()) {
			const text = section(builder, `.text.${i}`);
			append(text, new Uint8Array(10));
			const rows = [{ offset: 2, file: 0, line: 5 + i, column: 1 }];
			addLines(builder, { files: [file], sequences: [{ section: text, rows, end: 10 }], addressRelocation: ABS32 });
		}
		const table = readLineTable(finish(builder));
		expect(lineAt(table, 2, 1)).toEqual({ file: "a.js", line: 5, column: 1 });
		expect(lineAt(table, 9, 3)).toEqual({ file: "b.js", line: 6, column: 1 });
		expect(lineAt(table, 1, 3)).toBeUndefined();
	});
});

describe("a malformed table is refused", () => {
	const object = withLines([{ rows: [{ offset: 0, file: 0, line: 3, column: 4 }], end: 20 }]);
	const data = sectionByName(object, ".debug_line")!.data;
	const program = 10 + new DataView(data.buffer, data.byteOffset).getUint32(6, true);

	function readChanged(change: (view: DataView) => void): void {
		const copy = data.slice();
		change(new DataView(copy.buffer));
		const sections = object.sections.map((each) => (each.name === ".debug_line" ? { ...each, data: copy } : each));
		readLineTable({ ...object, sections });
	}

	test.each<[string, (view: DataView) => void]>([
		["+0x0: unit of 4096 bytes ends after", (view) => view.setUint32(0, 4096, true)],
		["+0x0: unit length 4294967280 is reserved", (view) => view.setUint32(0, 0xfffffff0, true)],
		["+0x4: version 6 of DWARF lines is not in [2, 5]", (view) => view.setUint16(4, 6, true)],
		["+0xa: header of 9999 bytes ends after", (view) => view.setUint32(6, 9999, true)],
		["header ends before its tables", (view) => view.setUint32(6, 20, true)],
		["+0xb: an instruction has no operations", (view) => view.setUint8(11, 0)],
		["+0xe: line range is 0", (view) => view.setUint8(14, 0)],
		["+0xf: opcode base is 0", (view) => view.setUint8(15, 0)],
		["extended opcode of 100 bytes is not in [1, ", (view) => view.setUint8(program + 1, 100)],
		["extended opcode 1 has 1 bytes, not 5", (view) => view.setUint8(program + 2, 1)],
		["a number of 3 bytes is not of 1, 2, 4 or 8", (view) => view.setUint8(program + 1, 4)],
		["file 9 is not one of the unit's", (view) => view.setUint16(program + 7, 0x0904, true)],
		["unit ends within a sequence", (view) => view.setUint8(view.byteLength - 1, 0x80)],
	])("%s", (message, change) => {
		expect(() => readChanged(change)).toThrow(LinkError);
		expect(() => readChanged(change)).toThrow(message);
	});
});

const haveBinutils = have("readelf") && have("objdump");

describe.skipIf(!haveBinutils)("binutils read our line tables", () => {
	const directory = mkdtempSync(join(tmpdir(), "patchbay-lines-"));
	afterAll(() => rmSync(directory, { recursive: true }));
	const plain = stretch.map(({ rows, end }) => ({
		end: end + 1,
		rows: rows.map((row) => ({ ...row, line: Math.min(row.line, 2 ** 31 - 1) })),
	}));
	const samples = fc
		.sample(fc.array(plain, { minLength: 1, maxLength: 3 }), { numRuns: 12, seed: 11 })
		.map((stretches, i) => ({ object: linked(withLines(stretches)), stretches, path: join(directory, `${i}`) }));
	for (const { object, path } of samples) writeFileSync(path, writeElf(object));

	test.each([
		["readelf", ["-W", "--debug-dump=decodedline"]],
		["objdump", ["-w", "--dwarf=decodedline"]],
	])("%s", (program, options) => {
		for (const { object, stretches, path } of samples) {
			const { stdout, stderr } = output(program, ...options, path);
			expect(stderr).toBe("");
			const theirs = [...stdout.matchAll(/^(\S+) +(\d+) +(0x[0-9a-f]+|0)\b/gm)].map(([, file, line, address]) => [
				file!.split("/").at(-1),
				Number(line),
				Number(address),
			]);
			const ours = stretches.flatMap(({ rows }, i) =>
				rows.map(({ file, line, offset }) => [
					files[file]!.split("/").at(-1),
					line,
					object.sections[i + 1]!.address + offset,
				]),
			);
			expect(theirs).toEqual(ours);
		}
	});

	test("readelf -a has nothing to say against them", () => {
		const { stdout, stderr } = output("readelf", "-aW", ...samples.map(({ path }) => path));
		expect(stderr).toBe("");
		expect(stdout).not.toMatch(/readelf:|[Ww]arning/);
	});
});
