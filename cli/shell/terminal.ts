// Where a command's output goes. Data goes to `write`, progress and diagnostics to `note`; commands know no other way out,
// so tests and the demo can run them against a terminal of their own.

import { once } from "node:events";
import { ExitCode } from "./exit-code.ts";

export interface Terminal {
	/** Data, as text or as the bytes of text. Resolves when more can be taken; the bytes may be changed then. */
	write(text: string | Uint8Array): Promise<void>;
	/** Progress and diagnostics. */
	note(text: string): void;
	/** Whether data may be coloured. */
	readonly colour: boolean;
	/** Columns. */
	readonly width: number;
	/** Somebody watches the notes: progress is shown, and wiped out again. */
	readonly watched?: boolean;
}

/** The process's own. A reader that goes away (`| head`) ends the process without a word. */
export function processTerminal(): Terminal {
	const { stdout, stderr, env } = process;
	for (const stream of [stdout, stderr]) {
		stream.on("error", (error: NodeJS.ErrnoException) => {
			if (error.code === "EPIPE") process.exit();
			if (stream === stdout) stderr.write(`error: standard output: ${error.message}\n`);
			process.exit(ExitCode.badInput);
		});
	}
	return {
		async write(text) {
			if (typeof text !== "string") await new Promise<void>((resolve) => stdout.write(text, () => resolve()));
			else if (!stdout.write(text)) await once(stdout, "drain");
		},
		note(text) {
			stderr.write(text);
		},
		colour: stdout.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb",
		width: stdout.columns ?? 100,
		watched: stderr.isTTY === true && env.TERM !== "dumb",
	};
}

/** Shows a line of progress in place of the last one, once a second at most; nothing on a terminal that nobody watches.
 * @returns what takes a line, or wipes it out when there is none */
export function progressLine({ note, watched }: Pick<Terminal, "note" | "watched">): (line?: string) => void {
	let last = Date.now();
	let shown = false;
	return (line) => {
		if (!watched || (line === undefined ? !shown : Date.now() - last < 1000)) return;
		note(`\r\u001b[K${line ?? ""}`);
		last = Date.now();
		shown = line !== undefined;
	};
}

const styles = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const;
export type Style = keyof typeof styles;

/** The text in a style, where the terminal shows styles. */
export function styled({ colour }: Pick<Terminal, "colour">, style: Style, text: string): string {
	return colour && text !== "" ? `\u001b[${styles[style]}m${text}\u001b[0m` : text;
}

/** What `write` was given, as text. */
export function textOf(data: string | Uint8Array): string {
	return typeof data === "string" ? data : new TextDecoder().decode(data);
}
