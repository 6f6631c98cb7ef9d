// `--protocol`: how code is patched while a program runs.

import { Option } from "commander";
import { early, type Protocol, protocols } from "../../runtime/patch/index.ts";

/** `early` is for bytes that nobody runs: it is what updates before the start use. */
const running = protocols.filter((protocol) => protocol !== early);

export const protocolOption = new Option("--protocol <name>", "how code is patched while it runs")
	.choices(running.map(({ name }) => name))
	.default(running[0]!.name);

export function protocolOf(name: string): Protocol {
	return running.find((protocol) => protocol.name === name)!;
}
