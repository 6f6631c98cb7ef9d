import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Tests that exchange a module for another (`vi.mock`) load all modules for themselves. The others share what their worker
 * has loaded, which saves a quarter of the processor time. */
const exchanging = ["test/module/module-failures.test.ts"];

export default defineConfig({
	// Programs import the runtime as anyone's programs do; here that is the source, not the build.
	resolve: {
		alias: { "patchbay/source": fileURLToPath(new URL("linker/compile/source.ts", import.meta.url)) },
	},
	test: {
		testTimeout: 0,
		hookTimeout: 0,
		maxWorkers: "100%",
		projects: [
			{
				extends: true,
				test: { name: "shared", include: ["test/**/*.test.ts"], exclude: exchanging, isolate: false },
			},
			{ extends: true, test: { name: "alone", include: exchanging } },
		],
	},
});
