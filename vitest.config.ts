import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
	// Programs import the runtime as anyone's programs do; here that is the source, not the build.
	resolve: {
		alias: { "patchbay/source": fileURLToPath(new URL("linker/compile/source.ts", import.meta.url)) },
	},
	test: { include: ["test/**/*.test.ts"], testTimeout: 0, hookTimeout: 0, maxWorkers: "100%" },
});
