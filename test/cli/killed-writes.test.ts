// Commands that are killed while they write: the old file or the new one is there, whole, and the next run leaves nothing
// beside it. A preloaded script kills the process before its n-th call of the file system that can change something, for
// every n that there is, so no moment between two calls is left out. Besides, it is killed at moments that nobody chose;
// KILLS says how many for each command.

import { type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { everything, howMany } from "../extent.ts";
import { inFolder } from "./command-line.ts";

const command = resolve("dist/cli/main.cjs");

beforeAll(() => {
	if (!existsSync(command)) throw new Error("dist/ is missing: npm run build");
});

/** Kills its process before the call that `KILL_AT` counts to, in the middle of the write if it is one. */
const killer = `
const fs = require("node:fs");
let left = Number(process.env.KILL_AT);
for (const name of ["openSync", "writeSync", "fchownSync", "fchmodSync", "fsyncSync", "closeSync", "renameSync", "rmSync"]) {
	const original = fs[name];
	fs[name] = (...args) => {
		const writes = name !== "openSync" || /w/.test(String(args[1]));
		if (!writes || --left > 0) return original(...args);
		if (name === "writeSync" && process.env.KILL_WITH === "SIGKILL") original(args[0], args[1], 0, args[1].length >> 1);
		process.kill(process.pid, process.env.KILL_WITH);
		return original(...args);
	};
}
require("node:module").syncBuiltinESMExports();
`;

const program = (result: number) => `import { print, staticCall } from "patchbay/source";
function one() { return ${result}; }
function two() { return 2; }
export const pick = staticCall(one);
export function main() { print(pick() + two() - 2); }
`;

interface Writing {
	readonly name: string;
	/** The file that is looked at. */
	readonly output: string;
	readonly argv: readonly string[];
}

const writings: readonly Writing[] = [
	{ name: "link", output: "out/o.elf", argv: ["link", "p.js", "-o", "out/o.elf"] },
	{ name: "link --map", output: "out/o.map", argv: ["link", "p.js", "-o", "out/o.elf", "--map", "out/o.map"] },
	{ name: "compile", output: "out/o.o", argv: ["compile", "p.js", "-o", "out/o.o"] },
	{ name: "rewrite", output: "out/o.js", argv: ["rewrite", "p.js", "-o", "out/o.js"] },
	{ name: "patch", output: "out/o.elf", argv: ["patch", "out/o.elf", "--set", "pick=two"] },
	{ name: "collect", output: "out/o.o", argv: ["collect", "c.o", "-o", "out/o.o"] },
	{ name: "retarget", output: "out/o.o", argv: ["retarget", "c.o", "--set", "__SCT__f=g", "-o", "out/o.o"] },
	{ name: "run --core", output: "out/core", argv: ["run", "p.js", "--core", "out/core"] },
	{ name: "run --trace", output: "out/t.json", argv: ["run", "p.js", "--trace", "out/t.json"] },
	{ name: "maps --svg", output: "out/m.svg", argv: ["maps", "p.js", "--svg", "out/m.svg"] },
];

function start(folder: string, argv: readonly string[], env: Record<string, string> = {}): SpawnSyncReturns<string> {
	const { KILL_AT, KILL_WITH, ...rest } = { ...process.env, ...env };
	const preload = KILL_AT === undefined ? [] : ["--require", join(folder, "kill.cjs")];
	const extra = KILL_AT === undefined ? {} : { KILL_AT, KILL_WITH };
	return spawnSync(process.execPath, [...preload, command, ...argv], {
		cwd: folder,
		encoding: "utf8",
		env: { ...rest, ...extra },
	});
}

/** A folder with inputs, and the output of an older run. */
function prepare(folder: string, { output, argv }: Writing): void {
	mkdirSync(join(folder, "out"));
	writeFileSync(join(folder, "kill.cjs"), killer);
	writeFileSync(join(folder, "p.js"), program(1));
	if (argv.includes("c.o")) {
		writeFileSync(join(folder, "c.s"), "f:\n\tcall __SCT__f\n\tcall g\n\tret\n\t.data\n\t.quad __SCK__f\n");
		expect(spawnSync("as", ["c.s", "-o", "c.o"], { cwd: folder }).status).toBe(0);
	}
	if (argv[0] === "patch") expect(start(folder, ["link", "p.js", "-o", output]).status).toBe(0);
	else writeFileSync(join(folder, output), "old");
	chmodSync(join(folder, output), 0o640);
}

function contents(folder: string, { output }: Writing): { mode: number; bytes: Buffer } {
	const path = join(folder, output);
	return { mode: statSync(path).mode & 0o7777, bytes: readFileSync(path) };
}

/** What the writing makes when nothing disturbs it, and all files beside it. */
function undisturbed(writing: Writing): Promise<{ old: Buffer; made: Buffer; names: string[] }> {
	return inFolder(async (folder) => {
		prepare(folder, writing);
		const { bytes: old } = contents(folder, writing);
		const { status, stderr } = start(folder, writing.argv);
		expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
		const { bytes: made, mode } = contents(folder, writing);
		expect(mode).toBe(0o640);
		expect(made.equals(old)).toBe(false);
		return { old, made, names: readdirSync(join(folder, "out")).sort() };
	});
}

type Whole = Awaited<ReturnType<typeof undisturbed>>;

/** Looks at what a killed run left, and at what the next one makes. */
function lookAfter(folder: string, writing: Writing, { old, made, names }: Whole): void {
	const { mode, bytes } = contents(folder, writing);
	expect(mode).toBe(0o640);
	expect([old, made].some((one) => one.equals(bytes))).toBe(true);
	expect(start(folder, writing.argv).status).toBe(0);
	expect(contents(folder, writing).bytes.equals(made)).toBe(true);
	expect(readdirSync(join(folder, "out")).sort()).toEqual(names);
}

/** Kills at the n-th call. @returns whether there was one */
function killedAt(writing: Writing, whole: Whole, n: number, signal: "SIGKILL" | "SIGTERM"): Promise<boolean> {
	return inFolder(async (folder) => {
		prepare(folder, writing);
		const ended = start(folder, writing.argv, { KILL_AT: String(n), KILL_WITH: signal });
		if (signal === "SIGTERM")
			expect(readdirSync(join(folder, "out")).filter((name) => name.endsWith(".tmp"))).toEqual([]);
		lookAfter(folder, writing, whole);
		return ended.signal === signal;
	});
}

/** Kills after so many milliseconds. */
function killedAfter(writing: Writing, whole: Whole, milliseconds: number): Promise<void> {
	return inFolder(async (folder) => {
		prepare(folder, writing);
		const child = spawn(process.execPath, [command, ...writing.argv], { cwd: folder, stdio: "ignore" });
		const kill = setTimeout(() => child.kill("SIGKILL"), milliseconds);
		await once(child, "exit");
		clearTimeout(kill);
		lookAfter(folder, writing, whole);
	});
}

describe.each(everything ? writings : writings.filter(({ name }) => name === "patch"))("$name", (writing) => {
	test.each(everything ? (["SIGKILL", "SIGTERM"] as const) : (["SIGKILL"] as const))(
		"leaves the old or the new file at every %s",
		async (signal) => {
			const whole = await undisturbed(writing);
			let n = 1;
			const step = howMany(3, 1);
			while (await killedAt(writing, whole, n, signal)) n += step;
			expect(n).toBeGreaterThan(6);
		},
	);

	test.runIf(everything)("leaves the old or the new file at any time", async () => {
		const whole = await undisturbed(writing);
		const began = performance.now();
		await inFolder(async (folder) => {
			prepare(folder, writing);
			start(folder, writing.argv);
		});
		const longest = performance.now() - began;
		const times = Number(process.env.KILLS ?? 8);
		for (let i = 0; i < times; i++) await killedAfter(writing, whole, (longest * (i + 0.5)) / times);
	});
});
