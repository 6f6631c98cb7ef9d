// The storm on this processor: what no model allows does not happen, and every cell says what it means.

import { expect, test } from "vitest";
import { cli } from "../cli/command-line.ts";
import { everything } from "../extent.ts";
import { hasNative } from "../real/native-tools.ts";

interface Cell {
	readonly writer: string;
	readonly crosses: number;
	readonly updates: number;
	readonly calls: number;
	readonly torn: number;
	readonly stale: number;
	readonly lost: number;
	readonly verdict: string | null;
	readonly says: string;
}

test.skipIf(!everything || !hasNative())(
	"chaos --native: breakpoints with all syncs are safe on the model and on this processor",
	async () => {
		const { code, out, err } = await cli("chaos", "--native", "--updates", "300", "--json");
		expect({ code, err }).toEqual({ code: 0, err: "" });
		const { cells } = JSON.parse(out) as { cells: Cell[] };
		expect(cells).toHaveLength(48);
		for (const { updates, calls, lost, verdict, says, torn, stale } of cells) {
			expect(updates).toBe(300);
			expect(calls).toBeGreaterThan(0);
			expect(lost).toBe(0);
			const isSeen = torn + stale > 0;
			if (verdict === null) expect(says).toBe("not modelled");
			else expect(says).toBe(verdict === "safe" ? "safe" : isSeen ? "unsafe, seen" : "unsafe, not seen");
		}
		const verdicts = (writer: string) => cells.filter((cell) => cell.writer === writer).map(({ verdict }) => verdict);
		expect(verdicts("breakpoint-7")).toEqual(Array(6).fill("safe"));
		expect(verdicts("store-sync").slice(1)).toEqual(Array(5).fill("unsafe"));
		expect(verdicts("bytes")).toEqual(Array(6).fill(null));
	},
);
