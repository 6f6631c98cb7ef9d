// Inputs that mean harm, on the command line: what they may take of time and memory, what they may open, and what of them
// reaches the terminal.

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import {
	append,
	type ElfObject,
	finish,
	newObject,
	readElf,
	reference,
	relocate,
	section,
	writeElf,
} from "../../linker/elf/index.ts";
import { suggestion } from "../../linker/errors.ts";
import { cli, inFolder } from "./command-line.ts";

const program = 'import { print } from "patchbay/source"; export function main() { print(1); }\n';

/** An x86-64 object in which `main` calls functions of these names. */
function callsOf(names: readonly string[]): ElfObject {
	const builder = newObject("calls.o", 62);
	const text = section(builder, ".text");
	for (const name of names) {
		const at = append(text, new Uint8Array([0xe8, 0, 0, 0, 0]));
		relocate(text, at + 1, 4, reference(builder, name), -4);
	}
	return finish(builder);
}

test("names that overlap are refused when they are far more than the file", () =>
	inFolder(async (folder) => {
		const count = 4000;
		const object = callsOf(Array.from({ length: count }, (_, i) => `f${i}`));
		const strings = new Uint8Array(count + 2).fill(0x61, 1, count + 1);
		const name = object.symbols.name.map((_, i) => i);
		const bytes = writeElf({ ...object, symbols: { ...object.symbols, strings, name } });
		expect(() => readElf(bytes, "calls.o")).toThrow(
			/calls\.o:.*: its names overlap and are more than \d+ bytes in all/,
		);
		writeFileSync(join(folder, "calls.o"), bytes);
		expect(await cli("sites", "--all", join(folder, "calls.o"))).toMatchObject({ code: 3, out: "" });
		const few = object.symbols.name.map((_, i) => Math.max(0, count - (i % 40)));
		expect(() =>
			readElf(writeElf({ ...object, symbols: { ...object.symbols, strings, name: few.fill(0, 0, 1) } }), "a.o"),
		).not.toThrow();
	}));

test.each([["sites"], ["sites", "--all"], ["sites", "--summary"]])(
	"control characters of names do not reach the terminal (%s %s)",
	(...argv) =>
		inFolder(async (folder) => {
			writeFileSync(
				join(folder, "calls.o"),
				writeElf(callsOf(["__SCT__slow\x1b]0;title\x07\nforged: line", "__SCT__é\u202e"])),
			);
			const { code, out, err } = await cli(...argv, join(folder, "calls.o"));
			expect(code).toBe(0);
			expect(out + err).toContain("slow\\x1b]0;title\\x07\\x0aforged: line");
			expect(out + err).toContain("é");
			expect((out + err).replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202e]/u);
			expect(out + err).not.toMatch(/^forged/m);
		}),
);

test("messages have names in printable form", async () => {
	const { err } = await cli("run", "no\x1b[31mfile");
	expect(err).toContain("no\\x1b[31mfile: ");
});

test("a module's init counts among the cycles", () =>
	inFolder(async (folder) => {
		const [main, module] = [join(folder, "main.js"), join(folder, "m.js")];
		writeFileSync(main, program);
		writeFileSync(module, 'export function init() { "init"; let n = 0; while (n >= 0) n = 0; return n; }\n');
		const before = await cli("run", main, "--load", module, "--max-cycles", "100000");
		expect(before).toMatchObject({
			code: 4,
			err: expect.stringContaining("not done after 100,000 cycles (--max-cycles)"),
		});
		writeFileSync(main, "export function main() { for (;;) {} }\n");
		const beside = await cli("run", main, "--load", `${module}@5000`, "--max-cycles", "100000");
		expect(beside).toMatchObject({ code: 4, err: expect.stringContaining("(--max-cycles)") });
	}));

test("devices are no files", async () => {
	for (const argv of [
		["run"],
		["dump"],
		["sites"],
		["check"],
		["link", "-o", "/dev/null"],
		["merge"],
		["retarget", "--dry-run", "--set", "f=g"],
	])
		expect(await cli(...argv, "/dev/zero")).toMatchObject({ code: 3, err: "/dev/zero: is a device, not a file\n" });
});

test("a pipe is read once and used twice", () =>
	inFolder(async (folder) => {
		const pipe = join(folder, "p.js");
		execFileSync("mkfifo", [pipe]);
		const writer = spawn("sh", ["-c", 'printf %s "$1" > "$2"', "sh", program, pipe]);
		const { code, out } = await cli("sites", pipe);
		writer.kill();
		expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining("0 call sites") });
	}));

test("long names get no suggestion, and many are not all compared", () => {
	expect(suggestion("pikc", ["pick"])).toBe(" (did you mean 'pick'?)");
	expect(suggestion("q".repeat(20_000), ["k".repeat(20_000)])).toBe("");
	let looked = 0;
	function* names() {
		for (let i = 0; i < 1e6; i++, looked++) yield `${"k".repeat(190)}${i}`;
	}
	suggestion("q".repeat(200), names());
	expect(looked).toBeLessThan(1000);
});

test("source lines come from below the root only", () =>
	inFolder(async (folder) => {
		const inside = join(folder, "in");
		mkdirSync(inside);
		const source = join(inside, "trap.js");
		writeFileSync(source, "export function main() { return (1 / ((main() & 0) | 0)) | 0; }\n// secret\n");
		const object = join(folder, "trap.o");
		await cli("compile", source, "-o", object);
		expect((await cli("dump", object)).out).not.toContain("return (1");
		expect((await cli("dump", object, "--source-root", folder)).out).toContain("return (1");
		expect((await cli("dump", object, "--source-root", inside)).out).toContain("return (1");
		expect((await cli("dump", source)).out).toContain("return (1");
		expect(relative(folder, source)).toBe("in/trap.js");
	}));
