// An x86-64 object with more relocations than are read at once, of every kind of branch there is: what is known of it, for it
// was made here, is what tables, counts, lists and edits must say.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
	append,
	defineSymbol,
	finish,
	newObject,
	reference,
	relocate,
	section,
	sectionSymbol,
} from "../../linker/elf/builder.ts";
import { type ElfObject, readElf, STB_GLOBAL, STT_FUNC, symbolName, writeElf } from "../../linker/elf/index.ts";
import { readElfParts } from "../../linker/elf/reader.ts";
import { x86 } from "../../linker/sites/arch/x86-64.ts";
import { instructionLength } from "../../linker/sites/arch/x86-decode.ts";
import { branchTable, calleeName, calleeOf, countBranches } from "../../linker/sites/branches.ts";
import { cli, inFolder } from "../cli/command-line.ts";
import { piecewise } from "../elf/piecewise.ts";

const COUNT = 20_000;
/** What the linker will overwrite. */
const FIELD = [1, 2, 3, 4];
const NONE = 0;
const PC32 = 2;
const PLT32 = 4;
const GOTPCRELX = 41;

interface Row {
	readonly offset: number;
	readonly kind: string;
	readonly bytes: string;
	readonly callee: string;
}

/** A branch's bytes up to its field, and its relocation. */
const forms = {
	call: { kind: "call", opcode: [0xe8], type: PLT32 },
	jump: { kind: "tail", opcode: [0xe9], type: PLT32 },
	jcc: { kind: "conditional", opcode: [0x0f, 0x8f], type: PLT32 },
	callGot: { kind: "indirect call", opcode: [0xff, 0x15], type: GOTPCRELX },
	jumpGot: { kind: "indirect jump", opcode: [0xff, 0x25], type: GOTPCRELX },
} as const;

/** Functions of eight bytes in a section of their own, which calls name by the symbol of the section. */
const LOCALS = 50;

/** The object as a file, and the branches in it. */
function manyBranches(): { file: Uint8Array; rows: Row[]; relocations: number } {
	const builder = newObject("many.o", x86.machine);
	const text = section(builder, ".text");
	const local = section(builder, ".text.local");
	append(local, new Uint8Array(LOCALS * 8).fill(0x90));
	for (let i = 0; i < LOCALS; i++)
		defineSymbol(builder, `local_${i}`, { section: local, value: i * 8, size: 8, binding: 0, type: STT_FUNC });
	const locals = sectionSymbol(builder, local);
	defineSymbol(builder, "all", { section: text, value: 0, size: 0, binding: STB_GLOBAL, type: STT_FUNC });
	const external = Array.from({ length: 40 }, (_, i) => reference(builder, `ext_${i}`));
	const datum = reference(builder, "datum");
	const rows: Row[] = [];
	const relocations: Parameters<typeof relocate>[] = [];
	const add = (type: number, symbol: number, addend: number, ...opcode: readonly number[]): number => {
		const at = append(text, [...opcode, ...FIELD]);
		relocations.push([text, at + opcode.length, type, symbol, addend]);
		return at;
	};
	for (let i = 0; i < COUNT; i++) {
		if (i % 11 === 0) add(PC32, datum, -4, 0x48, 0x8d, 0x05);
		if (i % 13 === 0) add(NONE, datum, -4, 0xff, 0x15);
		const form = Object.values(forms)[i % 5]!;
		const isLocal = i % 3 === 0 && form.type === PLT32;
		const beyond = isLocal && i % 9 === 0 ? 3 : 0;
		const number = i % LOCALS;
		const offset = isLocal
			? add(PC32, locals, number * 8 + beyond - 4, ...form.opcode)
			: add(form.type, external[i % 40]!, -4, ...form.opcode);
		const bytes = [...form.opcode, ...FIELD].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
		const callee = isLocal ? `local_${number}${beyond > 0 ? "+0x3" : ""}` : `ext_${i % 40}`;
		rows.push({ offset, kind: form.kind, bytes, callee });
	}
	const last = add(PLT32, reference(builder, "the_last"), -4, 0xe8);
	rows.push({ offset: last, kind: "call", bytes: "e8 01 02 03 04", callee: "the_last" });
	// As a linker may leave them: but for the first and the last, every other one first.
	const turn = (i: number): number => (i === 0 ? 0 : i === relocations.length - 1 ? 3 : 1 + (i % 2));
	for (let each = 0; each <= 3; each++)
		for (const [i, relocation] of relocations.entries()) if (turn(i) === each) relocate(...relocation);
	return { file: writeElf(finish(builder)), rows, relocations: relocations.length };
}

const { file, rows, relocations } = manyBranches();

function countsOf(of: readonly string[]): Record<string, number> {
	const counts: Record<string, number> = {};
	for (const name of of) counts[name] = (counts[name] ?? 0) + 1;
	return counts;
}

