// Puts the command line into few files, with the packages it uses: a short command should not take longer to start than
// to run, and Node takes half a millisecond for each file it loads. What others import stays as it is written.

import { existsSync, readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "rolldown";
import { licences } from "./tools/licences.ts";

/** The part of the demangler that is no JavaScript goes beside the bundle. */
const demangler: Plugin = {
	name: "demangler",
	generateBundle() {
		const file = "node_modules/gecko-profiler-demangle/index_bg.wasm";
		if (existsSync(file)) this.emitFile({ type: "asset", fileName: "demangler.wasm", source: readFileSync(file) });
		else this.warn(`${file} is missing: npm ci`);
	},
};

export default defineConfig({
	input: "cli/main.ts",
	platform: "node",
	plugins: [licences(), demangler],
	// CommonJS: Node loads it without what its loader of ES modules takes to start.
	output: {
		dir: "dist/cli",
		format: "cjs",
		entryFileNames: "[name].cjs",
		chunkFileNames: "[name].cjs",
		comments: false,
	},
});
