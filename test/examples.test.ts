// The examples of the library in README.md and docs/ compile as a careful user's program does, with `noUncheckedIndexedAccess`.

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { inFolder } from "./cli/command-line.ts";
import { everything } from "./extent.ts";

/** What the text around an example has made already, by name. */
const given = {
	source: "string",
	object: 'import("patchbay/elf").ElfObject',
	image: 'import("patchbay/link").Image',
	system: 'import("patchbay/patch").System',
} as const;

interface Example {
	readonly place: string;
	readonly code: string;
}

/** The blocks that import an entry point; those of `patchbay/source` are programs, which Node and the machine run. */
function examplesIn(file: string): Example[] {
	const blocks = readFileSync(file, "utf8").matchAll(/^```(?:ts|js)\n(.*?)^```$/gms);
	return Array.from(blocks, (block) => ({ place: `${file}: ${block[1]!.split("\n")[0]}`, code: block[1]! })).filter(
		({ code }) => /from "patchbay\/(?!source")/.test(code),
	);
}

const pages = readdirSync("docs")
	.filter((name) => name.endsWith(".md"))
	.map((name) => `docs/${name}`);
const examples = ["README.md", ...pages].flatMap(examplesIn);

function programOf({ code }: Example): string {
	const names = Object.entries(given).filter(([name]) => new RegExp(`\\b${name}\\b`).test(code));
	const missing = names.filter(([name]) => !new RegExp(`\\bconst ${name}\\b`).test(code));
	return `${missing.map(([name, type]) => `declare const ${name}: ${type};\n`).join("")}${code}`;
}

/** The types of the entry points, as they are published. */
function paths(): Record<string, string[]> {
	const { exports } = JSON.parse(readFileSync("package.json", "utf8")) as {
		exports: Record<string, { types?: string }>;
	};
	return Object.fromEntries(
		Object.entries(exports).flatMap(([name, { types }]) =>
			types === undefined ? [] : [[`patchbay/${name.slice(2)}`, [resolve(types)]]],
		),
	);
}

/** What the compiler says of programs, by the name of their file. */
function compiled(folder: string, programs: Readonly<Record<string, string>>): string {
	for (const [name, text] of Object.entries(programs)) writeFileSync(join(folder, name), text);
	const options = {
		...{ noEmit: true, rootDir: "/", paths: paths(), typeRoots: [resolve("node_modules/@types")] },
		noUncheckedIndexedAccess: true,
	};
	writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
	writeFileSync(
		join(folder, "tsconfig.json"),
		JSON.stringify({ extends: resolve("tsconfig.json"), compilerOptions: options, files: Object.keys(programs) }),
	);
	return spawnSync(resolve("node_modules/.bin/tsc"), ["-p", folder], { encoding: "utf8" }).stdout;
}

test.runIf(everything)("the examples of the library compile, and one that looks away does not", () =>
	inFolder(async (folder) => {
		expect(examples.length).toBeGreaterThanOrEqual(6);
		const careless = 'declare const image: import("patchbay/link").Image; image.keys[0].name;\n';
		const programs = Object.fromEntries(examples.map((example, i) => [`example-${i}.ts`, programOf(example)]));
		const said = compiled(folder, { ...programs, "careless.ts": careless });
		const lines = said.trim().split("\n");
		expect(lines.filter((line) => !line.includes("careless.ts")).map(withPlace)).toEqual([]);
		expect(lines.filter((line) => line.includes("careless.ts"))).toHaveLength(1);
	}),
);

function withPlace(line: string): string {
	const [, i] = /example-(\d+)\.ts/.exec(line) ?? [];
	return i === undefined ? line : `${examples[Number(i)]!.place}: ${line}`;
}
