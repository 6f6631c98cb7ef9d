// Who may import whom. The table is the picture in the design: everything points to the left.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, normalize } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

const toolchain = [
	"linker",
	"linker/elf",
	"linker/isa",
	"linker/format",
	"linker/compile",
	"linker/sites",
	"linker/retarget",
	"linker/link",
];
const library = [
	...toolchain,
	"runtime",
	"runtime/machine",
	"runtime/patch",
	"runtime/execmem",
	"runtime/module",
	"runtime/probe",
	"runtime/check",
	"runtime/measure",
];
const everything = [...library, "native", "cli"];

/** Folder -> the other folders that its files may import from. */
const allowed: Record<string, readonly string[]> = {
	linker: [],
	"linker/elf": ["linker"],
	"linker/isa": ["linker"],
	"linker/format": ["linker", "linker/elf", "linker/isa"],
	"linker/compile": ["linker", "linker/elf", "linker/isa", "linker/format"],
	"linker/sites": ["linker", "linker/elf", "linker/isa", "linker/format"],
	"linker/retarget": ["linker", "linker/elf", "linker/isa", "linker/format", "linker/sites"],
	"linker/link": ["linker", "linker/elf", "linker/isa", "linker/format", "linker/compile", "linker/sites"],
	"runtime/machine": toolchain,
	runtime: [...toolchain, "runtime/machine"],
	"runtime/patch": [...toolchain, "runtime", "runtime/machine"],
	"runtime/execmem": [...toolchain, "runtime", "runtime/machine", "runtime/patch"],
	"runtime/module": [...toolchain, "runtime", "runtime/machine", "runtime/patch", "runtime/execmem"],
	"runtime/probe": [...toolchain, "runtime", "runtime/machine", "runtime/patch", "runtime/execmem"],
	"runtime/check": library.filter((folder) => folder !== "runtime/check" && folder !== "runtime/measure"),
	"runtime/measure": library,
	native: library,
	cli: [...library, "native"],
	tools: everything,
	bench: everything,
	test: [...everything, "tools", "bench"],
};

/** Folder -> the packages that its files may import. Node's own modules are in `nodeFolders`, anything goes in `free`. */
const packages: Record<string, readonly string[]> = {
	linker: ["@cfworker/json-schema"],
	"linker/compile": ["acorn", "magic-string"],
	cli: ["commander"],
	tools: ["acorn"],
};
const nodeFolders = ["native", "cli", "tools", "bench", "test"];
const free = ["bench", "test"];

interface Import {
	readonly from: string;
	readonly specifier: string;
	readonly typeOnly: boolean;
}

const files = ["linker", "runtime", "native", "cli", "tools", "bench", "test"]
	.filter((folder) => existsSync(`${root}/${folder}`))
	.flatMap((folder) =>
		readdirSync(`${root}/${folder}`, { recursive: true, encoding: "utf8" })
			.filter((file) => file.endsWith(".ts"))
			.map((file) => `${folder}/${file.replaceAll("\\", "/")}`),
	);
const imports = files.flatMap(importsOf);

function importsOf(from: string): Import[] {
	const text = readFileSync(`${root}/${from}`, "utf8");
	const declarations = /^(?:import|export)\s(?:([^;"`=]*?)\bfrom\s+)?"([^"\n]+)";$/gm;
	const dynamic = /\bimport\("([^"\n]+)"\)/g;
	return [
		...Array.from(text.matchAll(declarations), ([, clause, specifier]) => ({
			from,
			specifier: specifier!,
			typeOnly: clause !== undefined && /^type\b/.test(clause),
		})),
		...Array.from(text.matchAll(dynamic), ([, specifier]) => ({ from, specifier: specifier!, typeOnly: false })),
	];
}

/** The stage that a file belongs to: one folder, or two below `linker` and `runtime`. */
function folderOf(file: string): string {
	const [top, second] = dirname(file).split("/");
	return (top === "linker" || top === "runtime") && second !== undefined ? `${top}/${second}` : top!;
}

function isRelative({ specifier }: Import): boolean {
	return specifier.startsWith(".");
}

function target({ from, specifier }: Import): string {
	return normalize(`${dirname(from)}/${specifier}`);
}

function isBuiltin(specifier: string): boolean {
	return specifier.startsWith("node:") || builtinModules.includes(specifier);
}

const places = (found: readonly Import[]): string[] =>
	found.map(({ from, specifier }) => `${from} imports ${specifier}`);

describe("layers", () => {
	test("imports are found at all", () => {
		expect(files.length).toBeGreaterThan(50);
		expect(imports.length).toBeGreaterThan(files.length);
	});

	test("every folder is in the table", () => {
		expect([...new Set(files.map(folderOf))].filter((folder) => !(folder in allowed))).toEqual([]);
	});

	test("imports point to the left", () => {
		const wrong = imports.filter(isRelative).filter((each) => {
			const from = folderOf(each.from);
			const to = folderOf(target(each));
			return from !== to && !allowed[from]?.includes(to);
		});
		expect(places(wrong)).toEqual([]);
	});

	test("relative imports name files that are there, with their extension", () => {
		const known = new Set(files);
		const wrong = imports.filter((each) => isRelative(each) && !isProgram(target(each)) && !known.has(target(each)));
		expect(places(wrong)).toEqual([]);
	});

	test("node's modules are for the outer folders", () => {
		const wrong = imports.filter(
			({ from, specifier }) => isBuiltin(specifier) && !nodeFolders.includes(folderOf(from)),
		);
		expect(places(wrong)).toEqual([]);
	});

	test("packages are imported where they belong", () => {
		const wrong = imports.filter((each) => {
			const folder = folderOf(each.from);
			if (isRelative(each) || isBuiltin(each.specifier) || free.includes(folder)) return false;
			return !packages[folder]?.includes(each.specifier);
		});
		expect(places(wrong)).toEqual([]);
	});

	test("no module waits for itself", () => {
		expect(findCycle()).toBeUndefined();
	});
});

/** Fixture programs are JavaScript that tests import to run them. */
function isProgram(file: string): boolean {
	return file.startsWith("fixtures/") && file.endsWith(".js");
}

/** A cycle of imports that remain when types are erased. */
function findCycle(): string[] | undefined {
	const edges = new Map<string, string[]>(files.map((file) => [file, []]));
	for (const each of imports) if (isRelative(each) && !each.typeOnly) edges.get(each.from)!.push(target(each));
	const done = new Set<string>();
	const path: string[] = [];
	const visit = (file: string): string[] | undefined => {
		if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
		if (done.has(file)) return undefined;
		path.push(file);
		for (const next of edges.get(file) ?? []) {
			const cycle = visit(next);
			if (cycle !== undefined) return cycle;
		}
		path.pop();
		done.add(file);
		return undefined;
	};
	for (const file of files) {
		const cycle = visit(file);
		if (cycle !== undefined) return cycle;
	}
	return undefined;
}
