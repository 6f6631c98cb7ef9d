// `npm run bench:modules`: what it costs that modules lie where they lie. Simulated, so the same on every machine: calls
// that need thunks as the range fills, and instruction-TLB misses with text on small and on large pages.

import { nearCalls } from "./near-calls.ts";
import { fixturesInTurn, packetsThroughFilters } from "./tlb-misses.ts";

console.log("| text of modules / reach | modules | calls | near | thunks | bytes of thunks |");
console.log("|--:|--:|--:|--:|--:|--:|");
for (const { fill, modules, calls, far, thunks, bytes } of nearCalls())
	console.log(`| ${fill.toFixed(2)} | ${modules} | ${calls} | ${percent(calls - far, calls)} | ${thunks} | ${bytes} |`);

console.log("\n| workload | text, KiB | pages, 4 KiB / as mapped | instruction TLB | misses, 4 KiB | misses, 2 MiB |");
console.log("|---|--:|--:|---|--:|--:|");
for (const { workload, text, pages, shape, misses } of [...packetsThroughFilters(), ...fixturesInTurn()])
	console.log(
		`| ${workload} | ${text.toFixed(0)} | ${pages.join(" / ")} | ${shape} | ${misses.map((each) => each.toFixed(3)).join(" | ")} |`,
	);

function percent(part: number, whole: number): string {
	return `${((100 * part) / whole).toFixed(1)} %`;
}
