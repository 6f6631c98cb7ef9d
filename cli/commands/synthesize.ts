// `patchbay synthesize`: the cheapest order of phases that is safe on a model.

import { InvalidArgumentError, Option } from "commander";
import { letterTexts, placements, synthesize as search, siteKinds } from "../../runtime/check/index.ts";
import { profileOf, profileOption } from "../run/cost-profiles.ts";
import { modelOf, modelOption } from "../run/models.ts";
import { type Command, ExitCode, writeJson } from "../shell/command.ts";
import { listOf, whole } from "../shell/options.ts";
import { count } from "../shell/table.ts";
import { styled } from "../shell/terminal.ts";

interface Options {
	readonly model: string;
	readonly length: number;
	readonly placement: string;
	readonly kind: string;
	readonly cpus: string;
	readonly without?: readonly string[];
	readonly profile: string;
}

export const synthesize: Command<Options> = {
	name: "synthesize",
	operands: "",
	brief: "Search the orders of phases for the cheapest protocol that is safe on a model.",
	examples: [
		["synthesize --model x86 --without 'sync park' --without 'write spin'", "finds text_poke_bp"],
		["synthesize --model amd-quad --placement aligned", "one store and one sync"],
	],
	declare(line) {
		line.addOption(modelOption);
		line.option("--length <n>", "phases at most", whole("Write a whole number from 1 to 10.", 1, 10), 8);
		line.addOption(
			new Option("--placement <where>", "where the site lies").choices([...placements]).default("straddling"),
		);
		line.addOption(new Option("--kind <what>", "what the site is").choices([...siteKinds]).default("call"));
		line.addOption(new Option("--cpus <n>", "CPUs that run through the site").choices(["1", "2", "3"]).default("2"));
		line.addOption(
			new Option("--without <phase...>", "phases that may not be used")
				.choices([...letterTexts])
				.argParser(listOf(parsePhase)),
		);
		line.addOption(profileOption);
	},
	async run(terminal, _operands, options) {
		const model = modelOf(options.model);
		const found = search(
			{
				model,
				length: options.length,
				placements: placements.filter((one) => one === options.placement),
				kinds: siteKinds.filter((one) => one === options.kind),
				cpus: Number(options.cpus),
				without: options.without ?? [],
				profile: profileOf(options.profile),
			},
			(tried, cycles) => {
				if (tried % 500 === 0) terminal.note(`${count(tried)} beginnings tried, up to ${count(cycles)} cycles\n`);
			},
		);
		if (options.json === true)
			await writeJson(terminal, "patchbay/synthesis@1", { model: model.name, found: found ?? null });
		else if (found === undefined)
			await terminal.write(`no order of at most ${options.length} phases is safe on ${model.name}\n`);
		else {
			const phases = found.phases.map((phase, i) => `  ${i + 1}. ${styled(terminal, "bold", phase)}`).join("\n");
			await terminal.write(
				`${phases}\n\n${count(found.cycles)} cycles on ${model.name}; the cheapest of ${count(found.tried)} beginnings tried, ${count(found.complete)} of them complete\n`,
			);
		}
		return found === undefined ? ExitCode.violation : ExitCode.ok;
	},
};

function parsePhase(text: string): string {
	if (letterTexts.includes(text)) return text;
	throw new InvalidArgumentError(`Allowed choices are ${letterTexts.join(", ")}.`);
}
