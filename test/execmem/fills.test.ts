// The page docs/fills.md is what checking says: the column of the least coherent machine is checked anew, and that all is
// safe as it is; the rest is made by `patchbay matrix --fills --markdown`, and some of it held by fixtures/check/execmem.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { checkMethod, fillRows, methods } from "../../runtime/check/fill-table.ts";
import { models } from "../../runtime/machine/models/index.ts";

const page = readFileSync("docs/fills.md", "utf8");
const anew = models.filter(({ name }) => name === "arm");

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
	test("is what checking says", () => {
		const columns = anew.map((model) => models.indexOf(model));
		const some = rowsOnPage().map((row) => ({ ...row, outcomes: columns.map((i) => row.outcomes[i]) }));
		expect(fillRows(anew)).toEqual(some);
	});

	test.each(methods)("$fill.name is safe on every model", (method) => {
		for (const model of models) expect(checkMethod(method, model).verdict).toBe("safe");
	});
});
