// Writes the files of this repository that are made from tables: `npm run generate`. Tests hold each committed file to
// what its maker yields, so a table and its page cannot drift apart.

import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { reference, rows } from "../linker/isa/index.ts";
import { dispatchText } from "../runtime/machine/dispatch-text.ts";

/** Paths are relative to the root of the repository. */
export const generated: readonly { readonly path: string; readonly contents: () => string }[] = [
	{ path: "docs/isa.md", contents: reference },
	{ path: "runtime/machine/dispatch.ts", contents: () => dispatchText(rows) },
];

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
	for (const { path, contents } of generated) writeFileSync(path, contents());
}
