// Numbers that are limits of something, likelier than others to be wrong.

import * as fc from "fast-check";

const powers = [7, 8, 12, 15, 16, 24, 27, 28, 31, 32, 33, 40, 47, 48, 52, 53, 62, 63];
const limits: readonly bigint[] = [
	...[0n, 1n, 2n, 3n, 4n, 5n, 7n, 8n, 16n, 24n, 64n, 100n, 255n, 0xfff1n, 0xfff2n, 0xff00n, 80_000_000n],
	...powers.flatMap((bits) => [2n ** BigInt(bits) - 1n, 2n ** BigInt(bits), 2n ** BigInt(bits) + 1n]),
];

/** How a number becomes another one: it is set, or moved on, or replaced by another number of the same input. */
export type Change =
	| { readonly how: "set"; readonly limit: number; readonly negative: boolean }
	| { readonly how: "add"; readonly by: number }
	| { readonly how: "as"; readonly other: number };

export const changes: fc.Arbitrary<Change> = fc.oneof(
	fc.record({ how: fc.constant("set" as const), limit: fc.nat(limits.length - 1), negative: fc.boolean() }),
	fc.record({ how: fc.constant("add" as const), by: fc.oneof(fc.integer({ min: -9, max: 9 }), fc.integer()) }),
	fc.record({ how: fc.constant("as" as const), other: fc.nat(10_000) }),
);

/** @param others all numbers of the input */
export function changed(value: bigint, change: Change, others: (index: number) => bigint): bigint {
	switch (change.how) {
		case "set":
			return change.negative ? -limits[change.limit]! : limits[change.limit]!;
		case "add":
			return value + BigInt(change.by);
		case "as":
			return others(change.other);
	}
}
