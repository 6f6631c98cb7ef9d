// The page docs/fills.md is what checking says: the column of the least coherent machine is checked anew, and that all is safe as it
// is, on some models or on all; the rest is made by `patchbay matrix --fills --markdown`, and
// some of it held by fixtures/check/execmem.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { checkMethod, fillRows, methods } from "../../runtime/check/fill-table.ts";
import { tabulated } from "../../runtime/check/matrix.ts";
import { everything, spread } from "../extent.ts";

const page = readFileSync("docs/fills.md", "utf8");
const anew = tabulated.filter(({ name }) => everything || name === "arm");

function rowsOnPage(): { fill: string; text: string; outcomes: string[] }[] {
	return page
		.split(/^## /m)
		.slice(1)
		.flatMap((section) => {
			const fill = section.split("\n")[0]!;
			const lines = section.split("\n").filter((line) => line.startsWith("| "));
			return lines.slice(2).map((line) => {
				const [text, ...outcomes] = line.slice(2, -2).split(" | ") as [string, ...string[]];
				return { fill, text, outcomes };
			});
		});
}

describe("docs/fills.md", () => {
	test.runIf(everything)("is what checking says", () => {
		const columns = anew.map((model) => tabulated.indexOf(model));
		const some = rowsOnPage().map((row) => ({ ...row, outcomes: columns.map((i) => row.outcomes[i]) }));
		expect(fillRows(anew)).toEqual(some);
	});

	test.each(methods)("$fill.name is safe", (method) => {
		for (const model of spread(tabulated, 3)) expect(checkMethod(method, model).verdict).toBe("safe");
	});
});
