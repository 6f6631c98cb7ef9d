// `patchbay run` with many CPUs, transactions, freed init text and traces.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { progressLine } from "../../cli/shell/terminal.ts";
import type { TraceFile } from "../../runtime/patch/index.ts";
import { cli, inFolder } from "./command-line.ts";

const source = `
import { staticCall, print } from "patchbay/source";
function one(x) { return (x + 1) | 0; }
function two(x) { return (x + 2) | 0; }
function wrong(a, b) { return a - b; }
export const pick = staticCall(one);
export const drop = staticCall(two);
function boot() { "init"; return pick(drop(0)); }
function work() { let s = 0; for (let i = 0; i < 3000; i = (i + 1) | 0) s = drop(pick(s)); return s; }
export function worker() { work(); }
export function main() { boot(); print(work()); }
`;

async function withProgram(use: (file: string, folder: string) => Promise<void>): Promise<void> {
	await inFolder(async (folder) => {
		const file = join(folder, "work.js");
		writeFileSync(file, source);
		await use(file, folder);
	});
}

const crowd = ["--cpus", "4", "--entry", "main", "--entry", "worker*3", "--profile", "in-order"];

describe("CPUs", () => {
	test("one runs main, the others idle", () =>
		withProgram(async (file) => {
			const { out } = await cli("run", file, "--cpus", "3", "--json");
			const { output, cpus } = JSON.parse(out);
			expect(output).toEqual(["9000"]);
			expect(cpus.map(({ instructions }: { instructions: number }) => instructions > 0)).toEqual([true, false, false]);
		}));

	test("run what their entries say, the same every time", () =>
		withProgram(async (file) => {
			const argv = ["run", file, ...crowd, "--model", "x86", "--fetch", "stale", "--set", "pick=two@2000", "--json"];
			const [first, again, other] = [await cli(...argv), await cli(...argv), await cli(...argv, "--seed", "2")];
			expect(first.code).toBe(0);
			expect(again).toEqual(first);
			expect(other.out).not.toBe(first.out);
			expect(
				JSON.parse(first.out).cpus.every(({ instructions }: { instructions: number }) => instructions > 9000),
			).toBe(true);
		}));

	test.each([
		[["--cpus", "0"], 2, "from 1 to 256"],
		[["--cpus", "2", "--entry", "worker*3"], 2, "--entry names work for 3 CPUs, --cpus says 2"],
		[["--entry", "worker*"], 2, "Write function, or function*3"],
		[["--entry", "wroker"], 3, "no function 'wroker' to start at (did you mean 'worker'?)"],
		[["--fetch", "chosen"], 2, "Allowed choices are fresh, stale, random"],
		[["--seed", "0"], 2, "positive"],
	])("are refused with %j", (argv, code, message) =>
		withProgram(async (file) => {
			const seen = await cli("run", file, ...argv);
			expect(seen.err).toContain(message);
			expect(seen).toMatchObject({ code, out: "" });
		}),
	);
});

describe("keys joined by a comma", () => {
	test("change in one update, at the syncs of one", () =>
		withProgram(async (file) => {
			const together = JSON.parse((await cli("run", file, ...crowd, "--set", "pick=two,drop=one@900", "--json")).out);
			expect(together.patching).toMatchObject({ updates: 1, syncs: 3 });
			const apart = ["--set", "pick=two@900", "--set", "drop=one@900"];
			const { patching } = JSON.parse((await cli("run", file, ...crowd, ...apart, "--json")).out);
			expect(patching).toMatchObject({ updates: 2, syncs: 6 });
		}));

	test("change all or none", () =>
		withProgram(async (file) => {
			const seen = await cli("run", file, "--set", "pick=two,drop=wrong");
			expect(seen).toMatchObject({ code: 3, out: "" });
			expect(seen.err).toContain("'drop' is called as");
		}));
});

test("freed init text is not patched any more", () =>
	withProgram(async (file) => {
		const sites = async (...more: string[]): Promise<number> =>
			JSON.parse((await cli("run", file, "--set", "pick=two@20000", ...more, "--profile", "in-order", "--json")).out)
				.patching.sites;
		expect((await sites()) - (await sites("--free-init", "10000"))).toBe(1);
	}));

describe("traces", () => {
	test("are written as columns or for Perfetto", () =>
		withProgram(async (file, folder) => {
			const text = join(folder, "trace.txt");
			await cli("run", file, ...crowd, "--set", "pick=two@900", "--trace", text);
			expect(readFileSync(text, "utf8")).toMatch(/^ +cycle +patcher +CPU 0 +CPU 1 +CPU 2 +CPU 3\n/);
			const json = join(folder, "trace.json");
			await cli("run", file, ...crowd, "--set", "pick=two@900", "--trace", json);
			const { traceEvents } = JSON.parse(readFileSync(json, "utf8")) as TraceFile;
			expect(traceEvents.filter(({ cat }) => cat === "first").length).toBeGreaterThanOrEqual(4);
		}));

	test("go to files of known kinds only", () =>
		withProgram(async (file, folder) => {
			const seen = await cli("run", file, "--trace", join(folder, "trace.svg"));
			expect(seen).toMatchObject({ code: 2, out: "" });
			expect(existsSync(join(folder, "trace.svg"))).toBe(false);
		}));
});

describe("progress", () => {
	function shown(watched: boolean): string {
		let text = "";
		const show = progressLine({ note: (more) => void (text += more), watched });
		const { now } = Date;
		try {
			for (const [seconds, line] of [
				[0.5, "early"],
				[1.1, "one"],
				[1.5, "soon"],
				[2.2, "two"],
			] as const) {
				Date.now = () => now() + seconds * 1000;
				show(line);
			}
			show();
		} finally {
			Date.now = now;
		}
		return text;
	}

	test("is shown once a second and wiped out", () => {
		expect(shown(true)).toBe("\r\u001b[Kone\r\u001b[Ktwo\r\u001b[K");
	});

	test("is shown to nobody when nobody watches", () => {
		expect(shown(false)).toBe("");
	});
});
