// Running processes, patched from outside: what is listed, what changes, what is refused, and that no call goes wrong meanwhile.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import * as rolldown from "rolldown";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { patchbay } from "../../cli/patchbay.ts";
import { textOf } from "../../cli/shell/terminal.ts";
import { findEntries, makeChanges, planChanges } from "../../native/live.ts";
import { findProcess, statusField, threadState, threadsOf } from "../../native/process.ts";
import { cli } from "../cli/command-line.ts";
import { has, hasNative, run, source } from "../real/native-tools.ts";
import { compile, type TargetProcess, variable, withLive, withTarget } from "./target-process.ts";

let folder = "";
const at = (name: string) => join(folder, name);

beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), "patchbay-live-"));
	if (!hasNative()) return;
	compile(source("crowd.c"), at("crowd"), "-Wl,--emit-relocs");
	compile(source("crowd.c"), at("plain"));
	compile(source("calls-of-all-kinds.s"), at("kinds"), "-no-pie", "-Wa,-mshared", "-Wl,--emit-relocs");
	compile(source("calls-of-all-kinds.s"), at("kinds-decoded"), "-no-pie", "-Wa,-mshared");
});
afterAll(() => rmSync(folder, { recursive: true }));

interface ListedSite {
	readonly address: number;
	readonly in: string;
	readonly kind: string;
	readonly calls: string;
	readonly bytes: string;
	readonly fitsOneStore: boolean;
}

async function list(pid: number, ...names: readonly string[]) {
	const { code, out, err } = await cli("live", String(pid), ...names.flatMap((name) => ["--calls-to", name]), "--json");
	expect({ code, err }).toEqual({ code: 0, err: "" });
	return JSON.parse(out) as {
		entries: {
			name: string;
			by: string;
			calls: string | null;
			sites: ListedSite[];
			left: { in: string; why: string }[];
		}[];
	};
}

/** Makes so many updates, one after another, to the next target each. @returns how many of them stopped the threads */
function storm(pid: number, updates: number): Promise<number> {
	return withLive(pid, (live) => {
		const entries = findEntries(live, ["pick"]);
		const begun = variable(live, "begun");
		const done = variable(live, "done");
		let stops = 0;
		for (let n = done.get() + 1; updates > 0; n++, updates--) {
			begun.set(n);
			const plans = planChanges(live, [{ entry: entries[0]!, to: `pick_${n % 16}` }]);
			const { stopped } = makeChanges(live, plans, "fitting");
			done.set(n);
			if (stopped !== undefined) stops++;
		}
		return stops;
	});
}

/** Ends the crowd. @returns what it printed about its calls */
async function finish(target: TargetProcess): Promise<string> {
	await withLive(target.pid, (live) => variable(live, "finish").set(1));
	expect(await target.ended).toBe(0);
	return target.printed().split("\n")[1]!;
}

