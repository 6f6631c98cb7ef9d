// What a hit of a probe costs each way, as a table: cycles here, and how the ways compare beside how they were published to.

import type { CostProfile, Model } from "../../runtime/machine/index.ts";
import { HITS, type HitWay, hitCost, hitWays } from "../../runtime/measure/index.ts";
import { type Column, count, table } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";

export interface HitCost extends Pick<HitWay, "name" | "instruction" | "published"> {
	/** More than without a probe, a hit. */
	readonly cycles: number;
	/** How many times as fast as a hit out of line of NOP5, here and as published. */
	readonly speed: number;
	readonly publishedSpeed: number;
}

export function hitCosts(profile: CostProfile, model: Model): HitCost[] {
	const costs = hitWays.map((way) => ({ way, cycles: hitCost(way, profile, model) }));
	const slow = costs.find(({ way }) => way.name === "out of line" && way.instruction === "nop5")!;
	return costs.map(({ way: { name, instruction, published }, cycles }) => ({
		name,
		instruction,
		published,
		cycles,
		speed: slow.cycles / cycles,
		publishedSpeed: published / slow.way.published,
	}));
}

export function drawHits(terminal: Terminal, rows: readonly HitCost[]): string[] {
	const number = (title: string, text: Column<HitCost>["text"]): Column<HitCost> => ({ title, align: "right", text });
	const columns: Column<HitCost>[] = [
		{ title: `a hit of a probe, mean of ${count(HITS)}`, text: ({ name }) => name },
		{ title: "on", text: ({ instruction }) => instruction },
		number("cycles", ({ cycles }) => count(Math.round(cycles))),
		number("times as fast", ({ speed }) => speed.toFixed(1)),
		number("as published", ({ publishedSpeed }) => publishedSpeed.toFixed(1)),
		number("M/s", ({ published }) => published.toFixed(1)),
	];
	return table(columns, rows, (text, _, row) => (row === undefined ? styled(terminal, "bold", text) : text));
}
