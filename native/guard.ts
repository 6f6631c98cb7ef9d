// A small process beside this one that lets a stopped process go on, should this one be killed while it is stopped. It waits for
// the end of its input, which comes when whoever holds the other end is gone, and does what it was told last.

import { spawn } from "node:child_process";
import type { Socket } from "node:net";
import { execPath } from "node:process";
import { LinkError } from "../linker/errors.ts";
import type { Process } from "./process.ts";
import type { Range } from "./ranges.ts";

export interface Guard {
	/** From here on, until `written`: should this process end, put these bytes back. Until `disarm`: and continue the process, if
	 * `goOn` says so. */
	arm(undo: readonly Range[], goOn: boolean): void;
	written(goOn: boolean): void;
	disarm(): void;
	close(): void;
}

/** The guard's whole program. A line of its input is `go` or `stay`, and places with the bytes to put there. */
const program = `
const fs = require("fs");
const [pid, started] = process.argv.slice(1);
let text = "";
process.stdin.setEncoding("latin1").on("error", () => {}).on("data", (more) => {
	text += more;
	text = text.slice(text.lastIndexOf("\\n", text.length - 2) + 1);
}).on("close", () => {
	const stat = fs.readFileSync("/proc/" + pid + "/stat", "latin1");
	if (stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] !== started) return;
	const [what, ...places] = text.trim().split(" ");
	const memory = places.length > 0 ? fs.openSync("/proc/" + pid + "/mem", "r+") : undefined;
	for (const place of places) {
		const [address, bytes] = place.split(":");
		fs.writeSync(memory, Buffer.from(bytes, "hex"), 0, bytes.length / 2, Number(address));
	}
	if (what === "go") process.kill(Number(pid), "SIGCONT");
});`;

/** @throws LinkError when it cannot be started: then nothing should be stopped */
export function startGuard({ pid, started, name }: Process): Guard {
	// In a session of its own, so that Ctrl-C does not reach it.
	const child = spawn(execPath, ["-e", program, String(pid), started], {
		detached: true,
		env: {},
		stdio: ["pipe", "ignore", "ignore"],
	});
	child.on("error", () => {});
	if (child.pid === undefined) throw new LinkError(`${name}: no guard that would continue it: it cannot be started`);
	const input = child.stdin as Socket;
	input.on("error", () => {});
	child.unref();
	input.unref();
	const say = (line: string): void => {
		input.write(`${line}\n`);
		if (input.writableLength > 0 || input.destroyed || child.exitCode !== null)
			throw new LinkError(`${name}: the guard that would continue it does not listen`);
	};
	const word = (goOn: boolean) => (goOn ? "go" : "stay");
	return {
		arm: (undo, goOn) => say([word(goOn), ...undo.map(({ address, bytes }) => `${address}:${hexOf(bytes)}`)].join(" ")),
		written: (goOn) => say(word(goOn)),
		disarm: () => say("stay"),
		close() {
			child.kill("SIGKILL");
			input.destroy();
		},
	};
}

function hexOf(bytes: Uint8Array): string {
	return Buffer.from(bytes).toString("hex");
}