describe.skipIf(!hasNative())("a process under load", () => {
	test.each(["crowd", "plain"])(
		"%s: 8 threads through 1,000 sites, updates from outside, no call goes wrong",
		(program) =>
			withTarget(at(program), ["8"], async (target) => {
				const stops = await storm(target.pid, 30);
				expect(stops).toBe(30);
				expect(await finish(target)).toMatch(/^[1-9]\d* calls, 0 wrong$/);
			}),
	);

	test("finds the same calls by relocations and by decoding", async () => {
		const found = [];
		for (const program of ["crowd", "plain"])
			found.push(
				await withTarget(at(program), ["1"], async ({ pid }) => {
					const { entries } = await list(pid, "pick");
					return { by: entries[0]!.by, sites: entries[0]!.sites.map((site) => site.in) };
				}),
			);
		expect(found.map(({ by }) => by)).toEqual(["relocations", "decoding"]);
		expect(found[0]!.sites).toHaveLength(1000);
		expect(found[1]!.sites).toEqual(found[0]!.sites);
	});

	test("--set is seen at once, --reset gives back every byte of the file", () =>
		withTarget(at("crowd"), ["2"], async ({ pid }) => {
			const before = await list(pid, "pick");
			await withLive(pid, (live) => variable(live, "ignore_order").set(1));
			const planned = await cli("live", String(pid), "--set", "pick=pick_3", "--dry-run");
			expect(planned.out).toMatch(/pick → pick_3: 1,000 call sites to change\n/);
			expect((await list(pid, "pick")).entries).toEqual(before.entries);
			const { code, out } = await cli("live", String(pid), "--set", "pick=pick_3");
			expect({ code, out }).toEqual({
				code: 0,
				out: expect.stringMatching(/all threads were stopped for \d+\.\d\d ms/),
			});
			expect((await list(pid, "pick")).entries[0]!.calls).toBe("pick_3");
			expect((await cli("live", String(pid), "--calls-to", "pick", "--reset", "--stop")).code).toBe(0);
			expect(await list(pid, "pick")).toEqual(before);
		}));

	test("--no-stop changes what one store can, and refuses all where one site needs more", () =>
		withTarget(at("crowd"), ["2"], async ({ pid }) => {
			const { entries } = await list(pid, "pick");
			const fitting = entries[0]!.sites.filter(({ fitsOneStore }) => fitsOneStore);
			expect(fitting.length).toBeGreaterThan(700);
			expect(fitting.length).toBeLessThan(900);
			const refused = await cli("live", String(pid), "--set", "pick=pick_3", "--no-stop");
			expect(refused).toMatchObject({ code: 3, err: expect.stringMatching(/cannot be changed by one store/) });
			expect((await list(pid, "pick")).entries).toEqual(entries);
		}));

	test("--watch follows what others do", () =>
		withTarget(at("crowd"), ["1"], async ({ pid }) => {
			const looks: string[] = [];
			const terminal = {
				async write(text: string | Uint8Array) {
					looks.push(JSON.parse(textOf(text)).entries[0].calls);
					await storm(pid, 1);
				},
				note() {},
				colour: false,
				width: 100,
			};
			const watch = ["live", String(pid), "--calls-to", "pick", "--watch", "3", "--interval", "0", "--json"];
			expect(await patchbay(watch, terminal)).toBe(0);
			expect(looks).toEqual(["pick", "pick_1", "pick_2"]);
			const text = await cli("live", String(pid), "--calls-to", "pick", "--watch", "1");
			expect(text.out).toMatch(/calls of {2}go to +sites\npick +pick_3 +1000\n/);
		}));
});

/** Whether every thread of the process is stopped. */
function isStopped(pid: number): boolean {
	const process = findProcess(pid);
	return threadsOf(process).every((thread) => threadState(process, thread) === "T");
}

/** Whether somebody has sent it the signal to stop. */
function isStopping(pid: number): boolean {
	const process = findProcess(pid);
	return threadsOf(process).some((thread) => threadState(process, thread) === "T");
}

/** Waits, looking so many times at most. */
async function until(holds: () => boolean, looks = 20_000): Promise<void> {
	for (; looks > 0 && !holds(); looks--) await setTimeout(1);
	expect(holds()).toBe(true);
}

