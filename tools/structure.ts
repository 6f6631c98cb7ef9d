// `npm run structure`: the house in numbers. How many files each folder has, how long files, functions and paragraphs of
// the documentation are, who imports whom, and whether anything goes in a circle.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path/posix";
import { circles, graphOf, importsOf, isRelative, sourceFiles, stageOf, targetOf, textOf } from "./imports.ts";

/** Files that a generator writes say nothing of how anybody writes. */
const generated = new Set(["runtime/machine/dispatch.ts"]);

const files = sourceFiles().filter((file) => !generated.has(file));
const code = files.filter((file) => !/^(test|bench)\//.test(file));
const imports = files.flatMap(importsOf);

const lengthOf = (file: string): number => textOf(file).split("\n").length - 1;

function median(numbers: readonly number[]): number {
	return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0;
}

/** Lines of every function that is declared at the beginning of a line or as a method, by its braces. */
function functionsOf(file: string): { readonly name: string; readonly lines: number }[] {
	const lines = textOf(file).split("\n");
	return lines.flatMap((line, at) => {
		const [, indent, name] = /^(\t*)(?:export )?(?:async )?function\*? (\w+)/.exec(line) ?? [];
		if (name === undefined) return [];
		const end = lines.indexOf(`${indent}}`, at);
		return [{ name: `${file}:${at + 1} ${name}`, lines: end - at + 1 }];
	});
}

function printFolders(): void {
	const folders = new Map<string, { files: number; lines: number }>();
	for (const file of files) {
		const folder = folders.get(dirname(file)) ?? { files: 0, lines: 0 };
		folders.set(dirname(file), { files: folder.files + 1, lines: folder.lines + lengthOf(file) });
	}
	console.log("folder                          files   lines");
	for (const [folder, { files, lines }] of [...folders].sort(([a], [b]) => (a < b ? -1 : 1)))
		console.log(`${folder.padEnd(30)} ${String(files).padStart(6)} ${String(lines).padStart(7)}`);
}

function printSizes(): void {
	const sizes = code.map((file) => ({ name: file, lines: lengthOf(file) })).sort((a, b) => b.lines - a.lines);
	const functions = code.flatMap(functionsOf).sort((a, b) => b.lines - a.lines);
	const total = sizes.reduce((sum, { lines }) => sum + lines, 0);
	console.log(`\ncode without tests and benches: ${code.length} files, ${total} lines`);
	for (const [what, all] of [
		["file", sizes],
		["function", functions],
	] as const)
		console.log(
			`${what}: median ${median(all.map(({ lines }) => lines))} lines, longest ${all[0]!.lines} (${all[0]!.name})`,
		);
	console.log(`files over 300 lines: ${sizes.filter(({ lines }) => lines > 300).length}`);
	console.log(`functions over 60 lines: ${functions.filter(({ lines }) => lines > 60).length}`);
}

function printArrows(): void {
	const between = new Set(
		imports
			.filter(isRelative)
			.map((each) => `${stageOf(each.from)} ${stageOf(targetOf(each))}`)
			.filter((pair) => new Set(pair.split(" ")).size === 2),
	);
	const withTypes = circles(graphOf(files, imports));
	const atRun = circles(graphOf(files, imports, false));
	console.log(`\narrows between stages: ${between.size}, imports: ${imports.filter(isRelative).length}`);
	console.log(`circles of files: ${atRun.length}, with types ${withTypes.length}`);
	for (const circle of withTypes) console.log(`  ${circle.join(", ")}`);
}

function printComments(): void {
	const exported = code.flatMap((file) =>
		Array.from(textOf(file).matchAll(/^(.*)\n(?=export (?:async )?(?:function|const|interface|type) )/gm)),
	);
	const silent = exported.filter(([, before]) => !/(\*\/|^\s*\/\/.*)$/.test(before!));
	console.log(`\nexports: ${exported.length}, without a comment ${silent.length}`);
}

function printProse(): void {
	const pages = [
		"README.md",
		...readdirSync("docs", { recursive: true, encoding: "utf8" })
			.filter((page) => page.endsWith(".md"))
			.map((page) => `docs/${page}`),
	];
	const words = pages.map((page) => readFileSync(page, "utf8").split(/\s+/).length);
	const long = pages.reduce((sum, page) => sum + longLines(readFileSync(page, "utf8")), 0);
	console.log(
		`prose: ${pages.length} pages, ${words.reduce((a, b) => a + b, 0)} words, ${long} lines over 120 columns`,
	);
}

/** How many lines of prose are longer than 120 columns; tables and listings are as wide as what they show. */
function longLines(page: string): number {
	const prose = page.replace(/^```[\s\S]*?^```$/gm, "").split("\n");
	return prose.filter((line) => line.length > 120 && !/^(\||\s{4}|\t)/.test(line)).length;
}

printFolders();
printSizes();
printArrows();
printComments();
printProse();
console.log(`commit ${execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim()}`);
