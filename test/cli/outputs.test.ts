// The files that commands write: where they cannot be, and what they must not replace.

import { spawnSync } from "node:child_process";
import {
	chmodSync,
	existsSync,
	lstatSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cli, inFolder } from "./command-line.ts";

const program = "fixtures/programs/pick.js";
const other = "other.js";
const source = `
import { print, staticCall } from "patchbay/source";
import { two } from './${other}';
function one() { return 1; }
export const pick = staticCall(one);
export function main() { print(pick(), two()); }
`;

async function withProgram(use: (file: string, folder: string) => Promise<void>): Promise<void> {
	await inFolder(async (folder) => {
		const file = join(folder, "main.js");
		writeFileSync(file, source);
		writeFileSync(join(folder, other), "export function two() { return 2; }\n");
		await use(file, folder);
	});
}

/** Commands and the option that names what they write. */
const outputs = [
	["run", "--core", ".core"],
	["run", "--trace", ".json"],
	["trace", "--trace", ".txt"],
	["maps", "--svg", ".svg"],
	["link", "-o", ".elf"],
	["link", "--map", ".map"],
	["compile", "-o", ".o"],
	["rewrite", "-o", ".js"],
] as const;

describe.each(outputs)("%s %s", (command, option, suffix) => {
	test("writes nothing below a file, and says so before it runs", () =>
		withProgram(async (file, folder) => {
			const { code, out, err } = await cli(command, file, option, `${file}/x${suffix}`);
			expect({ code, out }).toEqual({ code: 3, out: "" });
			expect(err).toMatch(/: not a folder\n$/);
			expect(err).toContain(file);
			expect(existsSync(join(folder, "main.elf"))).toBe(false);
		}));

	test("does not replace its input", () =>
		withProgram(async (file, folder) => {
			const input = join(folder, `link${suffix === ".o" || suffix === ".elf" ? ".js" : suffix}`);
			symlinkSync(file, input);
			const { code, out, err } = await cli(command, file, option, input);
			expect({ code, out, err }).toEqual({
				code: 2,
				out: "",
				err: `error: ${input}: is an input; write to another file\n`,
			});
			expect(readFileSync(file, "utf8")).toBe(source);
		}));

	test("writes no folder", () =>
		withProgram(async (file, folder) => {
			if (command === "rewrite") return;
			const output = join(folder, `folder${suffix}`);
			mkdirSync(output);
			const { code, out, err } = await cli(command, file, option, output);
			expect({ code, out, err }).toEqual({ code: 3, out: "", err: `${output}: is a folder\n` });
		}));
});

test.each([
	["link", "-o"],
	["maps", "--svg"],
	["run", "--core"],
	["rewrite", "-o"],
])("%s %s names a file", (command, option) =>
	withProgram(async (file) => {
		const { code, err } = await cli(command, file, option, "");
		expect({ code, err }).toEqual({ code: 2, err: "error: the name of the file to write is empty\n" });
	}),
);

test("modules that are imported are inputs too", () =>
	withProgram(async (file, folder) => {
		expect((await cli("link", file, "-o", join(folder, other))).code).toBe(2);
		expect((await cli("rewrite", file, "-o", folder)).code).toBe(2);
		expect((await cli("compile", file, "-o", join(folder, other))).code).toBe(2);
		expect((await cli("link", file, "-o", join(folder, "x.elf"), "--map", join(folder, other))).code).toBe(2);
		expect((await cli("run", file, "--core", join(folder, other))).code).toBe(2);
		expect(readFileSync(join(folder, other), "utf8")).toContain("export function two");
	}));

test.each(["--pieces", "--json"])("a picture goes without %s", (option) =>
	withProgram(async (file) => {
		const { code, err } = await cli("maps", file, "--picture", option);
		expect({ code, err }).toEqual({
			code: 2,
			err: `error: --picture is drawn instead of text: leave ${option} out\n`,
		});
	}),
);

test("fills have no protocol", async () => {
	expect(await cli("matrix", "--fills", "--protocol", "naive")).toMatchObject({ code: 2, out: "" });
});

test("an image is still patched in place", () =>
	withProgram(async (file, folder) => {
		const image = join(folder, "work.elf");
		await cli("link", file, "-o", image);
		expect((await cli("patch", image, "--set", "pick=two", "-o", image)).code).toBe(0);
		expect((await cli("run", image)).out).toBe("2 2\n");
	}));

describe("an output that is there", () => {
	async function link(output: string) {
		const { code, err } = await cli("link", program, "-o", output);
		return { code, err };
	}

	test("keeps its mode", () =>
		inFolder(async (folder) => {
			const output = join(folder, "o.elf");
			writeFileSync(output, "old");
			chmodSync(output, 0o600);
			expect(await link(output)).toMatchObject({ code: 0 });
			expect(statSync(output).mode & 0o7777).toBe(0o600);
		}));

	test("is not replaced when it is read-only", () =>
		inFolder(async (folder) => {
			const output = join(folder, "o.elf");
			writeFileSync(output, "old");
			chmodSync(output, 0o444);
			expect(await link(output)).toEqual({ code: 3, err: `${output}: is read-only\n` });
			expect(readFileSync(output, "utf8")).toBe("old");
		}));

	test.each([true, false])("is written through a symbolic link (to a file: %s)", (isThere) =>
		inFolder(async (folder) => {
			const output = join(folder, "o.elf");
			mkdirSync(join(folder, "other"));
			const target = join(folder, "other", "real.elf");
			if (isThere) writeFileSync(target, "old");
			symlinkSync(join("other", "real.elf"), output);
			expect(await link(output)).toMatchObject({ code: 0 });
			expect(lstatSync(output).isSymbolicLink()).toBe(true);
			expect(lstatSync(target).isFile()).toBe(true);
			expect(readFileSync(target).subarray(1, 4).toString()).toBe("ELF");
			expect(readdirSync(join(folder, "other"))).toEqual(["real.elf"]);
		}),
	);

	test("that is a circle of links is refused", () =>
		inFolder(async (folder) => {
			const output = join(folder, "o.elf");
			symlinkSync("o.elf", output);
			expect(await link(output)).toEqual({ code: 3, err: `${output}: too many symbolic links\n` });
		}));
});

test("what a killed process left is removed, what a running one writes is not", () =>
	inFolder(async (folder) => {
		const child = spawnSync("true");
		const dead = `.patchbay-${child.pid}-0123456789abcdef.tmp`;
		const alive = `.patchbay-${process.ppid}-0123456789abcdef.tmp`;
		for (const name of [dead, alive]) writeFileSync(join(folder, name), "half");
		await cli("link", program, "-o", join(folder, "o.elf"));
		expect(readdirSync(folder).sort()).toEqual([alive, "o.elf"].sort());
	}));
