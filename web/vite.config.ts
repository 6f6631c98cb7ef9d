// Builds the lab page: static files, no server behind them, one set of chunks that page and workers share.

import { defineConfig } from "vite";

export default defineConfig({
	root: "web",
	base: "./",
	oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
	worker: { format: "es" },
	build: { outDir: "../dist/lab", emptyOutDir: true, target: "es2023", modulePreload: { polyfill: false } },
});
