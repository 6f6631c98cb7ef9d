// The exports of this repository's TypeScript files and the comments before them, read from their text, which Biome
// keeps in one shape: a declaration and its comment begin at the margin.

import { readFileSync } from "node:fs";
import { dirname, normalize } from "node:path/posix";
import { textOf } from "./imports.ts";
import { repository } from "./repository.ts";

/** One exported declaration. */
export interface Exported {
	/** The file that declares it, from the root of the repository. */
	readonly file: string;
	readonly name: string;
	/** Whether a comment of the form that editors show stands before it. */
	readonly documented: boolean;
}

/** What a file declares and exports, in the order of its text. The first of a function's signatures has the comment. */
export function declaredIn(file: string): Exported[] {
	const declaration =
		/(\*\/\n)?^export (?:abstract )?(?:async )?(function\*?|const|type|interface|class) (?!\{)(\w+)/gm;
	const all = Array.from(textOf(file).matchAll(declaration), ([, comment, kind, name]) => ({
		file,
		name: name!,
		kind,
		documented: comment !== undefined,
	}));
	return all.filter(({ name, kind }, i) => kind !== "function" || all[i - 1]?.name !== name);
}

/**
 * What a file exports: its declarations, and those that it passes on from other files.
 * @throws Error when a name cannot be found where the file says that it is from
 */
export function exportedBy(file: string): Exported[] {
	const text = textOf(file);
	const passedOn = Array.from(
		text.matchAll(/^export (?:type )?(\*|\{[^}]*\}) from "([^"\n]+)";$/gm),
		([, what, from]) => chosen(what!, exportedBy(besides(file, from!)), file),
	);
	// `export { name };` of a name that was imported.
	const imported = Array.from(text.matchAll(/^export (?:type )?(\{[^}]*\});$/gm), ([, what]) =>
		chosen(what!, importedBy(file), file),
	);
	return [...declaredIn(file), ...passedOn.flat(), ...imported.flat()];
}

/** The exports of every entry point that package.json names, each once. */
export function publicExports(): Exported[] {
	const manifest = JSON.parse(readFileSync(`${repository()}/package.json`, "utf8")) as {
		readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
	};
	const all = Object.values(manifest.exports)
		.filter((target) => typeof target !== "string")
		.flatMap(({ types }) => exportedBy(types.replace("./dist/", "").replace(/\.d\.ts$/, ".ts")));
	return [...new Map(all.map((each) => [`${each.file} ${each.name} ${each.documented}`, each])).values()];
}

function importedBy(file: string): Exported[] {
	const imports = /^import (?:type )?(?:[^;"`=]*?)\bfrom "(\.[^"\n]+)";$/gm;
	return Array.from(textOf(file).matchAll(imports), ([, from]) => exportedBy(besides(file, from!))).flat();
}

/** @param what `*`, or `{ one, type Another, third as other }` */
function chosen(what: string, from: readonly Exported[], file: string): Exported[] {
	if (what === "*") return [...from];
	return Array.from(what.matchAll(/(?:type )?(\w+)(?: as \w+)?/g), ([, name]) => {
		const found = from.filter((each) => each.name === name);
		if (found.length === 0) throw new Error(`${file} passes on '${name}', which is not declared where it is from`);
		return found;
	}).flat();
}

function besides(file: string, specifier: string): string {
	return normalize(`${dirname(file)}/${specifier}`);
}
