// The command line in this process, on a file that is made for it: exit code 70, or any code that is not documented, is a
// finding.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { patchbay } from "../cli/patchbay.ts";
import { type Terminal, textOf } from "../cli/shell/terminal.ts";
import { Wrong } from "./target.ts";

let folder: string | undefined;

/** A folder of this process, gone at its end. */
function folderOf(): string {
	if (folder === undefined) {
		const made = mkdtempSync(join(tmpdir(), "patchbay-fuzz-"));
		process.on("exit", () => rmSync(made, { recursive: true, force: true }));
		mkdirSync(made, { recursive: true });
		folder = made;
	}
	return folder;
}

/** Writes an input. @returns its path */
export function fileOf({ name, bytes }: { readonly name: string; readonly bytes: Uint8Array | string }): string {
	const path = join(folderOf(), name);
	writeFileSync(path, bytes);
	return path;
}

/** More than this of output is a finding: inputs are a few KiB. */
const MOST_OUTPUT = 64 * 2 ** 20;

/** @throws Wrong for an exit code that is not documented, and for output out of all proportion */
export async function command(...argv: readonly string[]): Promise<{ readonly code: number; readonly out: string }> {
	let out = "";
	let err = "";
	const most = (text: string): string => {
		if (text.length > MOST_OUTPUT) throw new Wrong(`${argv.join(" ")}: more than ${MOST_OUTPUT} characters of output`);
		return text;
	};
	const terminal: Terminal = {
		async write(text) {
			out = most(out + textOf(text));
		},
		note(text) {
			err = most(err + text);
		},
		colour: false,
		width: 120,
	};
	const code = await patchbay(argv, terminal);
	if (![0, 1, 2, 3, 4].includes(code)) throw new Wrong(`${argv.join(" ")}: exit code ${code}\n${err}`);
	return { code, out };
}
