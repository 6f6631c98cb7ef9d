// What is drawn of a verdict: states that agree with its trace, and the moments that a torn fetch is made of.

import { describe, expect, test } from "vitest";
import { compile, problemOf } from "../../linker/compile/index.ts";
import { hexBytes } from "../../linker/hex.ts";
import { readScenario } from "../../runtime/check/header.ts";
import { check, checking, lanesOf, scenarioOf } from "../../runtime/check/index.ts";
import { pokesOf, withProtocol } from "../../runtime/check/poke-text.ts";
import { modelNamed, protocolNamed } from "../machines.ts";

const cell = { model: modelNamed("x86"), cpus: 2, kind: "call", placement: "straddling" } as const;

describe("lanes", () => {
	test("of a torn fetch: bytes of different moments, which every CPU could see", () => {
		const protocol = { ...protocolNamed("breakpoint"), name: "cut" };
		const cut = { ...protocol, phases: protocol.phases.filter((_, i) => i !== 4) };
		const verdict = check(scenarioOf({ ...cell, protocol: cut }));
		expect(verdict.property).toBe("torn");
		const { rows, stands, sites } = lanesOf(verdict);
		expect(stands).toHaveLength(rows.length + 1);
		for (const [i, row] of rows.entries())
			expect(stands[i + 1]!.memory.map((bytes) => hexBytes(Uint8Array.from(bytes)))).toEqual(
				row.sites.map(({ bytes }) => bytes),
			);
		const { read, index } = rows.at(-1)!;
		expect(new Set(read!.map(({ stand }) => stand)).size).toBeGreaterThan(1);
		const before = stands[rows.length - 1]!.views[index]![0]!;
		for (const [i, { value, address }] of read!.entries()) {
			expect(address).toBe(sites[0]!.address + i);
			expect(before[i]!.values.map((one) => one.value)).toContain(value);
		}
	});

	test("of a sample: every fetch is of one moment", () => {
		const verdict = check(scenarioOf({ ...cell, protocol: protocolNamed("breakpoint") }));
		expect(verdict.verdict).toBe("safe");
		for (const { read } of lanesOf(verdict).rows)
			expect(new Set(read?.map(({ stand }) => stand)).size).toBeLessThanOrEqual(1);
	});
});

test("a check that is done a little at a time comes to the same verdict", () => {
	const scenario = scenarioOf({ ...cell, protocol: protocolNamed("breakpoint") });
	const checked = checking(scenario);
	let verdict: ReturnType<typeof checked.advance>;
	let found = 0;
	let calls = 0;
	while ((verdict = checked.advance(50)) === undefined) {
		calls++;
		found = Math.max(found, checked.found);
	}
	expect(verdict).toEqual(check(scenario));
	expect(calls).toBeGreaterThan(3);
	expect(found).toBeGreaterThan(0);
});

test("a protocol is phases and text", () => {
	const source =
		"# A title.\n# cpu: 2 main\n# poke: site = two by breakpoint without lock\nmain:\nsite: call one\n ret\n";
	expect(pokesOf(source)).toMatchObject([{ line: 3, protocol: "breakpoint" }]);
	const phases = ["write breakpoint", "sync serialize", "write whole"];
	const changed = withProtocol(source, 0, phases);
	expect(pokesOf(changed)[0]!.protocol).toEqual(phases);
	const [patcher] = readScenario(changed, "x.s").patchers!;
	expect(patcher).toMatchObject({ protocol: phases, unlocked: true });
	expect(withProtocol(changed, 0, "breakpoint")).toBe(source);
	expect(() => withProtocol(source, 0, ["write everything", "arm"])).toThrow("no phase");
	expect(() => withProtocol(source, 1, phases)).toThrow("no poke 1");
});

test("an error of the user's is plain data", () => {
	const problem = (act: () => unknown) => {
		try {
			act();
		} catch (error) {
			return problemOf(error);
		}
	};
	expect(problem(() => compile("export function main() {\n\tprint(x);\n}", { file: "a.js" }))).toMatchObject({
		file: "a.js",
		line: 2,
	});
	expect(problem(() => readScenario("# cpu: 2 main\n# modle: x86\nmain: ret", "a.s"))).toMatchObject({
		file: "a.s",
		line: 2,
		column: undefined,
	});
	expect(problemOf(new TypeError("ours"))).toBeUndefined();
});
