// `patchbay patch`: image files retargeted on disk, and back to the byte; refused patches write nothing.

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cli, inFolder } from "./command-line.ts";

const pick = "fixtures/programs/pick.js";
const tracepoint = "fixtures/programs/tracepoint.js";

async function withImage(
	source: string,
	use: (image: string, folder: string) => Promise<void>,
	...options: string[]
): Promise<void> {
	await inFolder(async (folder) => {
		const image = join(folder, "prog.elf");
		expect(await cli("link", source, "-o", image, ...options)).toMatchObject({ code: 0, err: "" });
		await use(image, folder);
	});
}

describe.each(["inline", "trampoline", "pointer", "ffp"])("an image linked as %s", (mode) => {
	test("runs as if it had been retargeted at load time, and is reset to the byte", () =>
		withImage(
			pick,
			async (image) => {
				const before = readFileSync(image);
				const { out: wanted } = await cli("run", image, "--set", "pick=deadline");
				expect((await cli("patch", image, "--set", "pick=deadline")).code).toBe(0);
				expect((await cli("run", image)).out).toBe(wanted);
				expect(readFileSync(image)).not.toEqual(before);
				expect((await cli("patch", image, "--reset")).code).toBe(0);
				expect(readFileSync(image)).toEqual(before);
			},
			"--static-calls",
			mode,
		));
});

test("null and ret0 have their bytes at the sites, and default undoes them", () =>
	withImage(tracepoint, async (image) => {
		const set = async (what: string): Promise<Buffer> => {
			expect(await cli("patch", image, "--set", what)).toMatchObject({ code: 0, err: "" });
			return readFileSync(image);
		};
		await set("traceFault=countFault");
		// A trampoline that called nothing had filler behind its RET that is not put back.
		const before = await set("traceFault=default");
		expect((await set("traceFault=countFault")).equals(before)).toBe(false);
		expect((await set("traceFault=ret0")).equals(before)).toBe(false);
		expect((await set("traceFault=null")).equals(before)).toBe(true);
		expect((await set("chooseVictim=ret0")).equals(before)).toBe(false);
		expect((await cli("sites", image)).out).toContain("ret0");
		expect((await set("chooseVictim=default")).equals(before)).toBe(true);
	}));

test("every list counts the sites of a key alike, and its trampoline beside them", () =>
	withImage("fixtures/programs/balancer.js", async (image) => {
		const json = async (...argv: string[]) => JSON.parse((await cli(...argv, "--json")).out);
		const listed = (await json("sites", image)).sites as { key: string }[];
		const ofPick = listed.filter(({ key }) => key === "pick").length;
		expect(ofPick).toBe(2);
		expect((await json("link", "fixtures/programs/balancer.js", "-o", image)).sites).toBe(listed.length);
		const changed = `${ofPick} sites and 1 trampoline`;
		const set = "pick=shortestQueue";
		expect((await cli("patch", image, "--set", set, "--dry-run")).out).toMatch(new RegExp(`^${changed}$`, "m"));
		const timed = ["run", image, "--set", `${set}@1220000`];
		expect((await cli(...timed, "--stats")).err).toContain(`: ${changed}, `);
		expect((await json(...timed)).patching).toMatchObject({ sites: ofPick, trampolines: 1 });
	}));

describe("a plan", () => {
	test("has the old and the new bytes of every site", () =>
		withImage(pick, async (image) => {
			const { out } = await cli("patch", image, "--set", "pick=deadline", "--dry-run", "--json");
			const { keys, sites, written } = JSON.parse(out);
			expect(written).toBeNull();
			expect(keys).toEqual([{ name: "pick", from: "fifo", to: "deadline" }]);
			expect(sites.length).toBeGreaterThan(1);
			const file = readFileSync(image);
			for (const { old, bytes, was, becomes } of sites) {
				expect(file.includes(Buffer.from(old.replaceAll(" ", ""), "hex"))).toBe(true);
				expect(bytes).not.toBe(old);
				expect(was).toMatch(/<fifo>|fifo/);
				expect(becomes).toMatch(/<deadline>|deadline/);
			}
		}));

	test("is printed as a table, and nothing is written", () =>
		withImage(pick, async (image, folder) => {
			const before = statSync(image).mtimeMs;
			const { code, out } = await cli("patch", image, "--set", "pick=deadline", "--dry-run");
			expect(code).toBe(0);
			expect(out).toMatch(/^pick: fifo -> deadline\n\nkey +kind +address +place +old bytes +new bytes +was +becomes\n/);
			expect(statSync(image).mtimeMs).toBe(before);
			expect(readdirSync(folder)).toEqual(["prog.elf"]);
		}));

	test("says when there is nothing to do", () =>
		withImage(pick, async (image) => {
			const before = statSync(image).mtimeMs;
			expect(await cli("patch", image, "--set", "pick=fifo")).toEqual({ code: 0, out: "nothing to change\n", err: "" });
			expect(statSync(image).mtimeMs).toBe(before);
		}));
});

test("-o leaves the image alone", () =>
	withImage(pick, async (image, folder) => {
		const before = readFileSync(image);
		const other = join(folder, "other.elf");
		await cli("patch", image, "--set", "pick=deadline", "-o", other);
		expect(readFileSync(image)).toEqual(before);
		expect((await cli("run", other)).out).toBe((await cli("run", image, "--set", "pick=deadline")).out);
	}));

describe("refused:", () => {
	test.each([
		["a key that is not there", ["--set", "pik=deadline"], 3, "no static call 'pik' (did you mean 'pick'?)"],
		["a function that is not there", ["--set", "pick=deadlin"], 3, "no function 'deadlin'"],
		["a function of another kind", ["--set", "pick=deadline", "--set", "pick=main"], 3, "'pick'"],
		["null where results are used", ["--set", "pick=null"], 3, "may not be null"],
		["a cycle", ["--set", "pick=deadline@5"], 2, "a file has no cycles"],
		["nothing asked", [], 2, "say what to change"],
		["both at once", ["--reset", "--set", "pick=deadline"], 2, "leave --set out"],
	])("%s", (_, argv, code, message) =>
		withImage(pick, async (image, folder) => {
			const before = readFileSync(image);
			const seen = await cli("patch", image, ...argv);
			expect(seen).toMatchObject({ code, out: "" });
			expect(seen.err).toContain(message);
			expect(readFileSync(image)).toEqual(before);
			expect(readdirSync(folder)).toEqual(["prog.elf"]);
		}),
	);

	test("a site that holds something else", () =>
		withImage(pick, async (image) => {
			const { sites } = JSON.parse((await cli("patch", image, "--set", "pick=deadline", "--dry-run", "--json")).out);
			const bytes = readFileSync(image);
			// Another call, one instruction further.
			bytes[bytes.indexOf(Buffer.from(sites[0].old.replaceAll(" ", ""), "hex")) + 1]! += 0x30;
			writeFileSync(image, bytes);
			const seen = await cli("patch", image, "--set", "pick=deadline");
			expect(seen).toMatchObject({ code: 3, out: "" });
			expect(seen.err).toContain("does not hold a");
			expect(readFileSync(image)).toEqual(bytes);
		}));

	test("a source", async () => {
		const seen = await cli("patch", pick, "--reset");
		expect(seen).toMatchObject({ code: 3, out: "" });
	});
});
