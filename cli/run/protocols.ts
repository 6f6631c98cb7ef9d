// `--protocol`: how code is patched, by the protocol's name or as a .json file that holds one (docs/schemas/protocol.json).

import { Option } from "commander";
import { LinkError, suggestion } from "../../linker/errors.ts";
import { validate } from "../../linker/schema.ts";
import { type Protocol, protocolSchema, protocols } from "../../runtime/patch/index.ts";
import { UsageError } from "../shell/command.ts";
import { readJson } from "../shell/files.ts";

/** The protocols that patch while a program runs: updates before the start use the others. */
export const running: readonly Protocol[] = protocols.filter(({ requires }) => requires !== "quiet");

export const protocolOption = new Option(
	"--protocol <name>",
	`how code is patched while it runs: ${namesOf(running)}`,
).default(running[0]!.name);

/** What one may write, for the help. */
export function namesOf(among: readonly Protocol[]): string {
	return `${among.map(({ name }) => name).join(", ")}, or a .json file`;
}

/** @param among those that may be named
 * @throws UsageError for a name that is none of them, LinkError for a file that holds none */
export function protocolOf(text: string, among: readonly Protocol[] = running): Protocol {
	if (text.endsWith(".json")) return protocolIn(text, among);
	const found = among.find(({ name }) => name === text);
	if (found !== undefined) return found;
	const near = suggestion(
		text,
		among.map(({ name }) => name),
	);
	throw new UsageError(`no protocol '${text}'${near}; there are ${namesOf(among)}`);
}

/** A report names its protocol, so a file may not use a name that means something else. */
function protocolIn(file: string, among: readonly Protocol[]): Protocol {
	const protocol = validate<Protocol>(protocolSchema, readJson(file), file);
	if (protocols.some(({ name }) => name === protocol.name))
		throw new LinkError(`${file}: name: '${protocol.name}' is a protocol of patchbay; call yours otherwise`);
	if (protocol.requires === "quiet" && !among.some(({ requires }) => requires === "quiet"))
		throw new LinkError(`${file}: requires: 'quiet' is for text that nobody executes, and here CPUs execute it`);
	return protocol;
}
