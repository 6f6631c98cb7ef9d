// Writes the files of this repository that are made from tables: `npm run generate`. Tests hold each committed file to
// what its maker yields, so a table and its page cannot drift apart.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { patchbay } from "../cli/patchbay.ts";
import { ExitCode } from "../cli/shell/command.ts";
import { textOf } from "../cli/shell/terminal.ts";
import { reference, rows } from "../linker/isa/index.ts";
import { shared } from "../linker/isa/sets/toy.ts";
import type { Schema } from "../linker/schema.ts";
import { type Expectation, readScenario } from "../runtime/check/index.ts";
import { dispatchText } from "./dispatch-text.ts";
import { schemas } from "./schemas.ts";

interface GeneratedFile {
	/** Relative to the root of the repository. */
	readonly path: string;
	readonly contents: () => string | Promise<string>;
}

export const generated: readonly GeneratedFile[] = [
	{ path: "docs/isa.md", contents: reference },
	{ path: "runtime/machine/dispatch.ts", contents: () => dispatchText(rows, shared) },
	{ path: "README.md", contents: readme },
	{ path: "docs/museum.md", contents: museum },
	...Object.entries(schemas).map(([name, schema]) => ({
		path: `docs/schemas/${name}.json`,
		contents: () => schemaFile(name, schema),
	})),
];

/** A published schema, with the draft it is written in. */
function schemaFile(name: string, schema: Schema): string {
	const head = { $schema: "https://json-schema.org/draft/2020-12/schema", title: `patchbay ${name}` };
	return `${JSON.stringify({ ...head, ...schema }, undefined, "\t")}\n`;
}

/** The page as it is, with what its commands print now. */
async function readme(): Promise<string> {
	const checks = ["naive", "text-poke"].map((name) => ["check", `fixtures/check/${name}.s`]);
	const shown = await Promise.all(
		checks.map(async (argv) => `$ npx patchbay ${argv.join(" ")}\n${await screenOf(argv)}`),
	);
	const temporary = /\S*patchbay-\w{6}(?=\/)/g;
	const demo = (await screenOf(["demo"])).replace(temporary, "/tmp");
	const page = withText(readFileSync("README.md", "utf8"), "storm", stormTable());
	return withScreen(withScreen(page, "demo", demo), "check", shown.join("\n"));
}

/** The page as it is, with what the headers of its scenarios expect of machines with a store buffer. */
function museum(): string {
	return withText(readFileSync("docs/museum.md", "utf8"), "store-buffers", bufferTable());
}

function bufferTable(): string {
	const folder = "fixtures/check/museum";
	const ends = ["broken", "fixed"] as const;
	const columns = ["x86-tso", "arm-tso"].flatMap((model) => ends.map((end) => ({ model, end })));
	const names = readdirSync(folder).flatMap((file) => (file.endsWith("-broken.s") ? [file.slice(0, -9)] : []));
	const rows = names.sort().map((name) => {
		const cells = columns.map(({ model, end }) => {
			const file = `${folder}/${name}-${end}.s`;
			return expectationText(readScenario(readFileSync(file, "utf8"), file).also?.[model]);
		});
		return `| ${[name, ...cells].join(" | ")} |\n`;
	});
	const head = columns.map(({ model, end }) => `${model}, ${end}`);
	return `\n| bug | ${head.join(" | ")} |\n|${" --- |".repeat(1 + head.length)}\n${rows.join("")}\n`;
}

function expectationText(expected: Expectation | undefined): string {
	if (expected === undefined) return "not checked";
	const { verdict, property, steps, states } = expected;
	return property === undefined ? `${verdict}, ${states} states` : `${property} ${steps}`;
}

/** The first table of what `npm run table` wrote: that takes ten minutes. */
function stormTable(): string {
	const [table] = /(?:^\|.*\n)+/m.exec(readFileSync("docs/protocol-table.md", "utf8"))!;
	return `\n${table}\n`;
}

function withScreen(page: string, name: string, text: string): string {
	return withText(page, name, `\`\`\`console\n${text}\`\`\`\n`);
}

/** @param name of the two comments that the text is between */
function withText(page: string, name: string, text: string): string {
	const between = new RegExp(`(<!-- ${name} -->\n)[^]*(<!-- /${name} -->)`);
	return page.replace(between, (_, before, after) => `${before}${text}${after}`);
}

async function screenOf(argv: readonly string[]): Promise<string> {
	let text = "";
	const note = (more: string) => {
		text += more;
	};
	const code = await patchbay(argv, { write: async (more) => note(textOf(more)), note, colour: false, width: 120 });
	if (code > ExitCode.violation) throw new Error(text);
	return text;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
	for (const { path, contents } of generated) {
		mkdirSync(dirname(path), { recursive: true });
		writeFileSync(path, await contents());
	}
}
