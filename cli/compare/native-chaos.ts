// `patchbay chaos --native`: what a storm of updates does on this processor, beside the verdict of the simulated machine.

import { cpus } from "node:os";
import { buildStorm, crossed, modelHere, type StormCell, writers } from "../../native/storm.ts";
import { ExitCode, writeJson } from "../shell/command.ts";
import { packageRoot } from "../shell/package-root.ts";
import { type Column, count, table } from "../shell/table.ts";
import { progressLine, styled, type Terminal } from "../shell/terminal.ts";

interface Options {
	readonly updates: number;
	readonly json?: true;
}

/** @returns violation when something went wrong where the model says that nothing can */
export async function chaosNative(terminal: Terminal, { updates, json }: Options): Promise<ExitCode> {
	const model = modelHere();
	const processor = cpus()[0]?.model ?? "an unnamed processor";
	const storm = buildStorm(`${packageRoot()}native/storm.c`, model);
	const show = progressLine(terminal);
	const cells: StormCell[] = [];
	try {
		for (const writer of writers)
			for (const crosses of crossed) {
				show(`${writer.brief}, crossing ${crosses}`);
				cells.push(storm.run(writer, crosses, updates));
			}
	} finally {
		storm.close();
		show();
	}
	if (json) {
		const said = cells.map((cell) => ({ ...cell, says: says(cell) }));
		await writeJson(terminal, "patchbay/chaos-native@1", { processor, model: model.name, cells: said });
	} else await terminal.write(text(terminal, processor, model.name, cells));
	return cells.some((cell) => cell.verdict === "safe" && wrongOf(cell) > 0) ? ExitCode.violation : ExitCode.ok;
}

function wrongOf({ torn, stale, lost }: StormCell): number {
	return torn + stale + lost;
}

function says(cell: StormCell): string {
	const isSeen = wrongOf(cell) > 0;
	if (cell.verdict === null) return "not modelled";
	if (cell.verdict === "unsafe") return isSeen ? "unsafe, seen" : "unsafe, not seen";
	return isSeen ? `${cell.verdict}, but seen` : cell.verdict;
}

/** Per million updates: torn, stale, lost; `0` for none. */
function figures(cell: StormCell): string {
	if (wrongOf(cell) === 0) return "0";
	return [cell.torn, cell.stale, cell.lost].map((each) => count(Math.round((each * 1e6) / cell.updates))).join("/");
}

function text(terminal: Terminal, processor: string, model: string, cells: readonly StormCell[]): string {
	const columns: Column<(typeof writers)[number]>[] = [
		{ title: "", text: ({ brief }) => brief },
		...crossed.map((crosses): Column<(typeof writers)[number]> => {
			const cellOf = (name: string) => cells.find((cell) => cell.writer === name && cell.crosses === crosses)!;
			return {
				title: crosses === 0 ? "crosses nothing" : crosses === 4096 ? "a page" : String(crosses),
				align: "right",
				text: ({ name }) => `${figures(cellOf(name))} (${says(cellOf(name))})`,
			};
		}),
	];
	const title = `${processor}: torn/stale/lost calls per million updates (${model} says)`;
	return `${styled(terminal, "bold", title)}\n${table(columns, writers).join("\n")}\n`;
}
