// The imports of this repository's TypeScript files, read from their text: what the layers test holds against its table,
// and what `npm run structure` counts.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, normalize } from "node:path/posix";
import { repository } from "./repository.ts";

const root = repository();

/** The top folders that hold sources. */
export const tops = ["linker", "runtime", "native", "cli", "web", "tools", "bench", "test", "fuzz"] as const;

export interface Import {
	/** The file that imports, from the root of the repository. */
	readonly from: string;
	readonly specifier: string;
	/** Nothing of the import is left when types are erased. */
	readonly typeOnly: boolean;
}

/** Every source file, as a path from the root of the repository. */
export function sourceFiles(): string[] {
	return tops
		.filter((folder) => existsSync(`${root}/${folder}`))
		.flatMap((folder) =>
			readdirSync(`${root}/${folder}`, { recursive: true, encoding: "utf8" })
				.filter((file) => /\.tsx?$/.test(file))
				.map((file) => `${folder}/${file.replaceAll("\\", "/")}`),
		);
}

export function textOf(file: string): string {
	return readFileSync(`${root}/${file}`, "utf8");
}

/** The imports of one file, in the order of its text; static ones first. */
export function importsOf(from: string): Import[] {
	const text = textOf(from);
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

export function isRelative({ specifier }: Import): boolean {
	return specifier.startsWith(".");
}

/** The file that a relative import names. */
export function targetOf({ from, specifier }: Import): string {
	return normalize(`${dirname(from)}/${specifier}`);
}

/** The stage that a file belongs to: its top folder, or two levels below `linker` and `runtime`. */
export function stageOf(file: string): string {
	const [top, second] = dirname(file).split("/");
	return (top === "linker" || top === "runtime") && second !== undefined ? `${top}/${second}` : top!;
}

/**
 * The circles of a graph: its strongly connected components of more than one node, by Tarjan's algorithm.
 * @param edges node -> the nodes that it points to
 */
export function circles(edges: ReadonlyMap<string, readonly string[]>): string[][] {
	const found: string[][] = [];
	const number = new Map<string, number>();
	const lowest = new Map<string, number>();
	const stack: string[] = [];
	const open = new Set<string>();
	const visit = (node: string): void => {
		number.set(node, number.size);
		lowest.set(node, number.get(node)!);
		stack.push(node);
		open.add(node);
		for (const next of edges.get(node) ?? []) {
			if (!number.has(next)) visit(next);
			if (open.has(next)) lowest.set(node, Math.min(lowest.get(node)!, lowest.get(next)!));
		}
		if (lowest.get(node) !== number.get(node)) return;
		const circle = stack.splice(stack.indexOf(node));
		for (const each of circle) open.delete(each);
		if (circle.length > 1 || edges.get(node)?.includes(node)) found.push(circle.sort());
	};
	for (const node of edges.keys()) visit(node);
	return found;
}

/** Who imports whom among the files, types too unless they are left out. */
export function graphOf(files: readonly string[], imports: readonly Import[], types = true): Map<string, string[]> {
	const edges = new Map<string, string[]>(files.map((file) => [file, []]));
	for (const each of imports)
		if (isRelative(each) && (types || !each.typeOnly)) edges.get(each.from)!.push(targetOf(each));
	return edges;
}
