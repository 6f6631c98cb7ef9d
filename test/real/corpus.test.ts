// A sample of the objects, archives and executables that this machine's packages installed: each relocation is what
// readelf says. `node bench/corpus.ts` goes through all of them.

import { existsSync, statSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compareFile, findFiles, newResult } from "../../bench/corpus.ts";
import { howMany } from "../extent.ts";
import { hasNative } from "./native-tools.ts";

const folders = [
	"/usr/lib/gcc",
	"/usr/lib/gcc-cross",
	"/usr/aarch64-linux-gnu",
	"/usr/lib/x86_64-linux-gnu",
	"/usr/bin",
];

describe.skipIf(!hasNative("readelf"))("files of this machine", () => {
	test("readelf agrees on every relocation of a sample", () => {
		const files = folders
			.filter(existsSync)
			.flatMap(findFiles)
			.filter((file) => statSync(file).size < 1 << 20);
		const objects = files.filter((file) => /\.[oa]$/.test(file));
		const others = files.filter((file) => !/\.[oa]$/.test(file));
		const most = howMany(6, 40);
		const sample = [...every(objects, most), ...every(others, most)];
		const result = newResult();
		for (const file of sample) compareFile(file, result);
		expect(result.differences).toEqual([]);
		expect(result.refused.filter((reason) => !reason.includes("class 1 is not 2 (64-bit)"))).toEqual([]);
		expect(result.relocations).toBeGreaterThan(100);
	});
});

/** About `count` of them, spread evenly. */
function every<T>(all: readonly T[], count: number): T[] {
	const step = Math.max(1, Math.floor(all.length / count));
	return all.filter((_, i) => i % step === 0);
}
