// Programs with native/patchbay.h as their builds make them: the recipes of docs/native.md, word for word, and a service of
// several files that is changed while it answers requests.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { inFolder } from "../cli/command-line.ts";
import { everything } from "../extent.ts";
import { has, hasNative } from "./native-tools.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** A folder for the build, and its environment, in which `patchbay` is the command of this package. */
async function withPatchbay<T>(use: (folder: string, env: NodeJS.ProcessEnv) => Promise<T>): Promise<T> {
	const command = `${root}dist/cli/main.cjs`;
	if (!existsSync(command)) throw new Error("dist/ is missing: npm run build");
	return inFolder(async (folder) => {
		mkdirSync(`${folder}/bin`);
		writeFileSync(`${folder}/bin/patchbay`, `#!/bin/sh\nexec '${process.execPath}' '${command}' "$@"\n`);
		chmodSync(`${folder}/bin/patchbay`, 0o755);
		return use(folder, { ...process.env, PATH: `${folder}/bin:${process.env.PATH}` });
	});
}

const page = readFileSync(`${root}docs/native.md`, "utf8");

/** The files that the page shows: each stands behind a line with its name. */
const shown = new Map(
	Array.from(page.matchAll(/`([\w.-]+)`:\n\n```\w*\n(.*?)^```$/gms), ([, name, text]) => [name!, text!] as const),
);

/** What the program prints before anything is changed from outside. */
const started = /^ {4}\$ make && \.\/program\n((?: {4}.*\n)+)/m.exec(page)![1]!.replaceAll(/^ {4}/gm, "");

/** The commands for another terminal. */
const commands = Array.from(
	page.matchAll(/^ {4}\$ (patchbay live \$\(pidof program\).*?)(?: {2,}.*)?$/gm),
	([, line]) => line!,
);

interface Started {
	/** Waits until the program prints a text, and forgets all before it. @returns the text and what came before */
	says(wanted: RegExp): Promise<string>;
	/** @param command for another terminal @returns what it prints */
	type(command: string): string;
}

