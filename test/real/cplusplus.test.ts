// Names of C++: shown and asked for as their programs write them.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { demangled } from "../../cli/shell/demangle.ts";
import { cli, inFolder } from "../cli/command-line.ts";
import { run } from "./native-tools.ts";

const program = `
#include <cstdio>
#define ALONE __attribute__((noinline))
namespace ns {
ALONE int slow(int x) { return x * 3 + 1; }
ALONE int fast(int x) { return x * 2; }
ALONE int fast(int x, int y) { return x * y; }
}
static inline int tiny(int x) { return x ^ 5; }
extern "C" int left(int x) { return x + 1; }
int main(int c, char **) { std::printf("%d %d\\n", ns::slow(c + 4), tiny(c) + ns::fast(c, c)); return ns::fast(c) - 2; }
`;

const has = (tool: string): boolean => spawnSync(tool, ["--version"]).status === 0;
const hasTools = has("g++") && has("c++filt");
if (!hasTools) console.warn("SKIPPED: g++ or c++filt is missing; nothing of C++ was listed");

test("what is no mangled name is as it was", () => {
	for (const name of ["main", "__SCT__pick", "_Zebra", "_R", "_ZN2ns4slow", ""]) expect(demangled(name)).toBe(name);
	expect(demangled("_ZN2ns4slowEi@V2")).toBe("ns::slow(int)@V2");
	expect(demangled("_RNvC7mycrate3foo")).toBe("mycrate::foo");
});

describe.skipIf(!hasTools)("C++", () => {
	const built = (use: (folder: string) => Promise<void>): Promise<void> =>
		inFolder(async (folder) => {
			writeFileSync(`${folder}/a.cpp`, program);
			run("g++", "-O2", "-Wl,--emit-relocs", `${folder}/a.cpp`, "-o", `${folder}/a`);
			run("g++", "-O2", "-c", `${folder}/a.cpp`, "-o", `${folder}/a.o`);
			await use(folder);
		});

	test("is listed by the names that c++filt gives", () =>
		built(async (folder) => {
			const { out } = await cli("sites", `${folder}/a.o`, "--all", "--summary", "--json");
			const keys = (JSON.parse(out).keys as { key: string }[]).map(({ key }) => key);
			const calls = run("readelf", "-rW", `${folder}/a.o`).matchAll(/R_X86_64_PLT32 +[0-9a-f]+ (\S+) - 4/g);
			const mangled = [...new Set(Array.from(calls, ([, name]) => name!))];
			expect(keys.toSorted()).toEqual(
				run("c++filt", ...mangled)
					.trim()
					.split("\n")
					.sort(),
			);
			expect(keys).toContain("ns::fast(int, int)");
		}));

	test.each(["ns::slow(int)", "_ZN2ns4slowEi"])("is asked for as %s, and retargeted", (name) =>
		built(async (folder) => {
			const { out } = await cli("sites", `${folder}/a`, "--calls-to", name);
			expect(out).toMatch(/1 call site of 1 key\n.*\nns::slow\(int\): 1 call site\n.* main\+/);
			const set = ["--set", `${name}=ns::fast(int)`];
			const plan = await cli("retarget", `${folder}/a`, ...set, "-o", `${folder}/b`, "--only", "main");
			expect(plan.out).toMatch(/main\+\S+ +call +ns::slow\(int\) +ns::fast\(int\)/);
			expect(run(`${folder}/a`)).toBe("16 5\n");
			expect(run(`${folder}/b`)).toBe("10 5\n");
		}),
	);

	test("messages and clones have names as well", () =>
		built(async (folder) => {
			writeFileSync(
				`${folder}/v.cpp`,
				`namespace ns { int slow(int); struct V { virtual int area(int x); };
int V::area(int x) { return x + 1; }
__attribute__((noinline)) static int partly(int x, int unused) { return slow(x) + slow(x + 1); } }
int f(int x) { return ns::partly(x, 1) + ns::partly(x + 1, 2); }`,
			);
			run("g++", "-O2", "-ffunction-sections", "-c", `${folder}/v.cpp`, "-o", `${folder}/v.o`);
			const none = await cli("retarget", `${folder}/v.o`, "--set", "ns::V::area(int)=null", "--dry-run");
			expect(none.err).toMatch(/names 'ns::V::area\(int\)'; .* as virtual functions are\?\n/);
			const plan = await cli("retarget", `${folder}/v.o`, "--set", "ns::slow(int)=null", "--dry-run");
			const clone = run("c++filt", /\b_ZN2nsL6partly\S*/.exec(run("nm", `${folder}/v.o`))![0]).trim();
			expect(clone).toContain("[clone ");
			expect(plan.out).toContain(` ${clone}+0x`);
			const only = ["--only", clone, "--dry-run", "--json"];
			const chosen = await cli("retarget", `${folder}/v.o`, "--set", "ns::slow(int)=null", ...only);
			expect(JSON.parse(chosen.out).sites).toHaveLength(2);
		}));

	test("tables call functions the same", () =>
		built(async (folder) => {
			run("g++", "-O2", "-fpatchable-function-entry=5", "-c", `${folder}/a.cpp`, "-o", `${folder}/e.o`);
			const { code, out } = await cli("tables", `${folder}/e.o`);
			expect(code).toBe(0);
			expect(out).toMatch(/^\.text\S* +ns::fast\(int, int\) /m);
			expect(out).not.toContain("_ZN");
			expect((await cli("tables", `${folder}/e.o`, "--json")).out).toContain('"symbol":"ns::fast(int, int)"');
		}));

	test("what cannot be named is said, with what there is", () =>
		built(async (folder) => {
			const refused = async (...argv: string[]): Promise<string> => (await cli(...argv)).err;
			expect(await refused("sites", `${folder}/a`, "--calls-to", "ns::fast")).toMatch(
				/has no symbol 'ns::fast'; there are ns::fast\(int(, int)?\), ns::fast\(int(, int)?\)\n/,
			);
			expect(await refused("sites", `${folder}/a`, "--calls-to", "tiny(int)")).toContain(
				"inlined wherever it is called",
			);
			expect((await cli("sites", `${folder}/a`, "--calls-to", "left")).out).toContain("nothing calls left (inlined?)");
			expect(await refused("retarget", `${folder}/a.o`, "--set", "ns::slow(int)=ns::fas(int)", "--dry-run")).toContain(
				"has no symbol 'ns::fas(int)' (did you mean 'ns::fast(int)'?)",
			);
			expect(await refused("retarget", `${folder}/a`, "--set", "ns::slow(long)=null", "--dry-run")).toMatch(
				/has no symbol 'ns::slow\(long\)'; there is ns::slow\(int\)\n/,
			);
			expect(await refused("retarget", `${folder}/a`, "--set", "ns::gone(int)=null", "--dry-run")).toContain(
				"has no symbol 'ns::gone(int)'; is it inlined wherever it is called, or stripped?",
			);
			expect(await refused("retarget", `${folder}/a`, "--set", "left=null", "--dry-run")).toContain(
				"no relocation of a call names 'left'; is it inlined wherever it is called, or called by pointers alone",
			);
			run("strip", "-o", `${folder}/s`, `${folder}/a`);
			expect(await refused("retarget", `${folder}/s`, "--set", "ns::slow(int)=null", "--dry-run")).toContain(
				"s: has no symbols, so nothing says where 'ns::slow(int)' is: they were stripped\n",
			);
		}));
});
