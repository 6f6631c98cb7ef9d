// Who may import whom. The table is the picture in the design: everything points to the left.

import { builtinModules } from "node:module";
import { describe, expect, test } from "vitest";
import {
	circles,
	graphOf,
	type Import,
	importsOf,
	isRelative,
	sourceFiles,
	stageOf,
	targetOf,
} from "../tools/imports.ts";

const toolchain = [
	"linker",
	"linker/elf",
	"linker/isa",
	"linker/format",
	"linker/compile",
	"linker/sites",
	"linker/tables",
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
	"linker/tables": ["linker", "linker/elf", "linker/format", "linker/sites"],
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
	web: library,
	cli: [...library, "native"],
	tools: everything,
	bench: everything,
	fuzz: [...everything, "web", "tools", "test"],
	test: [...everything, "tools", "bench", "fuzz"],
};

/** Folder -> the packages that its files may import. Node's own modules are in `nodeFolders`, anything goes in `free`. */
const packages: Record<string, readonly string[]> = {
	linker: ["@cfworker/json-schema"],
	"linker/compile": ["acorn", "magic-string"],
	cli: ["commander", "gecko-profiler-demangle/index_bg.js", "xz-decompress", "zstddec/stream"],
	web: ["preact", "preact/hooks", ...["state", "view", "commands", "language"].map((part) => `@codemirror/${part}`)],
	tools: ["acorn", "rolldown"],
};
const nodeFolders = ["native", "cli", "tools", "bench", "fuzz", "test"];
const free = ["bench", "fuzz", "test"];

const files = sourceFiles();
const imports = files.flatMap(importsOf);

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
		expect([...new Set(files.map(stageOf))].filter((folder) => !(folder in allowed))).toEqual([]);
	});

	test("imports point to the left", () => {
		const wrong = imports.filter(isRelative).filter((each) => {
			const from = stageOf(each.from);
			const to = stageOf(targetOf(each));
			return from !== to && !allowed[from]?.includes(to);
		});
		expect(places(wrong)).toEqual([]);
	});

	test("relative imports name files that are there, with their extension", () => {
		const known = new Set(files);
		const wrong = imports.filter(
			(each) => isRelative(each) && !isProgram(targetOf(each)) && !known.has(targetOf(each)),
		);
		expect(places(wrong)).toEqual([]);
	});

	test("node's modules are for the outer folders", () => {
		const wrong = imports.filter(({ from, specifier }) => isBuiltin(specifier) && !nodeFolders.includes(stageOf(from)));
		expect(places(wrong)).toEqual([]);
	});

	test("packages are imported where they belong", () => {
		const wrong = imports.filter((each) => {
			const folder = stageOf(each.from);
			if (isRelative(each) || isBuiltin(each.specifier) || free.includes(folder)) return false;
			return !packages[folder]?.includes(each.specifier);
		});
		expect(places(wrong)).toEqual([]);
	});

	test("no module waits for itself", () => {
		expect(circles(graphOf(files, imports, false))).toEqual([]);
	});

	test("no types go in a circle, inside a folder or between them", () => {
		expect(circles(graphOf(files, imports))).toEqual([]);
	});
});

/** Fixture programs are JavaScript that tests import to run them. */
function isProgram(file: string): boolean {
	return file.startsWith("fixtures/") && file.endsWith(".js");
}