describe.skipIf(!hasNative())("a patcher that is killed", () => {
	test("leaves a process that runs on and calls what it should", async () => {
		await rolldown.build({
			input: "test/native/live-updater.ts",
			platform: "node",
			logLevel: "silent",
			output: { file: at("updater.mjs"), format: "esm" },
		});
		await withTarget(at("crowd"), ["3"], async (target) => {
			await withLive(target.pid, (live) => variable(live, "ignore_order").set(1));
			let foundStopped = 0;
			for (let round = 0; round < 8 || (foundStopped < 3 && round < 100); round++) {
				const updater = spawn(process.execPath, [at("updater.mjs"), String(target.pid)]);
				await once(updater.stdout, "data");
				if (round % 2 === 0) await setTimeout(Math.random() * 200);
				else await until(() => isStopping(target.pid));
				// Held first, to see where it was.
				updater.kill("SIGSTOP");
				await until(() => isStopped(updater.pid!));
				if (isStopping(target.pid)) foundStopped++;
				updater.kill("SIGKILL");
				await once(updater, "exit");
				await until(() => !isStopped(target.pid));
			}
			expect(foundStopped).toBeGreaterThan(0);
			const calls = () => withLive(target.pid, (live) => variable(live, "calls").get());
			const before = await calls();
			let after = before;
			for (let looks = 0; looks < 1000 && after === before; looks++) after = await calls();
			expect(after).toBeGreaterThan(before);
			const { entries } = await list(target.pid, "pick");
			expect(entries[0]!.sites.filter(({ calls }) => !/^pick(_\d+)?$/.test(calls))).toEqual([]);
			expect(await finish(target)).toMatch(/ calls, 0 wrong$/);
		});
	});

	test("leaves a process alone that somebody else had stopped", () =>
		withTarget(at("crowd"), ["2"], async (target) => {
			await withLive(target.pid, (live) => variable(live, "ignore_order").set(1));
			target.kill("SIGSTOP");
			await until(() => isStopped(target.pid));
			const { code, out } = await cli("live", String(target.pid), "--set", "pick=pick_9", "--json");
			expect({ code, ...JSON.parse(out) }).toMatchObject({ code: 0, done: true, stoppedNanoseconds: null });
			expect(isStopped(target.pid)).toBe(true);
			target.kill("SIGCONT");
			expect(await finish(target)).toMatch(/ calls, 0 wrong$/);
		}));
});

describe.skipIf(!hasNative())("sites of every kind", () => {
	const places = async (pid: number) => {
		const { entries } = await list(pid, "slow");
		return entries[0]!.sites.map(({ in: where, kind, calls, fitsOneStore }) => [where, kind, calls, fitsOneStore]);
	};

	test.each(["kinds", "kinds-decoded"])(
		"%s: calls, tail calls and conditional ones, also across pages, go elsewhere and come back",
		(program) =>
			withTarget(at(program), [], async ({ pid }) => {
				expect((await places(pid)).map(([where, kind]) => [where, kind])).toEqual([
					["plain+0x4", "call"],
					["tail", "tail"],
					["conditional+0x2", "conditional"],
					["across", "call"],
				]);
				expect((await places(pid))[3]![3]).toBe(false);
				const sum = () => withLive(pid, (live) => variable(live, "sum").get());
				const becomes = async (wanted: number) => {
					let seen = await sum();
					for (let looks = 0; looks < 100_000 && seen !== wanted; looks++) seen = await sum();
					expect(seen).toBe(wanted);
				};
				await becomes(4);
				expect((await cli("live", String(pid), "--set", "slow=fast")).code).toBe(0);
				await becomes(8);
				expect((await places(pid)).map(([, , calls]) => calls)).toEqual(Array(4).fill("fast"));
				expect((await cli("live", String(pid), "--calls-to", "slow", "--reset")).code).toBe(0);
				await becomes(4);
			}),
	);

	test("what cannot become nothing refuses all", () =>
		withTarget(at("kinds"), [], async ({ pid }) => {
			const { code, err } = await cli("live", String(pid), "--set", "slow=null");
			expect({ code, err }).toEqual({
				code: 3,
				err: expect.stringMatching(/a conditional tail call cannot become nothing/),
			});
			expect((await places(pid)).map(([, , calls]) => calls)).toEqual(Array(4).fill("slow"));
		}));
});

