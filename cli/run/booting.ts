// What is settled before a program starts: the options for it, and what came of it as lines.

import { type Command as CommandLine, InvalidArgumentError } from "commander";
import { hex } from "../../linker/hex.ts";
import { type Image, sourcePlace } from "../../linker/link/index.ts";
import type { BootOptions, Settled } from "../../runtime/patch/index.ts";
import { UsageError } from "../shell/command.ts";
import { listOf } from "../shell/options.ts";
import { type Column, plural, table } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";

export interface BootChoice {
	readonly features?: readonly string[];
	readonly boot?: boolean;
}

export function declareFeatures(line: CommandLine): void {
	line.option(
		"--features <names>",
		"what the machine has, with commas between: which alternatives apply",
		listOf(parseFeature),
	);
}

/** For commands that run what they load. */
export function declareBoot(line: CommandLine): void {
	declareFeatures(line);
	line.option("--no-boot", "leave alternatives and calls of operations as they were linked");
}

/** Undefined when nothing shall be settled. @param modules whether some will be loaded */
export function bootOptions({ features, boot }: BootChoice, modules = false): BootOptions | undefined {
	if (boot) return { ...(features && { features }), modules };
	if (features !== undefined) throw new UsageError("--features are for what is settled at boot, which is left out");
	return undefined;
}

function parseFeature(text: string): string {
	if (text === "") throw new InvalidArgumentError("Write names with commas between.");
	return text;
}

/** `3 calls of operations: 2 direct, 1 inlined` */
export function settledText(settled: readonly Settled[]): string[] {
	return (["alternative", "operation"] as const).flatMap((kind) => {
		const of = settled.filter((each) => each.kind === kind);
		if (of.length === 0) return [];
		const forms = [...new Set(of.map(({ form }) => form))];
		const counts = forms.map((form) => `${of.filter((each) => each.form === form).length} ${form}`).join(", ");
		return `${plural(of.length, kind === "operation" ? "operation call" : kind)}: ${counts}`;
	});
}

export function drawSettled(terminal: Terminal, image: Image, settled: readonly Settled[]): string[] {
	const columns: Column<Settled>[] = [
		{ title: "kind", text: ({ kind }) => kind },
		{ title: "name", text: ({ name }) => name },
		{ title: "address", text: ({ address }) => hex(address) },
		{ title: "source", text: ({ address }) => sourcePlace(image, address) },
		{ title: "bytes", align: "right", text: ({ bytes }) => String(bytes) },
		{ title: "becomes", text: ({ form }) => form },
	];
	return table(columns, settled, (text, _, row) => (row === undefined ? styled(terminal, "bold", text) : text));
}
