// Compressed modules and boot images are read as what they were before: what gzip, xz and zstd make, whole and behind headers
// of boot images. What is cut off, damaged or too long is refused.

import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { unpack } from "../../cli/unpack/unpack.ts";
import { unxz } from "../../cli/unpack/xz.ts";
import { unzstd } from "../../cli/unpack/zstd.ts";
import { cli, inFolder } from "../cli/command-line.ts";
import { hasNative, run } from "./native-tools.ts";

/** How files are compressed, and tools that do it. */
const ways: readonly (readonly [name: string, ...command: string[]])[] = [
	["gz", "gzip", "-9"],
	["xz", "xz", "--check=crc32", "--lzma2=dict=1MiB"],
	["xz", "xz"],
	["xz", "xz", "--check=crc32", "--x86", "--lzma2=dict=1MiB"],
	["xz", "xz", "--check=crc32", "--x86", "--lzma2=preset=0", "--block-size=9000"],
	["zst", "zstd", "-q"],
	["zst", "zstd", "-q", "--long=27", "--no-check"],
];

/** What the command makes of a file. */
function compressed(path: string, [tool, ...argv]: readonly string[]): Uint8Array {
	const out = `${path}.packed`;
	run("sh", "-c", `exec "$@" -c <"${path}" >"${out}"`, "sh", tool!, ...argv);
	return new Uint8Array(readFileSync(out));
}

/** Code with calls at all distances, which the filter for x86 changes, and bytes that only look like calls. */
function program(): Uint8Array {
	let seed = 7;
	const random = (): number => {
		seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
		return seed >>> 8;
	};
	const odd = [0xe8, 0xe9, 0, 0xff, 0x0f, 0x80];
	return Uint8Array.from({ length: 30_000 }, (_, i) => (i % 3 === 0 ? random() & 0xff : odd[random() % odd.length]!));
}

/** A boot image for x86 of protocol 2.15 with two sectors of setup. */
function bzImage(payload: Uint8Array): Uint8Array {
	const at = 3 * 512 + 16;
	const image = new Uint8Array(at + payload.length + 100);
	const view = new DataView(image.buffer);
	image[0x1f1] = 2;
	image.set(Buffer.from("HdrS"), 0x202);
	view.setUint16(0x206, 0x20f, true);
	view.setUint32(0x248, 16, true);
	view.setUint32(0x24c, payload.length, true);
	image.set(payload, at);
	return image;
}

function efiImage(payload: Uint8Array): Uint8Array {
	const image = new Uint8Array(64 + payload.length);
	image.set(Buffer.from("MZ\0\0zimg"));
	new DataView(image.buffer).setUint32(8, 64, true);
	new DataView(image.buffer).setUint32(12, payload.length, true);
	image.set(payload, 64);
	return image;
}

const isThere = hasNative("xz", "zstd");

describe.runIf(isThere)("compressed files", () => {
	test.each(ways)("%s of %s %s %s %s", (name, ...command) =>
		inFolder(async (folder) => {
			const plain = program();
			writeFileSync(`${folder}/plain`, plain);
			const packed = compressed(`${folder}/plain`, command);
			const isEqual = async (bytes: Uint8Array) => Buffer.compare(await unpack("f", bytes), plain) === 0;
			expect(await isEqual(packed)).toBe(true);
			// gzip says the length itself.
			const sized = name === "gz" ? packed : new Uint8Array([...packed, 0x30, 0x75, 0, 0]);
			for (const image of [bzImage(sized), efiImage(sized), new Uint8Array(gzipSync(efiImage(packed)))])
				expect(await isEqual(image)).toBe(true);
			const step = Math.ceil(packed.length / 6);
			for (let length = 8; length < packed.length; length += step)
				await expect(unpack("f", packed.subarray(0, length))).rejects.toThrow(/^f: is compressed by .*cannot be/);
			// What is damaged is refused, unless it is where the data are not; without a check it ends at least.
			const isChecked = !command.includes("--no-check");
			for (let at = 8; at < packed.length; at += step) {
				const damaged = packed.map((byte, i) => (i === at ? byte ^ 0x55 : byte));
				const found = await unpack("f", damaged).catch((error: Error) => error.message);
				if (typeof found === "string") expect(found).toMatch(/^f: is compressed by .*cannot be/);
				else if (isChecked) expect(Buffer.compare(found, plain)).toBe(0);
			}
		}),
	);

	test("what stands for too much is refused", () =>
		inFolder(async (folder) => {
			writeFileSync(`${folder}/zeros`, new Uint8Array(2 ** 20));
			const [xz, zstd] = [["xz"], ["zstd", "-q"]].map((command) => compressed(`${folder}/zeros`, command));
			await expect(unxz(xz!, 2 ** 20 - 1)).rejects.toThrow("stands for more than 1048575 bytes");
			await expect(unzstd(zstd!, 2 ** 20 - 1)).rejects.toThrow("stands for more than 1048575 bytes");
			expect((await unxz(xz!, 2 ** 20)).length).toBe(2 ** 20);
			expect((await unzstd(zstd!, 2 ** 20)).length).toBe(2 ** 20);
			let layers = xz!;
			for (let i = 0; i < 3; i++) layers = new Uint8Array(gzipSync(layers));
			await expect(unpack("f", layers)).rejects.toThrow("f: is compressed more than 3 times");
		}));

	test.each(["gz", "xz", "zst"])("modules as .ko.%s are listed", (name) =>
		inFolder(async (folder) => {
			writeFileSync(`${folder}/one.c`, "int slow(int); int one(int x) { return slow(x) + 1; }");
			run("gcc", "-O1", "-c", `${folder}/one.c`, "-o", `${folder}/one.ko`);
			const command = ways.find((way) => way[0] === name)!.slice(1);
			writeFileSync(`${folder}/one.ko.${name}`, compressed(`${folder}/one.ko`, command));
			const plain = await cli("sites", `${folder}/one.ko`, "--all");
			expect(plain.out).toContain("slow: 1 call site");
			const packed = await cli("sites", `${folder}/one.ko.${name}`, "--all");
			expect(packed).toEqual({ ...plain, out: plain.out.replaceAll("one.ko", `one.ko.${name}`) });
		}),
	);
});

