// Writes the files of this repository that are made from tables: `npm run generate`. Tests hold each committed file to
// what its maker yields, so a table and its page cannot drift apart.

import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { reference, rows } from "../linker/isa/index.ts";
import { dispatchText } from "../runtime/machine/dispatch-text.ts";
import { patchbay } from "./patchbay.ts";
import { textOf } from "./terminal.ts";

interface GeneratedFile {
	/** Relative to the root of the repository. */
	readonly path: string;
	readonly contents: () => string | Promise<string>;
}

export const generated: readonly GeneratedFile[] = [
	{ path: "docs/isa.md", contents: reference },
	{ path: "runtime/machine/dispatch.ts", contents: () => dispatchText(rows) },
	{ path: "README.md", contents: readme },
];

/** The page as it is, with what the demo prints now. */
async function readme(): Promise<string> {
	const page = readFileSync("README.md", "utf8");
	const screen = await demoScreen();
	return page.replace(/(<!-- demo -->\n)[\s\S]*(<!-- \/demo -->)/, (_, before, after) => `${before}${screen}${after}`);
}

async function demoScreen(): Promise<string> {
	let text = "";
	const note = (more: string) => {
		text += more;
	};
	const code = await patchbay(["demo"], { write: async (more) => note(textOf(more)), note, colour: false, width: 120 });
	if (code !== 0) throw new Error(text);
	const folder = /\S*patchbay-\w{6}(?=\/)/g;
	return `\`\`\`console\n${text.replace(folder, "/tmp")}\`\`\`\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
	for (const { path, contents } of generated) writeFileSync(path, await contents());
}
