// Functions of a running C++ program are asked for, shown and replaced by the names that their source gives them.

import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { cli, inFolder } from "../cli/command-line.ts";
import { has, hasNative, run } from "../real/native-tools.ts";
import { withTarget } from "./target-process.ts";

const program = `#include <cstdio>
#include <unistd.h>
namespace ns {
__attribute__((noipa)) int slow(int x) { return x + 1; }
__attribute__((noipa)) int slow(long x) { return x + 2; }
__attribute__((noipa)) int fast(int x) { return x + 100; }
struct Loop { __attribute__((noipa)) int turn(int n) { return slow(n) + slow(long(n)); } };
}
int main() { ns::Loop loop; for (int n = 0;; n++) { std::printf("%d\\n", loop.turn(n) - 2 * n); std::fflush(stdout); usleep(1000); } }
`;

test.skipIf(!hasNative() || !has("g++"))("C++ functions are called what c++filt calls them", () =>
	inFolder(async (folder) => {
		writeFileSync(`${folder}/a.cc`, program);
		run("g++", "-O1", `${folder}/a.cc`, "-Wl,--emit-relocs", "-o", `${folder}/a`);
		await withTarget(`${folder}/a`, [], async ({ pid, printed }) => {
			const live = (...argv: readonly string[]) => cli("live", String(pid), ...argv);
			const listed = await live("--calls-to", "ns::slow(int)");
			expect(listed).toMatchObject({ code: 0, err: "" });
			expect(listed.out).toContain("ns::slow(int): 1 call site, found by relocations\n");
			expect(listed.out).toMatch(/ ns::Loop::turn\(int\)\+0x[0-9a-f]+ +call +ns::slow\(int\) /);
			expect(listed.out).not.toContain("_Z");
			const mangled = await live("--calls-to", "_ZN2ns4slowEi");
			expect(mangled.out).toBe(listed.out);
			const entries = JSON.parse((await live("--calls-to", "ns::slow(int)", "--json")).out).entries;
			expect(entries).toMatchObject([{ name: "_ZN2ns4slowEi", sites: [{ calls: "_ZN2ns4slowEi" }] }]);
			const done = await live("--set", "ns::slow(int)=ns::fast(int)");
			expect(done).toMatchObject({ code: 0, err: "" });
			expect(done.out).toContain("ns::slow(int) → ns::fast(int): 1 call site changed\n");
			const before = printed().length;
			while (!printed().slice(before).includes("\n102\n")) await new Promise((resolve) => setTimeout(resolve, 5));
			expect((await live("--calls-to", "ns::slow(int)", "--watch", "1")).out).toMatch(
				/ns::slow\(int\) +ns::fast\(int\)/,
			);
			const wrong = await live("--calls-to", "ns::slow");
			expect([wrong.code, wrong.err]).toEqual([3, expect.stringContaining("ns::slow(int), ns::slow(long)")]);
		});
	}),
);
