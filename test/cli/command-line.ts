// Runs command lines in this process, for tests: what the shell would see of them.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { patchbay } from "../../cli/patchbay.ts";
import { type Terminal, textOf } from "../../cli/shell/terminal.ts";

export interface Seen {
	readonly code: number;
	readonly out: string;
	readonly err: string;
}

export async function cli(...argv: readonly string[]): Promise<Seen> {
	let out = "";
	let err = "";
	const terminal: Terminal = {
		async write(text) {
			out += textOf(text);
		},
		note(text) {
			err += text;
		},
		colour: false,
		width: 120,
	};
	const code = await patchbay(argv, terminal);
	return { code, out, err };
}

/** Runs `use` with the path of an empty folder that is gone afterwards. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
	const folder = mkdtempSync(join(tmpdir(), "patchbay-test-"));
	try {
		return await use(folder);
	} finally {
		rmSync(folder, { recursive: true });
	}
}
