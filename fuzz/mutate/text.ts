// Mutations of sources by their tokens and lines: what is there is replaced, repeated, moved or left out, also by what is
// elsewhere in the same text, and by words and numbers that mean something.

import * as fc from "fast-check";

export interface TextEdit {
	readonly kind: "token" | "borrow" | "drop" | "repeat" | "swap" | "line" | "raw";
	readonly at: number;
	readonly other: number;
	/** Times that something is repeated. */
	readonly times: number;
}

export const textEdits: fc.Arbitrary<readonly TextEdit[]> = fc.array(
	fc.record({
		kind: fc.constantFrom(
			...(["token", "token", "borrow", "borrow", "drop", "repeat", "swap", "line", "raw"] as const),
		),
		at: fc.nat(100_000),
		other: fc.nat(100_000),
		times: fc.oneof({ weight: 9, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: fc.nat(400) }),
	}),
	{ minLength: 1, maxLength: 6 },
);

const numbers = [
	"0",
	"-1",
	"1e9",
	"0x7fffffff",
	"0x80000000",
	"0xffffffff",
	"4294967296",
	"99999999999999999999",
	"1.5",
	"-0",
];
const raw = [
	"\0",
	"\u2028",
	"\ud800",
	"\r",
	"\\",
	"'",
	'"',
	"`",
	"/*",
	"*/",
	"//",
	"#",
	"\u202e",
	"(",
	"[",
	"{",
	"}",
	")",
	"é",
];

/** @param words of the language: keywords, directives, names that mean something */
export function editedText(text: string, edits: readonly TextEdit[], words: readonly string[]): string {
	let now = text;
	for (const edit of edits) now = edited(now, edit, [...words, ...numbers]);
	return now;
}

function edited(text: string, { kind, at, other, times }: TextEdit, words: readonly string[]): string {
	if (kind === "line" || kind === "swap") return editedLines(text, kind, at, other, times);
	if (kind === "raw") {
		const place = at % (text.length + 1);
		return text.slice(0, place) + raw[other % raw.length] + text.slice(place);
	}
	const tokens = text.match(/\w+|\s+|[^\w\s]/g) ?? [];
	if (tokens.length === 0) return words[other % words.length]!;
	const place = at % tokens.length;
	const by = {
		token: [words[other % words.length]!],
		borrow: [tokens[other % tokens.length]!],
		drop: [],
		repeat: Array<string>(times + 1).fill(tokens[place]!),
	}[kind];
	return tokens.toSpliced(place, 1, ...by).join("");
}

function editedLines(text: string, kind: "line" | "swap", at: number, other: number, times: number): string {
	const lines = text.split("\n");
	const [a, b] = [at % lines.length, other % lines.length];
	if (kind === "swap") return lines.with(a, lines[b]!).with(b, lines[a]!).join("\n");
	return lines.toSpliced(a, 1, ...Array<string>(times).fill(lines[b]!)).join("\n");
}
