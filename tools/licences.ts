// A plugin of the bundlers: who takes packages into a bundle passes their licences on.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "rolldown";

/** Writes the licences of the packages that are inside beside the files. */
export function licences(fileName = "LICENSES.txt"): Plugin {
	// Bundles that are built one after the other, as workers are, write one file.
	const packages = new Set<string>();
	return {
		name: "licences",
		generateBundle(_, files) {
			const modules = Object.values(files).flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
			for (const path of modules) if (/[\\/]node_modules[\\/]/.test(path)) packages.add(folderOf(path));
			const texts = [...packages].sort().map((folder) => {
				return `${folder.split(/[\\/]node_modules[\\/]/).at(-1)}\n\n${licenceOf(folder).trim()}\n`;
			});
			this.emitFile({ type: "asset", fileName, source: texts.join(`\n${"-".repeat(80)}\n\n`) });
		},
	};
}

/** The text that a package brings, or what its manifest says when it brings none. */
function licenceOf(folder: string): string {
	const file = ["LICENSE", "LICENSE-MIT"].map((name) => join(folder, name)).find((path) => existsSync(path));
	if (file !== undefined) return readFileSync(file, "utf8");
	const { license, author, repository } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
	return `Licence: ${license}\n${author?.name ?? author ?? ""}\n${repository?.url ?? repository ?? ""}`;
}

/** The folder of the package that a module is in. */
function folderOf(path: string): string {
	const [folder] = /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(path)!;
	return folder;
}
