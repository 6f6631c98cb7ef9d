// The thread that tries recipes: batch after batch, and what it is at is told to who watches it before each one, in memory
// that both see, for a thread that hangs says nothing any more.

import { parentPort, workerData } from "node:worker_threads";
import { type Found, runBatch, type Tally } from "./batch.ts";
import { NOTE_TEXT, type Notes, noteRecipe } from "./notes.ts";
import { batchAt } from "./plan.ts";
import { targets } from "./targets/index.ts";

/** What the thread begins with. */
export interface Task {
	readonly seed: number;
	/** The first batch. */
	readonly first: number;
	readonly only: readonly string[] | undefined;
	readonly notes: SharedArrayBuffer;
}

/** What it tells of one batch. */
export interface Done {
	readonly batch: number;
	readonly target: string;
	readonly tally: Tally;
	readonly found: Found | undefined;
}

const { seed, first, only, notes } = workerData as Task;
const shared: Notes = { numbers: new Int32Array(notes, 0, 2), text: new Uint8Array(notes, NOTE_TEXT) };

for (let batch = first; ; batch++) {
	const { target, seed: batchSeed } = batchAt(targets, seed, batch, only);
	const tally: Tally = { runs: 0, refused: 0 };
	const found = await runBatch(target, { target: target.name, seed: batchSeed, runs: target.batch }, tally, (recipe) =>
		noteRecipe(shared, batch, recipe),
	);
	parentPort!.postMessage({ batch, target: target.name, tally, found } satisfies Done);
	// So that messages leave.
	await new Promise((resolve) => setImmediate(resolve));
}
