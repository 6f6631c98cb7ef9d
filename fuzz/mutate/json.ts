// Mutations of JSON values: any part becomes something else, goes, comes twice, or changes places with another.

import * as fc from "fast-check";

export interface JsonEdit {
	readonly kind: "odd" | "number" | "borrow" | "drop" | "repeat" | "add";
	readonly at: number;
	readonly other: number;
	readonly times: number;
}

export const jsonEdits: fc.Arbitrary<readonly JsonEdit[]> = fc.array(
	fc.record({
		kind: fc.constantFrom(...(["odd", "number", "number", "borrow", "borrow", "drop", "repeat", "add"] as const)),
		at: fc.nat(100_000),
		other: fc.nat(100_000),
		times: fc.oneof({ weight: 9, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: fc.nat(400) }),
	}),
	{ minLength: 1, maxLength: 4 },
);

const odd: readonly unknown[] = [
	null,
	-1,
	0.5,
	1e300,
	"",
	[],
	{},
	true,
	false,
	[[]],
	"__proto__",
	"\ud800",
	"main",
	-0,
	"x".repeat(999),
];
const numbers = [
	0,
	1,
	2,
	3,
	7,
	8,
	15,
	16,
	31,
	32,
	63,
	64,
	255,
	256,
	4095,
	4096,
	65536,
	80_000_000,
	2 ** 31 - 1,
	2 ** 31,
	2 ** 32 - 1,
	2 ** 32,
	2 ** 53 - 1,
	2 ** 53,
];

type Holder = Record<string, unknown>;

/** A copy of the value with all edits made. */
export function editedJson(value: unknown, edits: readonly JsonEdit[]): unknown {
	const root: Holder = { value: structuredClone(value) };
	for (const edit of edits) change(root, edit);
	return root.value;
}

function change(root: Holder, { kind, at, other, times }: JsonEdit): void {
	const parts = partsOf(root, kind === "number" ? (one) => typeof one === "number" : () => true);
	const chosen = parts[at % Math.max(1, parts.length)];
	if (chosen === undefined) return;
	const [holder, key] = chosen;
	switch (kind) {
		case "odd":
			put(holder, key, structuredClone(odd[other % odd.length]));
			return;
		case "number":
			put(holder, key, other % 3 === 0 ? (holder[key] as number) + (other % 7) - 3 : numbers[other % numbers.length]);
			return;
		case "borrow": {
			const [from, name] = parts[other % parts.length]!;
			put(holder, key, structuredClone(from[name]));
			return;
		}
		case "drop":
			if (Array.isArray(holder)) holder.splice(Number(key), 1);
			else if (holder !== root) delete holder[key];
			return;
		case "repeat":
			if (Array.isArray(holder)) for (let i = 0; i < times; i++) holder.push(structuredClone(holder[Number(key)]));
			return;
		case "add":
			if (!Array.isArray(holder) && holder !== root) put(holder, ["__proto__", "toString", "extra"][other % 3]!, other);
	}
}

/** As JSON.parse does: `__proto__` is a key like others. */
function put(holder: Holder, key: string, value: unknown): void {
	Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

function partsOf(holder: Holder, wanted: (value: unknown) => boolean): [Holder, string][] {
	return Object.keys(holder).flatMap((key): [Holder, string][] => {
		const value = holder[key];
		const inner = typeof value === "object" && value !== null ? partsOf(value as Holder, wanted) : [];
		return wanted(value) ? [[holder, key], ...inner] : inner;
	});
}
