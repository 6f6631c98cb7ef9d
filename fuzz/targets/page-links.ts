// Links to the lab page: what stands in the fragment is a stranger's.

import * as fc from "fast-check";
import { fieldsOf } from "../../web/state/fields.ts";
import { linkTo, readLink } from "../../web/state/link.ts";
import { editedJson, type JsonEdit, jsonEdits } from "../mutate/json.ts";
import { target, Wrong } from "../target.ts";

const states: readonly unknown[] = [
	{
		name: "pick",
		protocol: "breakpoint",
		model: "arm",
		fetch: "stale",
		cpus: 3,
		seed: 7,
		at: 120,
		asked: [{ at: 5, key: "pick", to: "deadline" }],
	},
	{
		phases: ["write breakpoint", "sync serialize"],
		kind: "tail",
		placement: "aligned",
		cpus: 2,
		model: "x86",
		step: 4,
	},
	{ own: "export function main() {}\n", name: "pick" },
];

interface Recipe {
	readonly state: number;
	readonly edits: readonly JsonEdit[];
	/** What is done to the fragment's letters. */
	readonly letters: readonly { readonly at: number; readonly text: string }[];
}

async function fragmentOf({ state, edits, letters }: Recipe): Promise<string> {
	let fragment = await linkTo("check", editedJson(states[state % states.length], edits) ?? null);
	for (const { at, text } of letters) {
		const place = at % (fragment.length + 1);
		fragment = fragment.slice(0, place) + text + fragment.slice(place + 1);
	}
	return fragment;
}

export const pageLinks = target<Recipe>({
	name: "links of the page",
	weight: 20,
	batch: 100,
	recipes: fc.record({
		state: fc.nat(10),
		edits: jsonEdits,
		letters: fc.array(
			fc.record({ at: fc.nat(1000), text: fc.constantFrom("A", "/", ".", "#", "%", "-", "_", "é", "", "2.", "AAAA") }),
			{ maxLength: 4 },
		),
	}),
	input: ({ state, edits }) => ({
		name: "state.json",
		bytes: Buffer.from(JSON.stringify(editedJson(states[state % states.length], edits)) ?? ""),
	}),
	async try(recipe) {
		const fragment = await fragmentOf(recipe);
		const link = await readLink(fragment);
		if (typeof link.room !== "string") throw new Wrong("a link without a room");
		const fields = fieldsOf(link.state);
		const read = [
			fields.number("cpus", 2, 1, 8),
			fields.text("own", "", 100).length,
			fields.list("phases", ["a"], []).length,
		];
		if (!(read[0]! >= 1 && read[0]! <= 8) || read[1]! > 100) throw new Wrong("a field out of its bounds");
		fields.oneOf("model", ["x86"], "x86");
	},
});
