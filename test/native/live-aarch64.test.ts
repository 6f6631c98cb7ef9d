// What `live` plans for a program of AArch64. No process of one can be patched here: qemu's user mode does not notice what is
// written from outside. So what is planned is written into the program's file, and qemu runs that.

import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readElf } from "../../linker/elf/index.ts";
import { type Entry, functionEntry } from "../../native/entries.ts";
import { keyEntries } from "../../native/keys.ts";
import type { Loaded } from "../../native/loaded.ts";
import { type LivePlan, planEntry, type Reader, type Target } from "../../native/plan.ts";
import { cli, inFolder } from "../cli/command-line.ts";
import { everything } from "../extent.ts";
import { has, run } from "../real/native-tools.ts";

const program = `#define _GNU_SOURCE
#define PATCHBAY_RUNTIME
#include "patchbay.h"
__attribute__((noipa)) int slow(int x) { return x; }
__attribute__((noipa)) int fast(int x) { return x + 5; }
__attribute__((noipa)) int fifo(int x) { return x; }
__attribute__((noipa)) int deadline(int x) { return x + 100; }
static int counted;
__attribute__((noipa)) void count(int x) { counted += x; }
DEFINE_STATIC_CALL(pick, fifo);
DEFINE_STATIC_CALL_NULL(trace, count);
DEFINE_STATIC_KEY_TRUE(loud);
__attribute__((noipa)) int tail(int x) { return static_call(pick)(x + 1); }
__attribute__((noipa)) void tail_trace(int x) { static_call_cond(trace)(x); }
int main(void) {
	static_call_cond(trace)(10);
	tail_trace(1);
	printf("%d %d %d %d %s\\n", slow(1) + 0, static_call(pick)(1), tail(1), counted, static_branch_likely(loud) ? "loud" : "quiet");
	return 0;
}
`;

/** A program file as a process that has just been loaded: its memory is what its segments say. */
function loadedFrom(path: string): { bytes: Uint8Array; reader: Reader; loaded: Loaded } {
	const bytes = new Uint8Array(readFileSync(path));
	const object = readElf(bytes, path);
	const read = (address: number, length: number) => {
		const segment = object.segments.find(
			(each) => address >= each.address && address < each.address + each.data.length,
		)!;
		return segment.data.slice(address - segment.address, address - segment.address + length);
	};
	const loaded: Loaded = { object, bias: 0, isProgram: true };
	return { bytes, loaded, reader: { memory: { read }, objects: [loaded] } };
}

/** Puts what is planned into the file. */
function written(bytes: Uint8Array, { object }: Loaded, { word, sites }: LivePlan): Uint8Array {
	const patched = bytes.slice();
	for (const { address, after } of [...(word === undefined ? [] : [word]), ...sites]) {
		const segment = object.segments.find(
			(each) => address >= each.address && address < each.address + each.data.length,
		)!;
		patched.set(after, address - segment.address + segment.fileOffset);
	}
	return patched;
}

function instruction(bytes: Uint8Array): string {
	const word = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
	if (word === 0xd503201f) return "nop";
	return { 37: "bl", 5: "b" }[word >>> 26] ?? word.toString(16);
}

describe.skipIf(!everything || !has("aarch64-linux-gnu-gcc") || !has("qemu-aarch64"))(
	"AArch64, as far as qemu can tell",
	() => {
		test("what is planned is one store for each site, and does what it should", () =>
			inFolder(async (folder) => {
				const at = (name: string) => `${folder}/${name}`;
				writeFileSync(at("a.c"), program);
				run("aarch64-linux-gnu-gcc", "-O2", "-Inative", "-c", at("a.c"), "-o", at("a.o"));
				expect((await cli("collect", at("a.o"), "--user")).code).toBe(0);
				run("aarch64-linux-gnu-gcc", "-static", at("a.o"), "-Wl,--emit-relocs", "-o", at("a"));
				// Off, so that the program does not patch itself: its text is what the file has.
				const says = (path: string) => run("env", "PATCHBAY=off", "qemu-aarch64", path).trim();
				expect(says(at("a"))).toBe("1 1 2 0 loud");

				const { bytes, reader, loaded } = loadedFrom(at("a"));
				const keys = keyEntries(reader.memory, reader.objects);
				expect(keys.map(({ name, sites }) => `${name}: ${sites.map(({ kind }) => kind)}`)).toEqual([
					"pick: call,tail",
					"trace: call,tail",
					"loud: branch",
				]);
				const named = (name: string): Entry => keys.find((each) => each.name === name) ?? functionEntry([loaded], name);
				const addressOf = (name: string): number => {
					const [, value] = new RegExp(`([0-9a-f]{16}) .* ${name}$`, "m").exec(run("readelf", "-sW", at("a")))!;
					return Number.parseInt(value!, 16);
				};
				const to = (name: string): Target => ({
					kind: "function",
					function: { name, address: addressOf(name), size: 0, loaded },
				});
				const becomes: readonly (readonly [string, Target, string])[] = [
					["slow", to("fast"), "6 1 2 0 loud"],
					["slow", { kind: "nothing" }, "1 1 2 0 loud"],
					["pick", to("deadline"), "1 101 102 0 loud"],
					["pick", { kind: "zero" }, "1 0 0 0 loud"],
					["trace", to("count"), "1 1 2 11 loud"],
					["trace", { kind: "nothing" }, "1 1 2 0 loud"],
					["loud", { kind: "off" }, "1 1 2 0 quiet"],
				];
				for (const [name, target, output] of becomes) {
					const plan = planEntry(reader, named(name), target);
					// A store changes an instruction, and one of B, BL and NOP takes the place of another.
					for (const { address, before, after, fits } of plan.sites) {
						expect({ name, length: after.length, aligned: address % 4, fits }).toEqual({
							...{ name, length: 4, aligned: 0, fits: true },
						});
						for (const word of [before, after]) expect(instruction(word)).toMatch(/^(b|bl|nop)$/);
					}
					const file = at("patched");
					writeFileSync(file, written(bytes, loaded, plan), { mode: 0o755 });
					expect(`${name} ${target.kind}: ${says(file)}`).toBe(`${name} ${target.kind}: ${output}`);
				}
			}));
	},
);
