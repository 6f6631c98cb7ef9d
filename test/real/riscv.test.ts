// RISC-V files: what its gcc, ld, objdump and qemu-user know of the same calls.

import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readElf } from "../../linker/elf/index.ts";
import { riscv } from "../../linker/sites/arch/riscv.ts";
import { cli, inFolder } from "../cli/command-line.ts";
import { has, run } from "./native-tools.ts";

const prefix = "riscv64-linux-gnu-";
const tools = [`${prefix}gcc`, `${prefix}ld`, `${prefix}objdump`, "qemu-riscv64"];

const functions =
	"__attribute__((noipa)) int f(int x) { return x + 1; } __attribute__((noipa)) int g(int x) { return x * 10; }";
const program = `#include <stdio.h>
${functions}
__attribute__((noipa)) int t(int x) { return f(x); }
int main(void) { if (t(1) == 3) return 1; printf("%d %d\\n", f(1), t(2)); return 0; }
`;

function compile(folder: string, name: string, text: string, ...flags: readonly string[]): string {
	writeFileSync(`${folder}/${name}.c`, text);
	run(`${prefix}gcc`, "-O2", ...flags, "-c", `${folder}/${name}.c`, "-o", `${folder}/${name}.o`);
	return `${folder}/${name}.o`;
}

function link(folder: string, ...arguments_: readonly string[]): string {
	run(`${prefix}gcc`, "-static", "-Wl,-q", ...arguments_, "-o", `${folder}/a.elf`);
	return `${folder}/a.elf`;
}

function runs(file: string): string {
	chmodSync(file, 0o755);
	return run("qemu-riscv64", file);
}

async function ok(...argv: readonly string[]): Promise<string> {
	const { code, out, err } = await cli(...argv);
	expect({ code, err }).toEqual({ code: 0, err: "" });
	return out;
}

test("displacements are what was written, and nothing else changes", () => {
	fc.assert(
		fc.property(
			fc.constantFrom(...riscv.branches.map(({ form }) => form!)),
			fc.uint8Array({ minLength: 8, maxLength: 8 }),
			fc.double({ min: 0, max: 1, noNaN: true }),
			(form, bytes, where) => {
				const displacement = 2 * Math.round((form.min + where * (form.max - form.min)) / 2);
				const view = new DataView(bytes.buffer);
				const before = form.read(view, 0);
				const copy = bytes.slice();
				form.write(view, 0, displacement);
				expect(form.read(view, 0)).toBe(displacement);
				if (form.length === 8 && (before < form.min || before > form.max)) return;
				form.write(view, 0, before);
				if (form.length < 8 || before % 2 === 0) expect(bytes).toEqual(copy);
			},
		),
	);
});

describe.skipIf(!tools.every(has))("RISC-V", () => {
	test("branches are those that objdump shows", () =>
		inFolder(async (folder) => {
			const file = link(folder, compile(folder, "p", program));
			const object = readElf(new Uint8Array(readFileSync(file)), file);
			const text = object.sections.find(({ name }) => name === ".text")!;
			const shown = new Map<number, number>();
			const listing = run(`${prefix}objdump`, "-d", "-M", "no-aliases", "-j", ".text", file);
			const lines = listing.matchAll(/^ +([0-9a-f]+):\t[0-9a-f]+ +\t(?:c\.)?(?:jal|j|b\w+)\t(?:\w+,)*([0-9a-f]+) </gm);
			for (const [, at, target] of lines) shown.set(Number.parseInt(at!, 16), Number.parseInt(target!, 16));
			expect(shown.size).toBeGreaterThan(10_000);
			const ours = new Map<number, number>();
			riscv.visitTargets(text.data, 0, text.data.length, (from, target) => {
				ours.set(text.address + from, text.address + target);
			});
			const wrong = Array.from(shown).filter(([at, target]) => ours.get(at) !== target);
			expect(wrong.map(([at]) => at.toString(16))).toEqual([]);
		}));

	test.each([
		["relaxed", "-Wl,--relax"],
		["pairs", "-Wl,--no-relax"],
	])("programs are listed and retargeted: %s", (kind, flag) =>
		inFolder(async (folder) => {
			const file = link(folder, flag, compile(folder, "p", program, "-g"));
			const { sites } = JSON.parse(await ok("sites", "--calls-to", "f", "--json", file));
			expect(sites).toMatchObject([
				{ in: "main", kind: "call", source: { line: 4 } },
				{ in: "t", kind: "tail", source: { line: 3 } },
			]);
			expect(sites.map(({ bytes }: { bytes: string }) => bytes.split(" ").length)).toEqual(
				kind === "pairs" ? [8, 8] : [4, 2],
			);
			expect(runs(file)).toBe("2 3\n");
			await ok("retarget", file, "--set", "f=g", "-o", `${folder}/b.elf`);
			expect(runs(`${folder}/b.elf`)).toBe("10 20\n");
			await ok("retarget", file, "--set", "f=null", "-o", `${folder}/c.elf`);
			expect(runs(`${folder}/c.elf`)).toBe("1 2\n");
			await ok("retarget", `${folder}/b.elf`, "--reset", "-o", `${folder}/again`);
			expect(readFileSync(`${folder}/again`).equals(readFileSync(file))).toBe(true);
		}),
	);

	test("objects are listed and retargeted, and link", () =>
		inFolder(async (folder) => {
			const object = compile(folder, "p", program, "-g");
			const { sites } = JSON.parse(await ok("sites", "--calls-to", "f", "--json", object));
			const shown = run(`${prefix}objdump`, "-r", object).matchAll(/^([0-9a-f]+) R_RISCV_CALL(?:_PLT)? +f$/gm);
			expect(sites.map(({ offset }: { offset: number }) => offset).sort()).toEqual(
				Array.from(shown, ([, at]) => Number.parseInt(at!, 16)).sort(),
			);
			expect(sites.map((site: { source: { line: number } }) => site.source.line).sort()).toEqual([3, 4]);
			await ok("retarget", object, "--set", "f=g", "-o", `${folder}/b.o`);
			expect(runs(link(folder, `${folder}/b.o`))).toBe("10 20\n");
		}));

	test("rows of collected calls stay with them when the linker deletes code", () =>
		inFolder(async (folder) => {
			const calls =
				"extern long __SCK__f; int __SCT__f(int); void *k = &__SCK__f; int h(int x) { return __SCT__f(x) + 1; } int t(int x) { return __SCT__f(x + 1); }\n";
			const object = compile(folder, "s", calls);
			expect(await ok("collect", object, "-o", `${folder}/c.o`)).toMatch(/: 2 call sites\n$/);
			const main = compile(
				folder,
				"m",
				"long __SCK__f; int __SCT__f(int x) { return x; } int h(int), t(int); int main(void) { return h(1) + t(1) - 4; }\n",
			);
			const file = link(folder, `${folder}/c.o`, main);
			expect(runs(file)).toBe("");
			const { sites, tables } = JSON.parse(await ok("sites", "--json", file));
			const [table] = tables.filter(({ section }: { section: string }) => section === ".static_call_sites");
			expect(table.places.map(({ code }: { code: { offset: number } }) => code.offset)).toEqual(
				sites.map(({ offset }: { offset: number }) => offset),
			);
			expect(table.entries.map(({ key }: { key: string }) => key)).toEqual(["__SCK__f", "__SCK__f (flags 1)"]);
		}));
});
