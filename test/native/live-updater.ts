// A process of its own that retargets another without end, for tests that kill it: `node live-updater.mjs PID`.

import { findEntries, makeChanges, openLive } from "../../native/live.ts";

const live = openLive(Number(process.argv[2]));
const [entry] = findEntries(live, ["pick"]);
process.stdout.write("ready\n");
for (let n = 0; ; n++) makeChanges(live, [{ entry: entry!, to: n % 5 === 4 ? "default" : `pick_${n % 16}` }], "always");
