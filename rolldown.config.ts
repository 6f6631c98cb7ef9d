// Puts the command line into few files, with the packages it uses: a short command should not take longer to start than
// to run, and Node takes half a millisecond for each file it loads. What others import stays as it is written.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type Plugin } from "rolldown";

export default defineConfig({
	input: "cli/main.ts",
	platform: "node",
	plugins: [licences()],
	// CommonJS: Node loads it without what its loader of ES modules takes to start.
	output: {
		dir: "dist/cli",
		format: "cjs",
		entryFileNames: "[name].cjs",
		chunkFileNames: "[name].cjs",
		comments: false,
	},
});

/** Writes the licences of the packages that are inside beside the files. */
function licences(): Plugin {
	return {
		name: "licences",
		generateBundle(_, files) {
			const modules = Object.values(files).flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
			const packages = new Set(modules.filter((path) => /[\\/]node_modules[\\/]/.test(path)).map(folderOf));
			const texts = [...packages].sort().map((folder) => {
				return `${folder.split(/[\\/]node_modules[\\/]/).at(-1)}\n\n${licenceOf(folder).trim()}\n`;
			});
			this.emitFile({ type: "asset", fileName: "LICENSES.txt", source: texts.join(`\n${"-".repeat(80)}\n\n`) });
		},
	};
}

/** The text that a package brings, or what its manifest says when it brings none. */
function licenceOf(folder: string): string {
	if (existsSync(join(folder, "LICENSE"))) return readFileSync(join(folder, "LICENSE"), "utf8");
	const { license, author, repository } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
	return `Licence: ${license}\n${author?.name ?? author ?? ""}\n${repository?.url ?? repository ?? ""}`;
}

/** Of the package that a module is in. */
function folderOf(path: string): string {
	const [folder] = /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(path)!;
	return folder;
}