describe.skipIf(!hasNative("make"))("docs/native.md", () => {
	/** Builds what the page shows with one tool, and starts it. */
	const withProgram = (file: string, build: string, program: string, use: (started: Started) => Promise<void>) =>
		withPatchbay(async (folder, env) => {
			for (const name of ["pick.h", "main.c", "work.c", file]) writeFileSync(`${folder}/${name}`, shown.get(name)!);
			const type = (command: string) =>
				execFileSync("sh", ["-c", command], { cwd: folder, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
			type(build);
			const running = spawn(`${folder}/${program}`, { stdio: ["ignore", "pipe", "inherit"] });
			let printed = "";
			running.stdout.setEncoding("utf8").on("data", (text: string) => {
				printed += text;
			});
			try {
				await use({
					async says(wanted) {
						while (!wanted.test(printed)) await once(running.stdout, "data");
						const end = wanted.exec(printed)!.index + wanted.exec(printed)![0].length;
						const said = printed.slice(0, end);
						printed = printed.slice(end);
						return said;
					},
					type: (command) => type(command.replace("$(pidof program)", String(running.pid))),
				});
			} finally {
				running.kill();
			}
		});

	test.runIf(everything)("the Makefile, and what is typed into another terminal", () =>
		withProgram("Makefile", "make", "program", async ({ says, type }) => {
			expect(await says(/^3: .*\n/m)).toBe(started);
			const [set, list, back, reset] = commands as [string, string, string, string];
			expect(type(set)).toMatch(/^on_step → trace: 1 call site changed\ndoubling → on: 1 branch changed\nprocess \d+ /);
			await says(/^step of 7\n\d+: 98\n/m);
			expect(type(list)).toMatch(/^pick: static call of deadline; 1 call site$/m);
			type(back);
			await says(/^step of 7\n\d+: 16\n/m);
			type(reset);
			await says(/^(?!step of 7\n)\d+: 8\n/m);
		}),
	);

	test.skipIf(!everything || !has("cmake"))("CMake", () =>
		withProgram("CMakeLists.txt", "cmake -S . -B build && cmake --build build", "build/program", async ({ says }) => {
			expect(await says(/^3: .*\n/m)).toBe(started);
		}),
	);

	test.skipIf(!everything || !has("meson"))("Meson", () =>
		withProgram("meson.build", "meson setup build && meson compile -C build", "build/program", async ({ says }) => {
			expect(await says(/^3: .*\n/m)).toBe(started);
		}),
	);
});

describe.skipIf(!everything || !hasNative("make"))("the service", () => {
	test("answers by the policy that it was given last, under load", () =>
		withPatchbay(async (folder, env) => {
			execFileSync("make", ["-f", `${root}fixtures/native/service/Makefile`], { cwd: folder, env, stdio: "pipe" });
			const service = spawn(`${folder}/service`, { env, stdio: ["pipe", "pipe", "inherit"] });
			const ended = new Promise((resolve) => service.on("exit", (code, signal) => resolve({ code, signal })));
			const url = await new Promise<string>((resolve) =>
				service.stdout.once("data", (data) => resolve(`${data}`.trim())),
			);
			const counts = await changeUnderLoad(url, async (policy) => {
				const live = spawn("patchbay", ["live", String(service.pid), "--set", `choose=${policy}`], {
					env,
					stdio: "ignore",
				});
				expect(await once(live, "exit")).toEqual([0, null]);
			});
			service.stdin.end();
			expect(await ended).toEqual({ code: 0, signal: null });
			expect(counts.answers).toBeGreaterThan(500);
			expect(counts.wrong).toEqual([]);
		}));
});

const policies = ["first_free", "round_robin", "by_path"];

/** Three connections ask for answers while a fourth changes policies, and then another process does: what is asked for after a change has returned is
 * answered by the new policy. @returns how many answers there were, and those that were not right */
async function changeUnderLoad(
	url: string,
	fromOutside: (policy: string) => Promise<void>,
): Promise<{ answers: number; wrong: string[] }> {
	const wrong: string[] = [];
	let answers = 0;
	/** The policies that an answer may be by, from when its request was sent on. */
	let allowed = new Set(["first_free"]);
	let running = true;
	const load = Array.from({ length: 3 }, async (_, i) => {
		const ask = connection(url);
		for (let n = 0; running; n++) {
			const possible = allowed;
			const answer = await ask(`work/${i}/${n}`);
			answers++;
			const match = /^(\w+) [0-3]( #\d+)?\n$/.exec(answer);
			if (match === null || !(possible.has(match[1]!) || allowed.has(match[1]!))) wrong.push(answer);
		}
	});
	const control = connection(url);
	for (let i = 1; i <= 60; i++) {
		const next = policies[i % 3]!;
		const before = allowed;
		allowed = new Set([...before, next]);
		for (const path of [`policy/${next}`, `count/${i % 2 ? "on" : "off"}`, `number/${i % 2 ? "on" : "off"}`])
			if ((await control(path)) !== "done\n") wrong.push(path);
		allowed = new Set([next]);
		const now = await control("mine");
		if (!now.startsWith(`${next} `) || now.includes("#") !== (i % 2 === 1)) wrong.push(`after ${next}: ${now}`);
	}
	for (const next of policies) {
		allowed = new Set([...allowed, next]);
		await fromOutside(next);
		allowed = new Set([next]);
		const now = await control("mine");
		if (!now.startsWith(`${next} `)) wrong.push(`after ${next} from outside: ${now}`);
	}
	running = false;
	await Promise.all(load);
	const status = await control("status");
	if (!/^on trampolines: 0$/m.test(status) || !/^counted: [1-9]/m.test(status)) wrong.push(status);
	return { answers, wrong };
}

/** A connection that is kept: asks for a path, answers with the body. */
function connection(url: string): (path: string) => Promise<string> {
	const agent = new Agent({ keepAlive: true, maxSockets: 1 });
	return (path) =>
		new Promise((resolve, reject) => {
			get(`${url}${path}`, { agent }, (response) => {
				let body = "";
				response.setEncoding("utf8");
				response.on("data", (data: string) => {
					body += data;
				});
				response.on("end", () => resolve(body));
			}).on("error", reject);
		});
}
