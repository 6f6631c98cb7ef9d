// Puts the command line into few files, with the packages it uses: a short command should not take longer to start than
// to run, and Node takes half a millisecond for each file it loads. What others import stays as it is written.

import { defineConfig } from "rolldown";
import { licences } from "./tools/licences.ts";

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
