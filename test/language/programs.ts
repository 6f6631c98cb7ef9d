// The fixtures: programs and assembly sources with their expected output in the header comment. Adding a case is
// adding a file; a folder with a main.js is a program of several modules.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { capturePrint } from "../../linker/compile/source.ts";
import { repository } from "../../tools/repository.ts";

export interface Program {
	readonly name: string;
	/** The module that exports main(). */
	readonly main: string;
	/** Source texts by file, relative to the folder of all programs. */
	readonly modules: ReadonlyMap<string, string>;
	/** The lines it prints. */
	readonly expected: readonly string[];
	/** Sections that are linked to an address of their own, from `section-start: name address` lines of the header. */
	readonly sectionStart: ReadonlyMap<string, number>;
}

const folder = (name: string) => repository(`fixtures/${name}`);

/** Every program of fixtures/programs. */
export function programs(): Program[] {
	const entries = readdirSync(folder("programs"), { withFileTypes: true });
	const names = entries.filter((e) => e.isDirectory() || e.name.endsWith(".js")).map((e) => e.name);
	return names.sort().map((name) => (name.endsWith(".js") ? oneFile(name) : severalFiles(name)));
}

/** Every source of fixtures/asm, as a program of one module. */
export function assemblyPrograms(): Program[] {
	const names = readdirSync(folder("asm")).filter((name) => name.endsWith(".s"));
	return names.sort().map((file) => {
		const source = readFileSync(join(folder("asm"), file), "utf8");
		return program(file, file, new Map([[file, source]]), "#");
	});
}

export function programNamed(name: string): Program {
	const found = programs().find((program) => program.name === name);
	if (found === undefined) throw new Error(`no program ${name} in fixtures/programs`);
	return found;
}

function oneFile(file: string): Program {
	return program(file.slice(0, -".js".length), file, read([file]), "//");
}

function severalFiles(name: string): Program {
	const files = readdirSync(join(folder("programs"), name)).filter((file) => file.endsWith(".js"));
	return program(name, `${name}/main.js`, read(files.sort().map((file) => `${name}/${file}`)), "//");
}

function read(files: readonly string[]): Map<string, string> {
	return new Map(files.map((file) => [file, readFileSync(join(folder("programs"), file), "utf8")]));
}

function program(name: string, main: string, modules: ReadonlyMap<string, string>, mark: "//" | "#"): Program {
	const source = modules.get(main)!;
	return { name, main, modules, expected: expectedLines(source, mark), sectionStart: sectionStarts(source, mark) };
}

function sectionStarts(source: string, mark: "//" | "#"): Map<string, number> {
	const lines = source.matchAll(new RegExp(`^${mark} section-start: (\\S+) (0x[0-9a-f]+)$`, "gm"));
	return new Map([...lines].map(([, section, address]) => [section!, Number(address)]));
}

/** The lines after `// expect:`, each behind the comment mark and three spaces. */
export function expectedLines(source: string, mark: "//" | "#"): string[] {
	const lines = source.split("\n");
	const start = lines.indexOf(`${mark} expect:`);
	if (start < 0) throw new Error(`a fixture needs a line '${mark} expect:' in its header`);
	const rest = lines.slice(start + 1);
	const end = rest.findIndex((line) => !line.startsWith(`${mark}   `));
	return rest.slice(0, end < 0 ? rest.length : end).map((line) => line.slice(mark.length + 3));
}

/** How a module of `program` finds another: for the compiler and the rewriter. */
export function resolveIn(program: Pick<Program, "modules">) {
	return (specifier: string, fromFile: string): { file: string; source: string } | undefined => {
		const file = posix.join(posix.dirname(fromFile), specifier);
		const source = program.modules.get(file);
		return source === undefined ? undefined : { file, source };
	};
}

/** What the program prints under Node. Each run loads its modules afresh. */
export async function runUnderNode({ main, modules }: Pick<Program, "main" | "modules">): Promise<string[]> {
	const root = mkdtempSync(join(tmpdir(), "patchbay-"));
	try {
		for (const [file, source] of modules) {
			mkdirSync(dirname(join(root, file)), { recursive: true });
			writeFileSync(join(root, file), source);
		}
		return await capturePrint(async () => {
			const loaded = (await import(/* @vite-ignore */ join(root, main))) as { main: () => void };
			loaded.main();
		});
	} finally {
		rmSync(root, { recursive: true });
	}
}
