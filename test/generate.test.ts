// Generated files are as committed: `npm run generate` would change nothing.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { generated } from "../tools/generate.ts";

test.each(generated)("$path is what its maker yields", async ({ path, contents }) => {
	expect(readFileSync(path, "utf8"), "out of date: npm run generate").toBe(await contents());
});