describe.skipIf(!hasNative())("what is refused says why", () => {
	const refusal = async (...argv: string[]) => {
		const { code, err, out } = await cli("live", ...argv);
		expect({ code, out }).toEqual({ code: 3, out: "" });
		return err;
	};

	test("numbers that are no process, names that are no function", () =>
		withTarget(at("crowd"), ["1"], async ({ pid }) => {
			expect(await refusal("4194305", "--calls-to", "f")).toMatch(
				/process 4194305: does not exist; one that runs in a container/,
			);
			expect(await refusal("2", "--calls-to", "f")).toMatch(
				/is a thread of the kernel|is not dumpable|cannot be opened/,
			);
			expect(await refusal(String(pid), "--calls-to", "pik")).toMatch(/has no symbol 'pik' \(did you mean 'pick'\?\)/);
			expect(await refusal(String(pid), "--set", "pick=pick_77")).toMatch(/has no function 'pick_77' \(did you mean/);
			expect(await refusal(String(pid), "--set", "pick=begun")).toMatch(/has no function 'begun'/);
			for (const argv of [["1x", "--calls-to", "f"], [String(pid)], [String(pid), "--reset"]])
				expect((await cli("live", ...argv)).code).toBe(2);
		}));

	test("a program without symbols", () => {
		run("strip", "-o", at("stripped"), at("plain"));
		return withTarget(at("stripped"), ["1"], async ({ pid }) => {
			expect(await refusal(String(pid), "--calls-to", "pick")).toMatch(/has no symbols \(it was stripped\)/);
		});
	});

	test("a breakpoint of somebody else, and bytes that nobody knows", () =>
		withTarget(at("crowd"), ["1"], async ({ pid }) => {
			const { entries } = await list(pid, "pick");
			const { address } = entries[0]!.sites[500]!;
			process.kill(pid, "SIGSTOP");
			await withLive(pid, ({ memory }) => memory.write(address, Uint8Array.of(0xcc)));
			expect((await list(pid, "pick")).entries[0]!.sites[500]!.calls).toBe("a breakpoint");
			expect(await refusal(String(pid), "--set", "pick=pick_1")).toMatch(
				/holds a breakpoint \(cc [0-9a-f ]+\) of a debugger or tracer/,
			);
			await withLive(pid, ({ memory }) => memory.write(address, Uint8Array.of(0x90)));
			expect(await refusal(String(pid), "--set", "pick=pick_1")).toMatch(/holds 90 .* neither what the file has \(e8 /);
			await withLive(pid, ({ memory }) => memory.write(address, Uint8Array.of(0xe8)));
			expect((await cli("live", String(pid), "--set", "pick=pick_1")).code).toBe(0);
		}));

	test.skipIf(!has("gdb"))("a debugger that holds it", () =>
		withTarget(at("crowd"), ["1"], async ({ pid }) => {
			const gdb = spawn("gdb", ["-q", "-p", String(pid)], { stdio: ["pipe", "pipe", "ignore"] });
			await until(() => statusField(pid, "TracerPid") !== "0");
			expect(await refusal(String(pid), "--set", "pick=pick_1", "--stop")).toMatch(/is traced by process \d+/);
			gdb.kill("SIGKILL");
			await once(gdb, "exit");
		}),
	);

	describe.skipIf(process.getuid?.() !== 0)("rights", () => {
		const nobody = 65534;
		const asNobody = (pid: number) =>
			spawnSync(process.execPath, [at("list.mjs"), String(pid)], { uid: nobody, gid: nobody, encoding: "utf8" }).stdout;

		beforeAll(async () => {
			chmodSync(folder, 0o755);
			writeFileSync(
				at("list.ts"),
				`import { openLive } from "${process.cwd()}/native/live.ts";
try { openLive(Number(process.argv[2])).close(); console.log("open"); } catch (error) { console.log(error.message); }`,
			);
			await rolldown.build({
				input: at("list.ts"),
				platform: "node",
				logLevel: "silent",
				output: { file: at("list.mjs"), format: "esm" },
			});
			writeFileSync(
				at("shy.c"),
				`#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(int argc, char **argv) { if (argc > 1) prctl(PR_SET_DUMPABLE, 0); puts("ready"); fflush(stdout); pause(); }`,
			);
			compile(at("shy.c"), at("shy"));
		});

		test("a process of another user", () =>
			withTarget(at("shy"), [], async ({ pid }) => {
				expect(asNobody(pid)).toMatch(/belongs to user 0 and you are 65534: be that user, or have CAP_SYS_PTRACE/);
			}));

		test.each([
			["one that may be read", [], /^open$/],
			["one that is not dumpable", ["shy"], /is not dumpable: it called prctl\(PR_SET_DUMPABLE, 0\)/],
		] as const)("of the same user, %s", async (_, argv, answer) => {
			await withTarget(
				at("shy"),
				argv,
				async ({ pid }) => {
					expect(asNobody(pid).trim()).toMatch(answer);
				},
				nobody,
			);
		});
	});
});
