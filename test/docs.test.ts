// What the documentation promises is there, and what is there is documented.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Command as CommandLine } from "commander";
import { describe, expect, test } from "vitest";
import { groupOf, loadCommands } from "../cli/commands/index.ts";
import { compile } from "../linker/compile/index.ts";
import { decode, disassemble } from "../linker/isa/index.ts";
import { filled } from "../linker/markdown.ts";

const commands = await loadCommands();

const pages = [
	"README.md",
	...readdirSync("docs")
		.filter((name) => name.endsWith(".md"))
		.map((name) => `docs/${name}`),
];
const texts = new Map(pages.map((page) => [page, readFileSync(page, "utf8")]));

test.each(pages)("the links of %s lead somewhere", (page) => {
	const targets = Array.from(texts.get(page)!.matchAll(/\]\((?!https?:)([^)#\s]+)/g), ([, target]) => target!);
	expect(targets.filter((target) => !existsSync(join(dirname(page), target)))).toEqual([]);
});

test.each(pages)("the prose of %s has lines of at most 120 columns", (page) => {
	const text = texts.get(page)!;
	expect(filled(text)).toBe(text);
});

test("docs/README.md lists every page", () => {
	const missing = pages.filter((page) => page.startsWith("docs/") && page !== "docs/README.md");
	expect(missing.filter((page) => !texts.get("docs/README.md")!.includes(page.replace("docs/", "](")))).toEqual([]);
});

describe("docs/cli.md", () => {
	const page = texts.get("docs/cli.md")!;

	test.each(commands.map(({ name }) => name))("knows %s", (name) => {
		expect(page).toMatch(new RegExp(`^\\| \`${name}[ \`]`, "m"));
	});

	test("has the commands in the groups of the help", () => {
		const told = [...page.matchAll(/^### (.*)\n\n\| command [\s\S]*?\n\n/gm)].map(([table, title]) => [
			title,
			Array.from(table.matchAll(/^\| `([\w-]+)/gm), ([, name]) => name),
		]);
		const titles = [...new Set(commands.map(({ name }) => groupOf(name)))];
		expect(told).toEqual(
			titles.map((title) => [title, commands.map(({ name }) => name).filter((name) => groupOf(name) === title)]),
		);
	});

	test("the table of defaults is that of the options", () => {
		const names = ["model", "profile", "protocol"] as const;
		const table = Array.from(page.matchAll(/^\| `([\w-]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm), (row) =>
			row.slice(1),
		);
		const told = new Map(table.map(([command, ...cells]) => [command, cells]));
		for (const command of commands) {
			const line = new CommandLine();
			command.declare(line);
			const options = names.map((name) =>
				line.options.find((option) => option.attributeName() === name && (option.required || option.optional)),
			);
			if (options.every((option) => option === undefined)) {
				expect(told.has(command.name), command.name).toBe(false);
				continue;
			}
			const cells = told.get(command.name);
			for (const [i, option] of options.entries()) {
				const { defaultValue } = option ?? { defaultValue: "–" };
				// An option without a default takes what the words say: all, or what a file names.
				if (defaultValue === undefined) expect(cells?.[i], command.name).toMatch(/^(all|any|the scenario's)/);
				else expect(cells?.[i], command.name).toBe([defaultValue].flat().join(", "));
			}
		}
	});

	test("every schema that is written is described somewhere", () => {
		const sources = ["cli", "runtime"].flatMap((folder) =>
			readdirSync(folder, { recursive: true, encoding: "utf8" })
				.filter((file) => file.endsWith(".ts"))
				.map((file) => readFileSync(join(folder, file), "utf8")),
		);
		const schemas = new Set(
			sources.flatMap((text) => Array.from(text.matchAll(/"(patchbay\/\w+@\d+)"/g), ([, name]) => name!)),
		);
		const all = [...texts.values()].join("\n");
		expect(schemas.size).toBeGreaterThan(8);
		expect([...schemas].filter((schema) => !all.includes(schema))).toEqual([]);
	});
});

test("docs/algorithms.md shows the code that the compiler makes of its example", () => {
	const page = texts.get("docs/algorithms.md")!;
	const [, source] = /^```js\n(.*?)^```$/ms.exec(page)!;
	const { sections } = compile(`export ${source}`, { file: "mix.js" });
	const { data } = sections.find(({ name }) => name === ".text")!;
	const lines: string[] = [];
	for (let at = 0; at < data.length; ) {
		const instruction = decode(data, at)!;
		lines.push(`    ${disassemble(instruction, at)}`);
		at += instruction.length;
	}
	expect(lines.length).toBeGreaterThan(3);
	expect(page).toContain(`\n\n${lines.join("\n")}\n\n`);
});
