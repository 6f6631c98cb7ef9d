// Whoever calls the library reads its comments in an editor: everything that an entry point exports has one.

import { expect, test } from "vitest";
import { publicExports } from "../tools/exports.ts";

const all = publicExports();

test("exports are found, declared and passed on", () => {
	const names = new Set(all.map(({ name }) => name));
	for (const name of ["compile", "link", "readElf", "staticCalls", "check", "breakpoint", "Image", "SHT_RELA"])
		expect(names, name).toContain(name);
});

test("everything that the package exports has a comment", () => {
	expect(all.filter(({ documented }) => !documented).map(({ file, name }) => `${file}: ${name}`)).toEqual([]);
});
