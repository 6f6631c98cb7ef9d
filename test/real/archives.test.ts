// Static libraries as GNU ar makes them, thin and not, retargeted and linked by ld.

import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { cli, inFolder } from "../cli/command-line.ts";
import { hasNative, run } from "./native-tools.ts";

/** Two callers of `slow`, one with a name too long for a header, a member that calls nothing, and the functions. */
const sources: Readonly<Record<string, string>> = {
	"one.c": "int slow(int); int one(int x) { return slow(x) + 1; }",
	"a_member_with_a_long_name.c": "int slow(int); int two(int x) { return slow(x) * 2 + 7; }",
	"none.c": "int three(void) { return 3; }",
	"both.c": "int slow(int x) { return x; } int fast(int x) { return x + 100; }",
};
const main = `#include <stdio.h>
int one(int), two(int), three(void); int main(void) { printf("%d %d %d\\n", one(1), two(1), three()); }`;

function build(folder: string, kind: string): string {
	const objects = Object.entries(sources).map(([name, text]) => {
		writeFileSync(`${folder}/${name}`, text);
		run("gcc", "-O1", "-c", `${folder}/${name}`, "-o", `${folder}/${name.replace(/c$/, "o")}`);
		return `${folder}/${name.replace(/c$/, "o")}`;
	});
	writeFileSync(`${folder}/main.c`, main);
	run("ar", kind, `${folder}/lib.a`, ...objects);
	return `${folder}/lib.a`;
}

/** What a program with this library prints. */
function printed(folder: string, library: string): string {
	run("gcc", `${folder}/main.c`, library, "-o", `${folder}/program`);
	return run(`${folder}/program`).trim();
}

test.runIf(hasNative("ar"))("libraries are retargeted, whole and by member", () =>
	inFolder(async (folder) => {
		const library = build(folder, "rcsD");
		const out = `${folder}/out.a`;
		expect(printed(folder, library)).toBe("2 9 3");
		const all = await cli("retarget", library, "--set", "slow=fast", "-o", out);
		expect({ code: all.code, err: all.err }).toEqual({ code: 0, err: "" });
		expect(all.out.match(/1 call site retargeted/g)).toHaveLength(2);
		expect(printed(folder, out)).toBe("102 209 3");
		expect(run("ar", "t", out)).toBe(run("ar", "t", library));
		// ar finds the symbols where they are now.
		expect(
			run("nm", "-s", out)
				.split("\n")
				.filter((line) => line.includes(" in ")),
		).toEqual(
			run("nm", "-s", library)
				.split("\n")
				.filter((line) => line.includes(" in ")),
		);
		const one = await cli("retarget", `${library}(one.o)`, "--set", "slow=fast", "-o", out, "--json");
		expect(JSON.parse(one.out)).toMatchObject({ file: library, members: [{ file: `${library}(one.o)` }] });
		expect(printed(folder, out)).toBe("102 9 3");
		expect((await cli("retarget", out, "--reset", "-o", `${folder}/again.a`)).code).toBe(0);
		expect(readFileSync(`${folder}/again.a`)).toEqual(readFileSync(library));
		const only = ["retarget", `${library}(a_member_with_a_long_name.o)`, "--set", "slow=fast", "--only", "two"];
		expect((await cli(...only, "-o", out)).code).toBe(0);
		expect(printed(folder, out)).toBe("2 209 3");
	}),
);

test.runIf(hasNative("ar"))("a thin library becomes one that holds its members", () =>
	inFolder(async (folder) => {
		const library = build(folder, "rcsDT");
		const out = `${folder}/out.a`;
		expect((await cli("retarget", library, "--set", "slow=fast", "-o", out)).code).toBe(0);
		expect(readFileSync(out, "latin1").startsWith("!<arch>\n")).toBe(true);
		expect(printed(folder, out)).toBe("102 209 3");
	}),
);

test.runIf(hasNative("ar"))("what cannot be meant of a library is refused", () =>
	inFolder(async (folder) => {
		const library = build(folder, "rcsD");
		const refused = async (...argv: readonly string[]) => {
			const { code, err } = await cli("retarget", ...argv);
			return `${code} ${err.replaceAll(library, "lib.a")}`;
		};
		const set = ["--set", "slow=fast", "--dry-run"];
		expect(await refused(library, "--set", "nobody=fast", "--dry-run")).toContain("3 lib.a: no member has a symbol");
		expect(await refused(`${library}(five.o)`, ...set)).toContain("3 lib.a: has no member 'five.o'");
		expect(await refused(library, ...set, "--only", "one")).toContain("--only is about one file");
		expect(await refused(library, "--reset", "--dry-run")).toContain("3 lib.a: no member was retargeted");
	}),
);