const objects: readonly (readonly [string, () => ElfObject])[] = [
	["a whole file", () => readElf(file, "many.o")],
	["a file in parts", () => readElfParts(piecewise(file), "many.o")],
];

test.each(objects)("the table of %s has every branch, and which relocation is its", (_, read) => {
	const object = read();
	const table = branchTable(object, x86, undefined, true);
	expect(table.count).toBe(rows.length);
	const { offset, symbol } = readElf(file, "many.o").sections[table.section[0]!]!.relocations!;
	for (const [i, row] of rows.entries()) {
		const branch = x86.branches[table.branch[i]!]!;
		expect([table.offset[i], calleeName(object, calleeOf(table, i))]).toEqual([row.offset, row.callee]);
		expect(offset[table.relocation![i]!]).toBe(row.offset + branch.fieldAt);
		if (row.callee.startsWith("ext_"))
			expect(symbolName(object.symbols, symbol[table.relocation![i]!]!)).toBe(row.callee);
	}
});

test.each(objects)("the counts of %s are those of its table", (_, read) => {
	const object = read();
	const named = [...countBranches(object, x86)].map(([symbol, count]) => [symbolName(object.symbols, symbol), count]);
	expect(Object.fromEntries(named)).toEqual(countsOf(rows.map(({ callee }) => callee.replace("+0x3", ""))));
	const wanted = new Uint8Array(object.symbols.count);
	for (let i = 1; i < wanted.length; i++) if (/^(local_7|ext_3)$/.test(symbolName(object.symbols, i))) wanted[i] = 1;
	const some = [...countBranches(object, x86, wanted)].map(([symbol, count]) => [
		symbolName(object.symbols, symbol),
		count,
	]);
	const expected = rows
		.map(({ callee }) => callee.replace("+0x3", ""))
		.filter((name) => /^(local_7|ext_3)$/.test(name));
	expect(Object.fromEntries(some)).toEqual(countsOf(expected));
	expect(branchTable(object, x86, wanted).count).toBe(expected.length);
});

test("lists say the same of it, and an edit of its last call changes the last relocation", () =>
	inFolder(async (folder) => {
		const path = join(folder, "many.o");
		writeFileSync(path, file);
		const { sites } = JSON.parse((await cli("sites", path, "--all", "--json")).out) as {
			sites: Row[];
		};
		expect(sites.map(({ offset, kind, bytes, callee }) => ({ offset, kind, bytes, callee }))).toEqual(rows);
		const listed = (await cli("sites", path, "--all")).out.split("\n");
		const lines = listed.flatMap((line) => {
			const [, offset, kind, bytes] =
				/^ {2}\.text\+0x([0-9a-f]+) +(\w+(?: \w+)?) {2,}((?:[0-9a-f]{2} ){4,5}[0-9a-f]{2}) /.exec(line) ?? [];
			return offset === undefined ? [] : [`${Number.parseInt(offset, 16)} ${kind} ${bytes}`];
		});
		expect(lines.sort()).toEqual(rows.map(({ offset, kind, bytes }) => `${offset} ${kind} ${bytes}`).sort());
		const heads = listed.filter((line) => / call sites?$/.test(line));
		const counts = countsOf(rows.map(({ callee }) => callee));
		for (const [name, count] of Object.entries(counts))
			expect(heads).toContain(`${name}: ${count} ${count === 1 ? "call site" : "call sites"}`);
		const summed = (await cli("sites", path, "--all", "--summary")).out.matchAll(/^ *([\d,]+) {2}(\w+)$/gm);
		const summary = Object.fromEntries(Array.from(summed, ([, n, name]) => [name, Number(n!.replace(",", ""))]));
		expect(summary).toEqual(countsOf(rows.map(({ callee }) => callee.replace("+0x3", ""))));

		const edited = join(folder, "edited.o");
		expect(await cli("retarget", path, "--set", "the_last=ext_0", "-o", edited)).toMatchObject({ code: 0 });
		const after = readElf(new Uint8Array(readFileSync(edited)), "edited.o");
		const { symbol } = after.sections.find(({ name }) => name === ".text")!.relocations!;
		expect(symbol).toHaveLength(relocations);
		expect(symbolName(after.symbols, symbol[relocations - 1]!)).toBe("ext_0");
		expect(symbolName(after.symbols, symbol[0]!)).toBe("datum");
	}));

