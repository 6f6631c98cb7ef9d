// Tables that say what cannot be: every number is checked where it is read, and its place is named.

import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { assemble, compile } from "../../linker/compile/index.ts";
import { type ElfObject, ET_DYN, readElf, writeElf } from "../../linker/elf/index.ts";
import { LinkError } from "../../linker/errors.ts";
import { link } from "../../linker/link/index.ts";
import { alternatives, listing, operationCalls } from "../../linker/sites/index.ts";
import { run } from "../../runtime/patch/index.ts";
import { cli, inFolder } from "../cli/command-line.ts";
import { imageOf, systemOf } from "../machines.ts";

/** The object with other bytes in a section. */
function withBytes(object: ElfObject, section: string, at: number, ...bytes: readonly number[]): ElfObject {
	const copy = readElf(writeElf(object), object.name);
	copy.sections.find(({ name }) => name === section)!.data.set(bytes, at);
	return copy;
}

const paravirt = compile(
	'import { paravirt, print } from "patchbay/source"; function f(x) { return x; } const op = paravirt(f);\n' +
		"export function main() { print(op(3)); }",
	{ file: "pv.js" },
);
const either = assemble(
	".global main\n.type main, @function\nmain:\tmovi r0, 1\nat:\t.alternative\n\tnop\n\tnop\n\t.replacement fast\n\tnop\n\t.endalternative\n\thlt\n",
	{ file: "alt.s" },
);

describe("calls of operations", () => {
	const read = (bytes: number) => () => operationCalls(withBytes(paravirt, ".pv_sites", 8, bytes));

	test("are at least a call long", () => {
		expect(read(5)).not.toThrow();
		expect(read(4)).toThrow("(.pv_sites+0x0): 4 bytes are less than the 5 of a call");
		expect(read(0)).toThrow(LinkError);
	});

	test("end in their section", () => {
		expect(read(255)).toThrow(/pv\.js:\(\.pv_sites\+0x0\): 255 bytes are to be at .*, and the section has \d+/);
	});
});

test("alternatives end in their section", () => {
	expect(() => alternatives(either)).not.toThrow();
	expect(() => alternatives(withBytes(either, ".altinstructions", 12, 200))).toThrow(
		/200 bytes are to be at .*the section has/,
	);
	expect(() => alternatives(withBytes(either, ".altinstructions", 12, 200, 200))).toThrow(LinkError);
});

test("a label that no JMP reaches is refused when an image is read", async () => {
	const object = compile(
		'import { enable, print, staticBranch, staticKey } from "patchbay/source"; const k = staticKey(false);\n' +
			"export function main() { enable(k); if (staticBranch(k)) print(1); }",
		{ file: "far.js" },
	);
	const image = link([object]);
	const far = withBytes(image.elf, "__jump_table", 7, 0x7f);
	await inFolder(async (folder) => {
		writeFileSync(`${folder}/far.elf`, writeElf(far));
		const { code, err } = await cli("run", `${folder}/far.elf`);
		expect({ code, err }).toEqual({ code: 3, err: expect.stringContaining("is out of reach of a JMP at 0x40") });
	});
});

test("the toy machine has no shared objects", async () => {
	const shared = writeElf(paravirt);
	new DataView(shared.buffer, shared.byteOffset).setUint16(16, ET_DYN, true);
	await inFolder(async (folder) => {
		writeFileSync(`${folder}/a.so`, shared);
		const { code, err } = await cli("sites", `${folder}/a.so`);
		expect({ code, err }).toEqual({ code: 3, err: expect.stringContaining("is neither an object nor an image") });
	});
});

test("symbols outside of their section name nothing in a listing", () => {
	const object = assemble("f:\tnop\n\thlt\n", { file: "f.s" });
	expect(listing(object)).toContain("<f>:");
	const symbols = { ...object.symbols, value: object.symbols.value.map((value, i) => (i === 0 ? value : 2 ** 40)) };
	expect(listing({ ...object, symbols }).split("\n").length).toBeLessThan(20);
	expect(listing({ ...object, symbols })).not.toContain("<f>:");
});

test.each([
	["a negative length", "movi r1, -1", "-1 bytes at 0x400000 cannot be read"],
	["a length that is more than there is", "movi r1, 0x7fffffff", "2147483647 bytes at 0x400000 cannot be read"],
	["an address where nothing is", "movi r1, 4\n\tmovi r0, 0x10", "4 bytes at 0x10 cannot be read"],
])("a text with %s traps the program that prints it", (_, set, message) => {
	const image = imageOf(`.global main\n.type main, @function\nmain:\tmovi r0, main\n\t${set}\n\tecall 3\n\thlt`);
	const system = systemOf(image);
	expect(run(system, { cycles: 1e6 })).toMatchObject({ kind: "trapped" });
	expect(system.refusal).toBe(`host call 3: ${message}`);
});

test("a program that asks what a key calls, where there is no key, is trapped", () => {
	const system = systemOf(imageOf(".global main\n.type main, @function\nmain:\tmovi r0, 0\n\tecall 10\n\thlt"));
	expect(run(system, { cycles: 1e6 })).toMatchObject({ kind: "trapped" });
	expect(system.refusal).toBe("host call 10: a key at 0x0 cannot be read");
});
