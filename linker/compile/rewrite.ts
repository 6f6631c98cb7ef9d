// The FFP form of a program: every static call becomes a call through a pointer, `pick(x)` -> `pick.fn(x)`, and
// `staticCall`, `update`, `reset`, `query` become `defineFfp`, `setFfp`, `resetFfp`, `queryFfp`; `staticKey` becomes
// `plainKey`, so that its branches look at the key. The result prints the same under Node. No line is added or removed, and the map leads every column back to what the user wrote.

import type { AnyNode, Identifier, ImportDeclaration, ImportSpecifier } from "acorn";
import { type DecodedSourceMap, MagicString, SourceMap } from "magic-string";
import type { Position, PositionMap } from "./origin.ts";
import { childrenOf } from "./parse.ts";
import { bindModules, calledKey } from "./types/bind.ts";
import { type Analysis, type Binding, type Module, newAnalysis } from "./types/bindings.ts";
import { isRuntime, loadModule, type Resolve } from "./types/declare.ts";

/** How a program is rewritten from static calls to fast function pointers. */
export interface RewriteOptions {
	/** For messages and the map. */
	readonly file: string;
	/** Finds imported modules: what they export says which imported names are keys. */
	readonly resolve?: Resolve;
}

/** A rewritten program, and the source map from its text back to what the user wrote. */
export interface Rewritten {
	readonly code: string;
	readonly map: DecodedSourceMap;
}

const pointerForm: ReadonlyMap<string, string> = new Map([
	["staticCall", "defineFfp"],
	["update", "setFfp"],
	["reset", "resetFfp"],
	["query", "queryFfp"],
	["staticKey", "plainKey"],
]);

interface Rewrite {
	readonly analysis: Analysis;
	readonly module: Module;
	readonly text: MagicString;
	/** What the imported functions are called from now on, by what they were called. */
	readonly names: ReadonlyMap<string, string>;
}

/** @throws SourceError where the program's names do not fit together */
export function rewriteFfp(source: string, { file, resolve = () => undefined }: RewriteOptions): Rewritten {
	const analysis = newAnalysis();
	const module = loadModule(analysis, { file, text: source }, resolve);
	bindModules(analysis);
	const text = new MagicString(source);
	const rewrite: Rewrite = { analysis, module, text, names: rewriteImports(module, text) };
	for (const node of module.program.body) if (node.type !== "ImportDeclaration") rewriteNode(rewrite, node as AnyNode);
	const map = text.generateDecodedMap({ source: file, includeContent: true, hires: true });
	return { code: text.toString(), map };
}

/** Where the user wrote what is at a place of the rewritten program. Lines and columns are 1-based. */
export function locate(map: DecodedSourceMap, line: number, column: number): Position {
	const segments = map.mappings[line - 1] ?? [];
	const after = segments.findIndex(([rewritten]) => rewritten > column - 1);
	const segment = segments.at(after < 0 ? -1 : after - 1);
	if (after === 0 || segment?.[2] === undefined || segment[3] === undefined) return { line, column };
	return { line: segment[2] + 1, column: segment[3] + 1 };
}

/** What the compiler needs to speak of the program as it was written. */
export function positionsOf(map: DecodedSourceMap): PositionMap {
	return {
		file: map.sources[0]!,
		source: map.sourcesContent![0]!,
		locate: (line, column) => locate(map, line, column),
	};
}

/** The map as source map version 3, JSON. */
export function sourceMapText(map: DecodedSourceMap): string {
	return new SourceMap(map).toString();
}

function rewriteImports(module: Module, text: MagicString): Map<string, string> {
	const names = new Map<string, string>();
	const taken = identifiersOf(module.program as AnyNode);
	for (const node of module.program.body)
		if (node.type === "ImportDeclaration" && isRuntime(node))
			for (const specifier of importsOf(node)) rewriteImport(specifier, text, names, taken);
	return names;
}

/** Other kinds are refused by parse.ts. */
function importsOf(node: ImportDeclaration): ImportSpecifier[] {
	return node.specifiers.filter((specifier) => specifier.type === "ImportSpecifier");
}

function rewriteImport(
	{ imported, local, start, end }: ImportSpecifier,
	text: MagicString,
	names: Map<string, string>,
	taken: Set<string>,
): void {
	const importedName = imported.type === "Identifier" ? imported.name : String(imported.value);
	const pointerName = pointerForm.get(importedName);
	if (pointerName === undefined) return;
	const renamed = local.name === importedName ? unused(pointerName, taken) : local.name;
	names.set(local.name, renamed);
	text.update(start, end, renamed === pointerName ? pointerName : `${pointerName} as ${renamed}`);
}

function unused(name: string, taken: Set<string>): string {
	let free = name;
	for (let n = 1; taken.has(free); n++) free = `${name}_${n}`;
	taken.add(free);
	return free;
}

function identifiersOf(node: AnyNode, found = new Set<string>()): Set<string> {
	if (node.type === "Identifier") found.add(node.name);
	for (const child of childrenOf(node)) identifiersOf(child, found);
	return found;
}

function rewriteNode(rewrite: Rewrite, node: AnyNode): void {
	const { analysis, module, text } = rewrite;
	if (node.type === "Identifier") rename(rewrite, node, analysis.uses.get(node));
	const definer = definerOf(node);
	if (definer !== undefined && !analysis.uses.has(definer)) rename(rewrite, definer, module.names.get(definer.name));
	if (node.type === "CallExpression" && calledKey(analysis, node)?.form === "static")
		text.appendLeft(node.callee.end, ".fn");
	for (const child of childrenOf(node)) rewriteNode(rewrite, child);
}

function rename({ text, names }: Rewrite, id: Identifier, binding: Binding | undefined): void {
	if (binding?.kind === "builtin") text.update(id.start, id.end, names.get(id.name) ?? id.name);
}

/** The `staticCall` of `const key = staticCall(...)` and `staticCall.ret0(...)`: binding skips it, being no expression
 * of the program. */
function definerOf(node: AnyNode): Identifier | undefined {
	if (node.type !== "VariableDeclarator" || node.init?.type !== "CallExpression") return undefined;
	const { callee } = node.init;
	const name = callee.type === "MemberExpression" ? callee.object : callee;
	return name.type === "Identifier" ? name : undefined;
}