test.each([
	["its symbol", 12, 0xffff, /relocation 19990: symbol 65535 is not below/],
	["its offset", 0, 0x0fff_ffff, /relocation 19990: offset 0xfffffff is not in/],
	["its addend", 20, 0x7fff_ffff, /relocation 19990: addend is not within/],
])("a relocation far behind the first is wrong in %s", async (_, field, value, message) => {
	const wrong = file.slice();
	const relocated = readElf(file, "many.o").sections.find(({ name }) => name === ".rela.text")!;
	new DataView(wrong.buffer).setUint32(relocated.fileOffset + 19_990 * 24 + field, value, true);
	expect(() => readElf(wrong, "many.o")).toThrow(message);
	const parts = readElfParts(piecewise(wrong), "many.o");
	expect(() => countBranches(parts, x86)).toThrow(message);
	expect(() => branchTable(parts, x86)).toThrow(message);
	await inFolder(async (folder) => {
		const path = join(folder, "wrong.o");
		writeFileSync(path, wrong);
		for (const option of ["--summary", "--json-lines", "--json"]) {
			const { code, out, err } = await cli("sites", path, "--all", option);
			expect([code, out.includes("ext_")]).toEqual([3, false]);
			expect(err).toMatch(message);
		}
	});
});

test("a file that changes between two looks at it is not believed", () => {
	const wrong = file.slice();
	const relocated = readElf(file, "many.o").sections.find(({ name }) => name === ".rela.text")!;
	new DataView(wrong.buffer).setUint32(relocated.fileOffset + 12, 0xffff, true);
	const { bytes, load } = piecewise(file);
	const { read } = piecewise(wrong);
	const object = readElfParts({ bytes, load, read }, "many.o");
	expect(() => countBranches(object, x86)).toThrow("changed while it was read");
});

test("no instruction ends behind the code", () => {
	const code = fc.uint8Array({ minLength: 16, maxLength: 40, size: "max" });
	fc.assert(
		fc.property(code, fc.nat(), fc.nat(), (bytes, first, second) => {
			const [at, end] = [first % bytes.length, second % (bytes.length + 1)];
			const length = instructionLength(bytes, at, Math.max(at, end));
			expect(at + length).toBeLessThanOrEqual(Math.max(at, end));
			// What is behind the end does not matter.
			expect(instructionLength(bytes.subarray(0, Math.max(at, end)), at, Math.max(at, end))).toBe(length);
		}),
		{ numRuns: 2000 },
	);
});

test("what a field holds that a relocation will fill goes nowhere", async () => {
	const builder = newObject("fields.o", x86.machine);
	const text = section(builder, ".text");
	const field = (symbol: number, at: number) => relocate(text, at, PLT32, symbol, -4);
	// Each would go into the middle of the other; the third does.
	append(text, [0xe8, 0x02, 0, 0, 0, 0xe8, 0xf8, 0xff, 0xff, 0xff, 0xeb, 0xfa, 0xc3]);
	field(reference(builder, "ext"), 1);
	field(reference(builder, "ext"), 6);
	await inFolder(async (folder) => {
		const path = join(folder, "fields.o");
		writeFileSync(path, writeElf(finish(builder)));
		const { sites } = JSON.parse((await cli("sites", path, "--all", "--json")).out) as {
			sites: { jumpedIntoFrom: string | null }[];
		};
		expect(sites.map(({ jumpedIntoFrom }) => jumpedIntoFrom)).toEqual([null, ".text+0xa"]);
		expect((await cli("sites", path, "--all")).out).toContain(", jumped into from .text+0xa\n");
	});
});

test("a short jump before a call that has a relocation has none itself", async () => {
	const builder = newObject("short.o", x86.machine);
	const text = section(builder, ".text");
	defineSymbol(builder, "near", { section: text, value: 7, size: 1, binding: STB_GLOBAL, type: STT_FUNC });
	append(text, [0xeb, 0x05, 0xe8, 0, 0, 0, 0, 0xc3]);
	relocate(text, 3, PLT32, reference(builder, "ext"), -4);
	await inFolder(async (folder) => {
		const path = join(folder, "short.o");
		writeFileSync(path, writeElf(finish(builder)));
		const { out, err } = await cli("sites", path, "--calls-to", "near");
		expect(err).toBe(
			`1 call without relocation, resolved by the assembler: local calls, which cannot be retargeted (${path}: .text+0x0); compile with -ffunction-sections or -Wa,-mshared\n`,
		);
		expect(out).toContain("0 call sites of 0 keys, and 1 local call\n");
		expect(out).toMatch(/without relocation: 1 local call\n.*\n {2}\.text\+0x0 {2}local jump {2}eb 05 .* near\n/);
	});
});

test("relocations that keep their addends in the code are refused, not misread", () => {
	const { sections, ...rest } = readElf(file, "many.o");
	const implicit = sections.map((each) =>
		each.relocations === undefined ? each : { ...each, relocations: { ...each.relocations, implicitAddends: true } },
	);
	const object = { ...rest, sections: implicit };
	for (const look of [branchTable, countBranches])
		expect(() => look(object, x86)).toThrow("many.o:(.text): its relocations keep their addends in its bytes");
});
