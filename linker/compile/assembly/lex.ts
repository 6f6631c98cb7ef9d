// A line of assembler source to tokens. Every token knows its place, so every later complaint can carry a caret.

import { SourceError } from "../../errors.ts";
import { registerName, SP } from "../../isa/index.ts";

export interface Source {
	readonly file: string;
	readonly lines: readonly string[];
}

/** Part of a line. `line` and `column` are 1-based. */
export interface Place {
	readonly source: Source;
	readonly line: number;
	readonly column: number;
	readonly length: number;
}

export interface Token {
	/** `local` is a reference to a numeric label (`1f`); `end` follows the last token of a line. */
	readonly kind: "name" | "register" | "number" | "local" | "string" | "char" | "punctuation" | "end";
	readonly text: string;
	readonly place: Place;
}

export function sourceError(message: string, { source, line, column, length }: Place): SourceError {
	const lineText = source.lines[line - 1] ?? "";
	return new SourceError(message, { file: source.file, line, column, lineText, length });
}

/** Register numbers by name; `sp` has two. */
export const registers: ReadonlyMap<string, number> = new Map([
	...Array.from({ length: 16 }, (_, i) => [registerName(i), i] as const),
	[`r${SP}`, SP],
]);

/** Kinds of token by how they look; the first that fits counts. */
const looks: readonly (readonly [Token["kind"] | "skip", string])[] = [
	["skip", String.raw`\s+|#.*|//.*`],
	["number", String.raw`(?:0[xX][\da-fA-F]+|0[bB][01]+|0[oO][0-7]+|0|[1-9]\d*)(?!\w)`],
	["local", String.raw`\d+[bf](?!\w)`],
	["name", String.raw`[\p{ID_Start}_.$][\p{ID_Continue}.$]*`],
	["string", String.raw`"(?:[^"\\]|\\.)*"`],
	["char", String.raw`'(?:[^'\\]|\\x[\da-fA-F]{1,2}|\\.)'`],
	["punctuation", String.raw`<<|>>|[-+*/%&|^~()[\],:;@=]`],
];
const kinds = looks.map(([kind]) => kind);
const pattern = new RegExp(looks.map(([, look]) => `(${look})`).join("|"), "uy");

const mistakes: readonly (readonly [RegExp, string])[] = [
	[/^"/, "this string has no closing quote"],
	[/^'/, "a character literal is one character between quotes, such as 'a' or '\\n'"],
	[/^0\d/, "a number does not start with 0; octal is written 0o17"],
	[/^\d/, "this is neither a number nor a numeric label such as 1f"],
];

/** @param placeOf where the characters of `text` came from; column is 1-based */
export function tokenize(text: string, placeOf: (column: number, length: number) => Place): Token[] {
	const tokens: Token[] = [];
	let at = 0;
	while (at < text.length) {
		pattern.lastIndex = at;
		const match = pattern.exec(text);
		if (match === null) throw sourceError(mistake(text.slice(at)), placeOf(at + 1, 1));
		const [token] = match;
		const kind = registers.has(token) ? "register" : kinds[match.indexOf(token, 1) - 1]!;
		if (kind !== "skip") tokens.push({ kind, text: token, place: placeOf(at + 1, token.length) });
		at = pattern.lastIndex;
	}
	tokens.push({ kind: "end", text: "the end of the line", place: placeOf(text.trimEnd().length + 1, 1) });
	return tokens;
}

function mistake(rest: string): string {
	const known = mistakes.find(([start]) => start.test(rest));
	return known?.[1] ?? `unexpected character '${String.fromCodePoint(rest.codePointAt(0)!)}'`;
}

const escapes: Record<string, number> = { n: 10, t: 9, r: 13, b: 8, f: 12, 0: 0, "\\": 92, '"': 34, "'": 39 };

/** Characters outside escapes are UTF-8; `\x41` and the like are one byte. */
export function stringBytes(token: Token): Uint8Array {
	const bytes: number[] = [];
	for (const [piece, hex, letter] of token.text.slice(1, -1).matchAll(/\\x([\da-fA-F]{1,2})|\\(.)|[^\\]+/gu)) {
		if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
		else if (letter !== undefined) bytes.push(escapeCode(letter, token));
		else bytes.push(...new TextEncoder().encode(piece));
	}
	return Uint8Array.from(bytes);
}

/** The code point of a character literal. */
export function charCode(token: Token): number {
	const inside = token.text.slice(1, -1);
	return inside.startsWith("\\") ? stringBytes(token)[0]! : inside.codePointAt(0)!;
}

function escapeCode(letter: string, { place }: Token): number {
	const code = escapes[letter];
	if (code === undefined) throw sourceError(`unknown escape '\\${letter}'`, place);
	return code;
}
