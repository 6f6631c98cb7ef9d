// docs/tour.md leads through files and functions that are there.

import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const page = readFileSync("docs/tour.md", "utf8");
const stops = Array.from(page.matchAll(/`([\w./-]+\.(?:ts|js|c))`(?:\s+`(\w+)`)?/g), ([, file, name]) => ({
	file: file!,
	name,
}));

test("the tour has two walks", () => {
	expect(page.match(/^## /gm)).toHaveLength(2);
	expect(stops.length).toBeGreaterThan(20);
});

test.each(stops)("$file $name", ({ file, name }) => {
	expect(existsSync(file)).toBe(true);
	if (name === undefined) return;
	expect(readFileSync(file, "utf8")).toMatch(new RegExp(`^export (?:async )?(?:function|const) ${name}\\b`, "m"));
});
