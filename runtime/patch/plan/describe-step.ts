// A step in a few words, for traces and counterexamples; `name` says what addresses are called there.

import { hex, hexBytes } from "../../../linker/hex.ts";
import type { Step } from "./step.ts";

/** A step in a few words: `store main+0x5 cc`. @param name what an address is called */
export function describeStep(step: Step, name: (address: number) => string = hex): string {
	switch (step.kind) {
		case "store":
			return `store ${name(step.address)} ${hexBytes(step.bytes)}`;
		case "clean":
		case "invalidate":
			return `${step.kind} ${name(step.address)}${step.bytes === undefined ? "" : ` ${step.bytes}`}`;
		case "copy":
			return `copy ${name(step.address)} ${step.bytes.length}`;
		case "interrupt":
			return step.request === "serialize-at-rest"
				? "ask to serialize at rest"
				: `interrupt: ${step.request}${step.cpus === undefined ? "" : ` ${cpuNames(step.cpus)}`}`;
		case "protect":
		case "restrict":
		case "map": {
			const { r, w, x } = step.permissions;
			return `${step.kind} ${name(step.address)} ${r ? "r" : "-"}${w ? "w" : "-"}${x ? "x" : "-"}`;
		}
		case "release":
			return step.serialize ? "release, serialize" : "release";
		case "clone":
			return `clone ${name(step.from)} ${name(step.to)}`;
		case "remap":
			return step.of === undefined
				? `remap ${name(step.page)} of process ${step.space} to ${hex(step.physical)}`
				: `remap ${name(step.page)} to ${name(step.of)}`;
		case "after":
			return `after patcher${step.patcher}`;
		case "kill":
			return `kill patcher${step.patcher}`;
		case "start":
		case "serialize":
		case "flush":
			return `${step.kind} cpu${step.cpu}`;
		case "exchange":
			return `exchange the tasks of ${cpuNames(step.cpus)}${step.serialize ? ", serialize" : ""}`;
		case "vacate":
		case "poison":
		case "retire":
		case "live":
		case "free":
			return `${step.kind} ${name(step.address)} ${step.bytes}`;
		default:
			return step.kind;
	}
}

function cpuNames(cpus: readonly number[]): string {
	return cpus.map((cpu) => `cpu${cpu}`).join(" and ");
}
