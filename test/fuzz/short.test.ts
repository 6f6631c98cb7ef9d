// A short form of `npm run fuzz`: a batch or two of every target from fixed seeds, and everything that was ever found.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Found, runBatch, tryRecipe } from "../../fuzz/batch.ts";
import { batchAt } from "../../fuzz/plan.ts";
import { Wrong } from "../../fuzz/target.ts";
import { targetNamed, targets } from "../../fuzz/targets/index.ts";
import { repository } from "../../tools/repository.ts";
import { howMany } from "../extent.ts";

/** Recipes of a target that are quick to try; of others one. */
const few = (batch: number): number => Math.max(1, Math.ceil(batch / 10));

test.each(targets.map((target) => [target.name, target] as const))("%s", async (_, target) => {
	const tally = { runs: 0, refused: 0 };
	const runs = howMany(few(target.batch), 2 * target.batch);
	expect(await runBatch(target, { target: target.name, seed: 1, runs }, tally)).toBeUndefined();
	expect(tally.runs).toBe(runs);
	// A target all of whose inputs are refused tries nothing. A few may be refused by chance.
	if (runs >= 20) expect(tally.refused).toBeLessThan(runs);
});

test("what was found before is found no more", async () => {
	const folder = repository("fuzz/reproducers");
	const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
	for (const file of files) {
		const { target, recipe } = JSON.parse(readFileSync(`${folder}/${file}`, "utf8")) as Found;
		await tryRecipe(targetNamed(target)!, recipe);
	}
});

test("a finding is shortened, and anything but an error of an input is one", async () => {
	const { target: first } = batchAt(targets, 1, 0, ["JSON"]);
	const broken = {
		...first,
		try: (recipe: unknown) => {
			if (JSON.stringify(recipe).includes("repeat")) throw new Wrong("repeated");
			if (JSON.stringify(recipe).includes("drop")) throw new RangeError("dropped");
		},
	};
	const found = await runBatch(broken, { target: "JSON", seed: 3, runs: 200 }, { runs: 0, refused: 0 });
	expect(found).toMatchObject({ target: "JSON", kind: "crash or wrong result" });
	expect((found!.recipe as { edits: readonly unknown[] }).edits).toHaveLength(1);
});

test("every target has its turn, and the same turns come of the same seed", () => {
	const names = (seed: number) => Array.from({ length: 400 }, (_, batch) => batchAt(targets, seed, batch, undefined));
	expect(new Set(names(1).map(({ target }) => target.name)).size).toBe(targets.length);
	expect(names(2)).toEqual(names(2));
	expect(names(2)).not.toEqual(names(1));
});
