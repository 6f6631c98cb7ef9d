// Builds the lab page from web/: static files, no server behind them.

import { defineConfig } from "vite";
import { licences } from "./tools/licences.ts";

const ofWorkers = licences("LICENSES-workers.txt");

export default defineConfig({
	root: "web",
	base: "./",
	oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
	plugins: [licences()],
	worker: { format: "es", plugins: () => [ofWorkers] },
	build: { outDir: "../dist/lab", emptyOutDir: true, target: "es2023", modulePreload: { polyfill: false } },
});
