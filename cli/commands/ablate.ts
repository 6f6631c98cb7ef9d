// `patchbay ablate`: which phases of a protocol are needed, on which model.

import { Option } from "commander";
import { type Ablation, ablate as ablateOn } from "../../runtime/check/index.ts";
import { models } from "../../runtime/machine/index.ts";
import { protocols } from "../../runtime/patch/index.ts";
import { modelNames, modelOf } from "../run/models.ts";
import { protocolOf } from "../run/protocols.ts";
import { type Command, ExitCode, writeJson } from "../shell/command.ts";
import { texts } from "../shell/options.ts";
import { type Column, table } from "../shell/table.ts";
import { styled } from "../shell/terminal.ts";

interface Options {
	readonly model?: readonly string[];
	readonly cpus: string;
}

export const ablate: Command<Options> = {
	name: "ablate",
	operands: "<protocol>",
	brief: "Drop each phase of a protocol, and swap each two, and see what breaks on which model.",
	examples: [
		["ablate breakpoint", "is the second sync of text_poke_bp needed?"],
		["ablate breakpoint --model amd-quad --model arm", "on these models only"],
		["ablate mine.json --model x86-tso", "a protocol of one's own"],
	],
	declare(line) {
		line.option("--model <name...>", `on these models: ${modelNames}`, texts);
		line.addOption(new Option("--cpus <n>", "CPUs that run through the site").choices(["1", "2", "3"]).default("2"));
	},
	async run(terminal, [name], options) {
		const protocol = protocolOf(name!, protocols);
		const chosen = options.model?.map(modelOf) ?? models;
		const rows = new Map<string, Ablation[]>();
		for (const model of chosen) {
			for (const one of ablateOn(protocol, model, Number(options.cpus))) {
				const key = `${one.change} ${one.phase}`;
				rows.set(key, [...(rows.get(key) ?? []), one]);
			}
		}
		if (options.json === true) {
			await writeJson(terminal, "patchbay/ablation@1", {
				protocol: protocol.name,
				cpus: Number(options.cpus),
				ablations: [...rows.values()].flat(),
			});
			return ExitCode.ok;
		}
		const columns: Column<Ablation[]>[] = [
			{ title: "", text: ([one]) => `${one!.change} ${one!.phase + 1}` },
			{ title: protocol.name, text: ([one]) => one!.text },
			...chosen.map((model, i): Column<Ablation[]> => ({ title: model.name, text: (row) => outcome(row[i]!) })),
		];
		const lines = table(columns, [...rows.values()], (text) =>
			/^(torn|stale|target|breakpoint|fault|finish|w\^x)/.test(text.trim()) ? styled(terminal, "red", text) : text,
		);
		await terminal.write(
			`${lines.join("\n")}\n\nwhat breaks, and in how many steps; '-': still safe for every kind of site; '.': the protocol is not safe there at all\n`,
		);
		return ExitCode.ok;
	},
};

/** `torn 8`: what broke first, and the steps it takes. */
function outcome({ verdict, witness }: Ablation): string {
	if (verdict === "untouched") return ".";
	if (witness === undefined) return "-";
	if (witness.verdict !== "unsafe") return witness.verdict;
	return `${witness.property} ${witness.path.length}`;
}