test("boot images that say nothing, or what is not so, are refused", async () => {
	const plain = bzImage(Uint8Array.of(1, 2, 3, 4));
	await expect(unpack("b", plain)).rejects.toThrow(
		"b: is a boot image whose kernel is not compressed by gzip, xz or zstd",
	);
	await expect(unpack("b", bzImage(Uint8Array.of(2, 0x21, 0x4c, 0x18)))).rejects.toThrow(
		"compressed by LZ4, which is not",
	);
	await expect(unpack("b", plain.subarray(0, 1550))).rejects.toThrow("says its kernel is 4 bytes at 1552, of 1550");
	const old = plain.slice();
	old[0x206] = 7;
	await expect(unpack("b", old)).rejects.toThrow("protocol 2.7, which does not say where");
});

/** A kernel of two instructions and a table of one jump label, and the map of it. */
function image(): { bytes: Uint8Array; map: string } {
	const at = {
		_text: 0,
		_stext: 64,
		label: 64,
		_etext: 72,
		__end_rodata: 96,
		__inittext_begin: 96,
		__inittext_end: 96,
	};
	const table = { __start___jump_table: 72, __stop___jump_table: 88 };
	const entries = { __start_mcount_loc: 96, __stop_mcount_loc: 104, __rela_start: 104, __rela_end: 128, _edata: 128 };
	const bytes = new Uint8Array(128);
	const view = new DataView(bytes.buffer);
	bytes.set(Buffer.from("ARMd"), 56);
	view.setUint32(64, 0xd503201f, true);
	view.setUint32(68, 0xd65f03c0, true);
	view.setInt32(72, 64 - 72, true);
	view.setInt32(76, 68 - 76, true);
	view.setBigInt64(80, BigInt(96 - 80), true);
	const base = 0xffff800008000000n;
	// The loader fills the field of mcount in: R_AARCH64_RELATIVE.
	view.setBigInt64(104, BigInt.asIntN(64, base) + 96n, true);
	view.setBigInt64(112, 1027n, true);
	view.setBigInt64(120, BigInt.asIntN(64, base) + 64n, true);
	const lines = Object.entries({ ...at, ...table, ...entries }).map(
		([name, offset]) => `${(base + BigInt(offset)).toString(16)} T ${name}\n`,
	);
	return { bytes, map: lines.join("") };
}

test("tables of an arm64 Image are found by its System.map", () =>
	inFolder(async (folder) => {
		const { bytes, map } = image();
		writeFileSync(`${folder}/Image`, gzipSync(bytes));
		writeFileSync(`${folder}/map`, map);
		const { code, out, err } = await cli("tables", `${folder}/Image`, "--system-map", `${folder}/map`, "--json");
		expect({ code, err }).toEqual({ code: 0, err: "" });
		const [{ tables }] = JSON.parse(out).files;
		expect(tables).toMatchObject([
			{ table: "jump labels", entries: [{ section: ".text", symbol: "label", kind: "NOP" }] },
			{ table: "function entries (mcount)", entries: [{ section: ".text", symbol: "label", within: 0 }] },
		]);
		writeFileSync(`${folder}/map`, map.replace(/^.* _edata\n/m, ""));
		const without = await cli("tables", `${folder}/Image`, "--system-map", `${folder}/map`);
		expect(without).toMatchObject({ code: 3, err: expect.stringContaining("map: has no symbol '_edata'") });
		writeFileSync(`${folder}/Image`, bytes.subarray(0, 100));
		writeFileSync(`${folder}/map`, map);
		const cut = await cli("tables", `${folder}/Image`, "--system-map", `${folder}/map`);
		expect(cut).toMatchObject({ code: 3, err: expect.stringContaining("is it of another kernel?") });
	}));
