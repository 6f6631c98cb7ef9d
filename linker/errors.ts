// The user's errors. The simulated program's faults are trap values (runtime/machine), ours are `assert`s;
// only these two classes mean "your input is wrong", and the CLI turns them into exit code 3.

/** A mistake in a source program (`.js` or `.s`), printed with the line and a caret. */
export class SourceError extends Error {
	override readonly name = "SourceError";
	readonly file: string;
	/** 1-based. */
	readonly line: number;
	/** 1-based, counted in UTF-16 units as editors do. */
	readonly column: number;
	/** How many characters it is about. */
	readonly length: number;
	/** What is wrong, without the place and the source line. */
	readonly reason: string;

	/** @param lineText the whole source line, without its newline */
	constructor(message: string, at: { file: string; line: number; column: number; lineText: string; length?: number }) {
		const caret = at.lineText.slice(0, at.column - 1).replace(/[^\t]/g, " ") + "^".repeat(Math.max(1, at.length ?? 1));
		super(printableLines(`${at.file}:${at.line}:${at.column}: ${message}\n  ${at.lineText}\n  ${caret}`));
		this.file = at.file;
		this.line = at.line;
		this.column = at.column;
		this.length = Math.max(1, at.length ?? 1);
		this.reason = message;
	}
}

/** A mistake in an object, archive or image, or in how they fit together. The message starts with the place. */
export class LinkError extends Error {
	override readonly name = "LinkError";

	constructor(message: string) {
		super(printableLines(message));
	}
}

/** A mistake of the user's as plain data. */
export interface Problem {
	readonly file: string;
	/** 1-based; undefined where the mistake is in no line. */
	readonly line: number | undefined;
	/** 1-based. */
	readonly column: number | undefined;
	readonly length: number;
	readonly reason: string;
}

/** What an error tells the user; undefined when it is none of the user's. */
export function problemOf(error: unknown): Problem | undefined {
	if (error instanceof SourceError) {
		const { file, line, column, length, reason } = error;
		return { file, line, column, length, reason };
	}
	if (!(error instanceof LinkError)) return undefined;
	const [, file, line, reason] = /^([^\s:]+)(?::(\d+))?: (.*)$/s.exec(error.message) ?? [];
	if (file === undefined) return { file: "", line: undefined, column: undefined, length: 1, reason: error.message };
	return { file, line: line === undefined ? undefined : Number(line), column: undefined, length: 1, reason: reason! };
}

/** Says what the closest of `names` to `wrong` is, as ` (did you mean 'x'?)`, or nothing when none is near. */
export function suggestion(wrong: string, names: Iterable<string>): string {
	let best = "";
	let bestDistance = Math.max(1, Math.floor(wrong.length / 3)) + 1;
	let left = MOST_COMPARED;
	if (wrong.length > LONGEST_MISTYPED) return "";
	for (const name of names) {
		if (Math.abs(name.length - wrong.length) >= bestDistance) continue;
		left -= wrong.length * name.length;
		if (left < 0) break;
		const distance = editDistance(wrong, name);
		if (distance > 0 && distance < bestDistance) {
			best = name;
			bestDistance = distance;
		}
	}
	return best === "" ? "" : ` (did you mean '${best}'?)`;
}

/** Nobody types longer names, and comparing takes time that grows with their square. */
const LONGEST_MISTYPED = 256;
/** Pairs of letters that are compared for one suggestion, which is a tenth of a second. */
const MOST_COMPARED = 20_000_000;

/** `; there are a, b and 17 more` */
export function thereAre(names: readonly string[]): string {
	if (names.length === 0) return "; there is none";
	const more = names.length - FEW;
	return `; there ${names.length === 1 ? "is" : "are"} ${names.slice(0, FEW).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
const FEW = 12;

/** How many letters to add, drop, replace or swap with their neighbour. */
function editDistance(a: string, b: string): number {
	let beforePrevious: number[] = [];
	let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
	for (let i = 1; i <= a.length; i++) {
		const row = [i];
		for (let j = 1; j <= b.length; j++) {
			const replace = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
			const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
			const swap = swapped ? beforePrevious[j - 2]! + 1 : replace;
			row.push(Math.min(replace, swap, previous[j]! + 1, row[j - 1]! + 1));
		}
		beforePrevious = previous;
		previous = row;
	}
	return previous[b.length]!;
}

/** The text with control characters as `\\x1b`: names from files are not to move a terminal's cursor, nor to begin a line. */
export function printable(text: string): string {
	return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (control) => {
		const code = control.charCodeAt(0);
		return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
	});
}

/** The same for text that has lines and tabs of its own. */
function printableLines(text: string): string {
	return text.replace(/[^\n\t]+/g, printable);
}

/** The end of every range error: `140000000 is not in [-134217728, 134217728)`. @param max inclusive */
export function notIn(value: number, min: number, max: number): string {
	return `${value} is not in [${min}, ${max + 1})`;
}
