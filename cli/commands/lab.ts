// `patchbay lab`: the page on which one sees a call being patched, from a server on this machine alone.

import { once } from "node:events";
import { exportLab, serveLab } from "../lab/serve.ts";
import { type Command, type CommonOptions, ExitCode, UsageError, writeJson } from "../shell/command.ts";
import type { Terminal } from "../shell/terminal.ts";

interface Options {
	readonly port: string;
	readonly export?: string;
}

const SCHEMA = "patchbay/lab@1";

export const lab: Command<Options> = {
	name: "lab",
	operands: "",
	brief: "Open the lab: a page where one sees a call being patched, and tries to break it.",
	examples: [
		["lab", "serves the page on 127.0.0.1 and prints its address; Ctrl+C ends it"],
		["lab --export site", "writes the page's files into site/, for any web server"],
	],
	declare(line) {
		line
			.option("--port <n>", "listen on this port; 0: any that is free", "8042")
			.option("--export <folder>", "write the page's files there instead of serving them");
	},
	async run(terminal, _, options) {
		return options.export === undefined ? serve(terminal, options) : copy(terminal, options.export, options);
	},
};

async function copy(terminal: Terminal, folder: string, { json }: CommonOptions): Promise<ExitCode> {
	exportLab(folder);
	if (json) await writeJson(terminal, SCHEMA, { folder });
	else await terminal.write(`${folder}/index.html (browsers open it from a web server, not from file://)\n`);
	return ExitCode.ok;
}

async function serve(terminal: Terminal, { port, json }: Options & CommonOptions): Promise<ExitCode> {
	if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) throw new UsageError(`--port ${port}: a number from 0 to 65535`);
	const { server, address } = await serveLab(Number(port));
	if (json) await writeJson(terminal, SCHEMA, { address });
	else await terminal.write(`${address}\n`);
	await once(server, "close");
	return ExitCode.ok;
}
