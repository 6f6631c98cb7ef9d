// The expected output of fixtures, from published vectors and from implementations that are not ours: what the
// headers say is right, not only what Node happens to print.

import { createCipheriv, createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { programNamed } from "./programs.ts";

const has = (name: string, lines: readonly string[]) =>
	expect(programNamed(name).expected).toEqual(expect.arrayContaining([...lines]));

const words = (bytes: Buffer, read: "readUInt32LE" | "readUInt32BE") =>
	Array.from({ length: bytes.length >> 2 }, (_, i) => bytes[read](4 * i));
const hexWords = (...hex: string[]) => hex.map((word) => Number.parseInt(word, 16)).join(" ");
const rows = <T>(values: readonly T[], width: number) =>
	Array.from({ length: Math.ceil(values.length / width) }, (_, i) =>
		values.slice(width * i, width * (i + 1)).join(" "),
	);
/** The fixtures' order-dependent sum. */
const digest = (values: Iterable<number>) => [...values].reduce((sum, value) => (Math.imul(sum, 31) + value) | 0, 0);

/** `count` states of a linear congruential generator, from the one after `seed`. */
function generate(seed: number, count: number, multiplier: number, increment: number, mask: number): number[] {
	const modulus = BigInt(2 ** 32);
	let state = BigInt(seed);
	return Array.from({ length: count }, () => {
		state = (state * BigInt(multiplier) + BigInt(increment)) % modulus;
		return Number(state) & mask;
	});
}
const numericalRecipes = (seed: number, count: number) => generate(seed, count, 1664525, 1013904223, -1);
const ansiC = (seed: number, count: number) => generate(seed, count, 1103515245, 12345, 0x7fffffff);

describe("ChaCha20", () => {
	const key = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
	const stream = (nonce: string, data: Buffer) =>
		createCipheriv("chacha20", key, Buffer.from(`01000000${nonce}`, "hex")).update(data);

	test("blocks and ciphertext are those of OpenSSL", () => {
		const block = words(stream("000000090000004a00000000", Buffer.alloc(64)), "readUInt32LE");
		has(
			"chacha20",
			rows(block, 4).map((row) => `block ${row}`),
		);
		const text =
			"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
		has("chacha20", rows([...stream("000000000000004a00000000", Buffer.from(text))], 6));
		const zeros = digest(stream("000000000000004a00000000", Buffer.alloc(2048)));
		has("chacha20", [`compact ${zeros}`, `unrolled ${zeros}`]);
	});

	test("quarter round, block and subkey are those of the RFC and the draft", () => {
		has("chacha20", [
			`quarter round ${hexWords("ea2a92f4", "cb1cf8ce", "4581472e", "5881c4bb")}`,
			`block ${hexWords("e4e7f110", "15593bd1", "1fdd0f50", "c47120a3")}`,
			`block ${hexWords("d19c12b5", "b94e16de", "e883d0cb", "4e3c50a2")}`,
		]);
		const subkey = words(
			Buffer.from("82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc", "hex"),
			"readUInt32LE",
		);
		has(
			"chacha20",
			rows(subkey, 4).map((row) => `subkey ${row}`),
		);
	});
});

describe("CRC-32", () => {
	const filled = (first: number, step: number) => Buffer.from(Array.from({ length: 32 }, (_, i) => first + i * step));
	const noise = Buffer.from(numericalRecipes(1, 1024).map((state) => state >>> 24));
	const lines = (crc: (data: Buffer) => number) => [
		`check ${crc(Buffer.from("123456789"))}`,
		`zeros ${crc(filled(0, 0))} ones ${crc(filled(255, 0))} up ${crc(filled(0, 1))} down ${crc(filled(31, -1))}`,
		`bulk ${crc(noise)} ${crc(noise)}`,
	];

	test("IEEE values are those of zlib", () => {
		expect(crc32("123456789")).toBe(0xcbf43926);
		has("crc32", lines(crc32));
	});

	test("Castagnoli values are the remainders of polynomial division, and RFC 3720's", () => {
		has("crc32", lines(castagnoli));
		const [zeros, ones, up, down] = ["8a9136aa", "62a8ab43", "46dd794e", "113fdb5c"].map((hex) => hexWords(hex));
		has("crc32", [`check ${0xe3069283}`, `zeros ${zeros} ones ${ones} up ${up} down ${down}`]);
	});

	/** By the definition: reflected message times x^32, first 32 bits inverted, modulo the polynomial; inverted, reflected. */
	function castagnoli(data: Buffer): number {
		const reflected = (value: number, bits: number) =>
			value.toString(2).padStart(bits, "0").split("").reverse().join("");
		const message = [...data].map((byte) => reflected(byte, 8)).join("");
		let dividend = BigInt(`0b${message}${"0".repeat(32)}`) ^ (BigInt(0xffffffff) << BigInt(8 * data.length));
		const divisor = BigInt(0x11edc6f41);
		for (let bit = 8 * data.length + 31; bit >= 32; bit--)
			if ((dividend >> BigInt(bit)) & BigInt(1)) dividend ^= divisor << BigInt(bit - 32);
		return Number.parseInt(reflected(~Number(dividend) >>> 0, 32), 2);
	}
});

test("SHA-256 values are those of OpenSSL, in the order of the messages", () => {
	const sha256 = (data: Buffer | string) => createHash("sha256").update(data).digest();
	const twoBlocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	const thousand = sha256("a".repeat(1000));
	const hashes = ["", "abc", twoBlocks, twoBlocks].map(sha256).concat(thousand, sha256(sha256("abc")), thousand);
	const printed = programNamed("sha256").expected.filter((line) => /^[\d ]+$/.test(line));
	expect(printed).toEqual(hashes.flatMap((hash) => rows(words(hash, "readUInt32BE"), 4)));
	expect(sha256("abc").toString("hex")).toMatch(/^ba7816bf8f01cfea/);
});

test("sorted data is what Array.prototype.sort makes of it", () => {
	const data = numericalRecipes(20181005, 500).map((seed) => seed ^ (seed >>> 15));
	data[7] = data[17] = data[77]!;
	const ones = (word: number) => (word >>> 0).toString(2).replaceAll("0", "").length;
	const ascending = (a: number, b: number) => a - b;
	const orders = [
		ascending,
		(a: number, b: number) => b - a,
		(a: number, b: number) => (a >>> 0) - (b >>> 0),
		(a: number, b: number) => ones(a) - ones(b) || a - b,
		ascending,
		ascending,
	];
	const lines = orders.map((order) => {
		const sorted = data.toSorted(order);
		return `first ${sorted[0]} last ${sorted.at(-1)} digest ${digest(sorted)} wrong 0`;
	});
	expect(programNamed("quicksort").expected.filter((line) => line.startsWith("first"))).toEqual(lines);
});

test("waiting times of jobs that arrive together follow from their order alone", () => {
	const jobs = ansiC(7, 64).map((seed) => ({ burst: 1 + ((seed >> 16) & 15), due: (seed >> 8) & 1023 }));
	const line = (order: typeof jobs) => {
		let [now, waited, longest, missed] = [0, 0, 0, 0];
		for (const { burst, due } of order) {
			waited += now;
			longest = now;
			now += burst;
			if (now > due) missed++;
		}
		return `waited ${waited} longest ${longest} missed ${missed}`;
	};
	has("scheduler", [line(jobs), line(jobs.toSorted((a, b) => a.burst - b.burst))]);
	has("scheduler", [line(jobs.toSorted((a, b) => a.due - b.due))]);
	has("scheduler", ["first come 51", "round robin 17 switches 4", "first come 41", "shortest job 28"]);
	has("scheduler", ["shortest job 31", "shortest remaining 26", "rate monotonic misses 1", "deadline misses 0"]);
});

test("primes are those of trial division", () => {
	const isPrime = (n: number) =>
		n > 1 && !Array.from({ length: Math.floor(Math.sqrt(n)) - 1 }).some((_, i) => n % (i + 2) === 0);
	const primes = Array.from({ length: 8192 }, (_, n) => n).filter(isPrime);
	const below = (limit: number) => primes.filter((prime) => prime < limit);
	const sum = below(91).reduce((all, prime) => all + prime);
	const gaps = primes.map((prime, i) => (primes[i + 1] ?? prime) - prime);
	const longest = Math.max(...gaps);
	const twins = below(1000).filter((prime) => isPrime(prime + 2));
	has("sieve", [
		`below 1000 ${below(1000).length} below 8191 ${below(8191).length} below 8192 ${primes.length} 1000th ${primes[999]}`,
		`primes below 91 sum to ${sum}`,
		`odd below 1000 ${below(1000).length - 1}`,
		`twins below 1000 ${twins.length}`,
		`longest gap ${longest} after ${primes[gaps.indexOf(longest)]}`,
	]);
});

test("Internet checksums are sums modulo ffff, and those of RFC 1071", () => {
	const noise = numericalRecipes(1071, 2048).map((state) => state >>> 24);
	noise[2047] = 0;
	const sum = rows(noise, 2).reduce((all, row) => all + Number(row.split(" ")[0]) * 256 + Number(row.split(" ")[1]), 0);
	const folded = sum % 0xffff;
	has("checksum", [
		`rfc ${0xddf2} ${0x220d}`,
		`header ${0xb861} verified ${0xffff}`,
		`noise ${folded} ${folded} copied ${folded} wrong 0`,
	]);
	has("packet-filter", [`checksum ${0xb861} sum ${0xffff}`]);
});

test("packets are counted as the traffic says", () => {
	const packets = Array.from({ length: 64 * 18 }, (_, i) => i);
	const real = packets.filter((i) => i % 37 !== 0);
	const shells = real.filter((i) => i % 3 === 0 && i % 5 !== 0);
	const alive = shells.filter((i) => i % 7 !== 0);
	const line = (accepted: number, stolen: number, drops: number) =>
		`accepted ${accepted} stolen ${stolen} logged drops ${drops}`;
	has("packet-filter", [
		line(packets.length, 0, 0),
		line(real.length, 0, packets.length - real.length),
		line(shells.length, 0, packets.length - shells.length),
		line(3 * 64, 0, packets.length - 3 * 64),
		line(alive.length, shells.length - alive.length, packets.length - shells.length),
	]);
});

test("hashes are the published vectors", () => {
	has("hash-table", [
		`fnv1a ${hexWords("811c9dc5", "e40c292c", "bf9cf968")}`,
		`one at a time ${0xca2e9442}`,
		`murmur3 ${0x514e28b7}`,
		`murmur3 ${0xba6bd213}`,
		`murmur3 ${0x704b81dc}`,
	]);
});

test("chains of 3n + 1 and sums of common divisors are what their definitions say", () => {
	const chain = (n: bigint): bigint[] => (n === 1n ? [n] : [n, ...chain(n % 2n === 0n ? n / 2n : 3n * n + 1n)]);
	const of27 = chain(27n);
	const peak = Math.max(...of27.map(Number));
	const lengths = Array.from({ length: 999 }, (_, i) => chain(BigInt(i + 1)).length);
	const longest = Math.max(...lengths);
	has("collatz", [
		`27 ${of27.length} ${peak}`,
		`${lengths.indexOf(longest) + 1} ${longest}`,
		`27 ${of27.length} ${peak} counted ${of27.length - 1}`,
	]);
	const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
	const pillai = (n: number) => Array.from({ length: n }, (_, k) => gcd(k + 1, n)).reduce((sum, each) => sum + each);
	const first = Array.from({ length: 12 }, (_, i) => pillai(i + 1)).join(" ");
	has("gcd-sums", [first, `${pillai(97)} ${pillai(360)}`]);
});

test("page faults and token values are the textbook's and JavaScript's", () => {
	has("tracepoint", ["traced 15 off 0", "fifo 15", "lru 12", "opt 9", "belady 9 10"]);
	has("tokenizer", [`first ${(1 + 2) * 3 - 4 / 2} errors 0`, `second ${2 * (3 + 4 * (5 - 6)) - -7} errors 0`]);
	has("interpreter", ["result 21", "result 24", "result 9232", "result 111", "result 102334155", "result 46"]);
});
