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
import { findEntries, makeChanges } from "../../native/live.ts";
import { findProcess, statusField, threadState, threadsOf } from "../../native/process.ts";
import { cli } from "../cli/command-line.ts";
import { everything, howMany, spread } from "../extent.ts";
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
			const { stopped } = makeChanges(live, [{ entry: entries[0]!, to: `pick_${n % 16}` }], "fitting");
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
	test.each(spread(["crowd", "plain"], 2))(
		"%s: 8 threads through 1,000 sites, updates from outside, no call goes wrong",
		(program) =>
			withTarget(at(program), ["8"], async (target) => {
				const updates = howMany(8, 1000);
				expect(await storm(target.pid, updates)).toBe(updates);
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
			expect(text.out).toMatch(/ +key {2}sites do +sites\npick +pick_3 +1000\n/);
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

/** Stops a process, and waits until all its threads stand. */
async function hold(pid: number): Promise<void> {
	process.kill(pid, "SIGSTOP");
	await until(() => isStopped(pid));
}

/** Waits, looking so many times at most. */
async function until(holds: () => boolean, looks = 20_000): Promise<void> {
	for (; looks > 0 && !holds(); looks--) await setTimeout(1);
	expect(holds()).toBe(true);
}

describe.skipIf(!everything || !hasNative())("a patcher that is killed", () => {
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
			for (let round = 0; round < howMany(4, 100) || (foundStopped < 3 && round < 200); round++) {
				const updater = spawn(process.execPath, [at("updater.mjs"), String(target.pid)]);
				await once(updater.stdout, "data");
				if (round % 2 === 0) await setTimeout(Math.random() * 200);
				else await until(() => isStopping(target.pid));
				// Held first, to see where it was.
				await hold(updater.pid!);
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
			await hold(target.pid);
			const { code, out } = await cli("live", String(target.pid), "--set", "pick=pick_9", "--json");
			expect({ code, ...JSON.parse(out) }).toMatchObject({ code: 0, done: true, stoppedNanoseconds: null });
			expect(isStopped(target.pid)).toBe(true);
			target.kill("SIGCONT");
			expect(await finish(target)).toMatch(/ calls, 0 wrong$/);
		}));
});

describe.skipIf(!hasNative())("static calls of a program with the runtime", () => {
	beforeAll(async () => {
		const object = at("keys.o");
		run("gcc", "-O2", "-DKEYS", "-Inative", "-c", source("crowd.c"), "-o", object);
		expect((await cli("collect", object, "--user")).code).toBe(0);
		run("gcc", "-pthread", object, "-o", at("keys"));
		run("strip", "-o", at("keys-stripped"), at("keys"));
		writeFileSync(at("small.c"), small);
		run("gcc", "-O2", "-Inative", "-c", at("small.c"), "-o", at("small.o"));
		expect((await cli("collect", at("small.o"), "--user")).code).toBe(0);
		run("gcc", "-pthread", at("small.o"), "-o", at("small"));
	});

	test.each(spread(["fitting", "always"] as const, 2))(
		"updates from inside and outside, stopping %s: every call does what the key says in the end",
		(stopping) =>
			withTarget(at("keys"), ["4"], async (target) => {
				await withLive(target.pid, (live) => {
					variable(live, "ignore_order").set(1);
					variable(live, "own").set(1);
					const entries = findEntries(live, ["choose"]);
					const own = variable(live, "own_updates");
					const before = own.get();
					// Until the program has made some of its own beside: its thread may have to wait for a processor.
					// With many updates some threads are stopped right behind a breakpoint of the program.
					for (let n = 0; n < howMany(12, 100) || (own.get() === before && n < 10_000); n++)
						makeChanges(live, [{ entry: entries[0]!, to: `pick_${8 + (n % 8)}` }], stopping);
					expect(own.get()).toBeGreaterThan(before);
				});
				expect(await finish(target)).toMatch(/^[1-9]\d* calls, 0 wrong$/);
			}),
	);

	test("keys without symbols are listed by address", () =>
		withTarget(at("keys-stripped"), ["1"], async ({ pid }) => {
			const { code, out } = await cli("live", String(pid), "--json");
			const { entries } = JSON.parse(out);
			expect({ code, names: entries.map(({ name }: { name: string }) => name) }).toEqual({
				code: 0,
				names: [expect.stringMatching(/^0x[0-9a-f]+$/)],
			});
			expect(entries[0].sites).toHaveLength(1000);
			expect((await cli("live", String(pid), "--set", `${entries[0].name}=default`)).code).toBe(0);
		}));

	test("static calls and keys change together, and the program agrees", () =>
		withTarget(at("small"), [], async (target) => {
			const { pid } = target;
			const says = async (line: string) => {
				const from = target.printed().length;
				await until(() => target.printed().slice(from).split("\n").slice(1, -1).includes(line));
			};
			const set = async (...changes: string[]) => {
				const { code, err } = await cli("live", String(pid), ...changes.flatMap((change) => ["--set", change]));
				expect({ code, err }).toEqual({ code: 0, err: "" });
			};
			const states = async () =>
				JSON.parse((await cli("live", String(pid), "--json")).out).entries.map(
					({ name, calls }: { name: string; calls: string }) => `${name}: ${calls}`,
				);
			await says("1 0 1 quiet");
			expect(await states()).toEqual(["pick: fifo", "trace: nothing", "loud: off"]);
			await set("pick=deadline", "trace=count", "loud=on");
			await says("101 1 101 loud");
			expect(await states()).toEqual(["pick: deadline", "trace: count", "loud: on"]);
			await set("pick=ret0", "trace=null", "loud=off");
			await says("0 0 0 quiet");
			expect((await cli("live", String(pid), "--reset")).code).toBe(0);
			await says("1 0 1 quiet");
			for (const [change, message] of [
				["pick=on", /'pick' is a static call, which cannot become 'on', only a function, null, ret0 or default/],
				["loud=fifo", /'loud' is a static key, which cannot become 'fifo', only on, off or default/],
				["fifo=ret0", /'fifo' is a function, which cannot become 'ret0'|nothing calls 'fifo'/],
			] as const) {
				const { code, err } = await cli("live", String(pid), "--set", change);
				expect({ code, err }).toEqual({ code: 3, err: expect.stringMatching(message) });
			}
		}));

	test("keys of a shared object: nothing, 0 and conditional tail calls, in it and in the program", async () => {
		for (const [name, source, ...flags] of [
			["there", there, "-fPIC"],
			["here", here],
		] as const) {
			writeFileSync(at(`${name}.c`), source);
			run("gcc", "-O2", ...flags, "-Inative", "-c", at(`${name}.c`), "-o", at(`${name}.o`));
			expect((await cli("collect", at(`${name}.o`), "--user")).code).toBe(0);
		}
		run("gcc", "-shared", at("there.o"), "-o", at("libthere.so"));
		run("gcc", "-pthread", "-rdynamic", at("here.o"), at("libthere.so"), `-Wl,-rpath,${folder}`, "-o", at("here"));
		await withTarget(at("here"), [], async ({ pid, printed }) => {
			const says = async (line: string) => {
				const from = printed().length;
				await until(() => printed().slice(from).split("\n").slice(1, -1).includes(line));
			};
			const kinds = JSON.parse((await cli("live", String(pid), "--json")).out).entries.map(
				({ name, sites }: { name: string; sites: ListedSite[] }) => `${name}: ${sites.map(({ kind }) => kind).sort()}`,
			);
			expect(kinds).toEqual(["hook: call,tail", "pick: call,conditional,tail,tail"]);
			const becomes = async (change: string, line: string) => {
				const { code, err } = await cli("live", String(pid), "--set", change);
				expect({ change, code, err }).toEqual({ change, code: 0, err: "" });
				await says(line);
			};
			// What the program and the object say: pick(1); in the object also by a tail call and by a conditional one; the hook.
			await says("2 2 2 2 0");
			await becomes("pick=deadline", "101 101 101 101 0");
			await becomes("hook=count", "101 101 101 101 2");
			await becomes("pick=ret0", "0 0 0 0 2");
			await becomes("hook=null", "0 0 0 0 0");
			await becomes("pick=local", "301 301 301 301 0");
			await becomes("pick=default", "2 2 2 2 0");
			expect((await cli("live", String(pid), "--reset")).code).toBe(0);
		});
	});

	test("run --native starts a program and changes it", async () => {
		writeFileSync(
			at("waits.c"),
			`#include <unistd.h>
__attribute__((noipa)) int slow(int x) { return x; }
__attribute__((noipa)) int fast(int x) { return x + 1; }
int main(int argc, char **argv) { for (int i = 0; i < 20000; i++, usleep(1000)) if (slow(1) == 2) return argc - 2; return 9; }`,
		);
		compile(at("waits.c"), at("waits"));
		const run = (...argv: string[]) => cli("run", "--native", "--json", ...argv);
		const { code, out } = await run(at("waits"), "--set", "slow=fast@20ms", "--", "argument");
		expect({ code, ...JSON.parse(out) }).toMatchObject({ code: 0, changes: [{ set: "slow=fast@20ms", sites: 1 }] });
		const refused = await run(at("waits"), "--set", "slow=quick", "--set", "slow=fast@1ms", "--", "argument");
		expect(refused).toMatchObject({ code: 3, err: expect.stringMatching(/has no function 'quick'/) });
		expect(await run(at("waits"), "--set", "slow=fast")).toMatchObject({
			code: 1,
			err: expect.stringMatching(/ended with exit status 255/),
		});
		expect(await run(at("nowhere"))).toMatchObject({
			code: 3,
			err: expect.stringMatching(/nowhere: cannot be run: ENOENT/),
		});
		expect((await run(at("waits"), "--set", "slow=fast@100")).code).toBe(2);
		expect((await cli("run", "pick.js", "--set", "pick=deadline@2s")).code).toBe(2);
	});

	test("calls that the runtime leaves on trampolines stay there and follow the key", () => {
		process.env.PATCHBAY = "trampoline";
		return withTarget(at("small"), [], async (target) => {
			const { code, out } = await cli("live", String(target.pid), "--set", "pick=deadline");
			expect({ code, out }).toEqual({
				code: 0,
				out: expect.stringMatching(/0 call sites changed\nstays: .* goes through the trampoline/),
			});
			await until(() => target.printed().includes("\n101 0 101 quiet\n"));
		}).finally(() => {
			delete process.env.PATCHBAY;
		});
	});
});

/** A shared object with the keys, calls of every kind, and targets. */
const there = String.raw`#include "patchbay.h"
int fifo(int x), deadline(int x), maybe(int x), by_tail(int x), by_call(int x);
void count(void), by_hook(void), by_hook_tail(void);
int counted;
__attribute__((noipa)) int fifo(int x) { return x + 1; }
__attribute__((noipa)) int deadline(int x) { return x + 100; }
__attribute__((noipa)) void count(void) { counted++; }
DEFINE_STATIC_CALL(pick, fifo);
DEFINE_STATIC_CALL_NULL(hook, count);
__attribute__((noipa)) int by_call(int x) { return static_call(pick)(x) + (int)(counted & 0); }
__attribute__((noipa)) int by_tail(int x) { return static_call(pick)(x); }
__attribute__((noipa)) void by_hook(void) { static_call_cond(hook)(); counted += 0; __asm__ volatile(""); }
__attribute__((noipa)) void by_hook_tail(void) { static_call_cond(hook)(); }
__asm__(".text\n.globl maybe\n.type maybe, @function\nmaybe: test %edi, %edi\njne __SCT__pick@PLT\nxor %eax, %eax\nret\n"
        ".size maybe, . - maybe\n");
`;

/** A program that calls its keys, has a target of its own, and brings the runtime. */
const here = `#define _GNU_SOURCE
#define PATCHBAY_RUNTIME
#include "patchbay.h"
int fifo(int x), maybe(int x), by_tail(int x), by_call(int x);
void by_hook(void), by_hook_tail(void);
extern int counted;
DECLARE_STATIC_CALL(pick, fifo);
int local(int x);
__attribute__((noipa)) int local(int x) { return x + 300; }
int main(void) {
	for (;; usleep(1000)) {
		counted = 0;
		by_hook();
		by_hook_tail();
		printf("%d %d %d %d %d\\n", static_call(pick)(1), by_call(1), by_tail(1), maybe(1), counted);
		fflush(stdout);
	}
}
`;

/** Prints what a call returns, whether another was made, what the first would return if asked through its key, and a branch. */
const small = `#define _GNU_SOURCE
#define PATCHBAY_RUNTIME
#include "patchbay.h"
#include <stdio.h>
#include <unistd.h>
int fifo(int x), deadline(int x);
void count(int x);
DECLARE_STATIC_CALL(pick, fifo);
DEFINE_STATIC_CALL(pick, fifo);
DEFINE_STATIC_CALL_NULL(trace, count);
DEFINE_STATIC_KEY_FALSE(loud);
static int counted;
int fifo(int x) { return x; }
int deadline(int x) { return x + 100; }
void count(int x) { counted += x; }
int main(void) {
	for (;; usleep(1000)) {
		counted = 0;
		static_call_cond(trace)(1);
		int answer = static_call(pick)(1);
		printf("%d %d %d %s\\n", answer, counted, static_call_query(pick)(1), static_branch_unlikely(loud) ? "loud" : "quiet");
		fflush(stdout);
	}
}
`;

describe.skipIf(!hasNative())("sites of every kind", () => {
	const places = async (pid: number) => {
		const { entries } = await list(pid, "slow");
		return entries[0]!.sites.map(({ in: where, kind, calls, fitsOneStore }) => [where, kind, calls, fitsOneStore]);
	};

	test.each(spread(["kinds-decoded", "kinds"], 2))(
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
			expect((await cli("live", String(pid))).out).toMatch(/no static calls of native\/patchbay.h; --calls-to lists/);
			for (const argv of [["1x"], [String(pid), "--reset", "--set", "a=b"], [String(pid), "--watch", "--reset"]])
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
			await hold(pid);
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
