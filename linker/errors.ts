// What goes wrong, as values of four classes: a mistake in a source (`SourceError`), a mistake in any other input or in how
// inputs fit together (`LinkError`), a call of a function with what it does not take (`ArgumentError`), and a machine that has
// no room for what happens (`BoundReached`, beside the machine). The library's functions throw nothing else when they get
// arguments of their types; docs/errors.md tells of it. The simulated program's faults are trap values (runtime/machine), and
// broken promises of ours are plain `Error`s. The CLI turns the first two into exit code 3.

/** What the four classes have in common. */
export abstract class PatchbayError extends Error {
	/** The input that it is about, as its reader named it; "" where it is about none. */
	readonly file: string = "";
	/** 1-based; undefined where it is about no line. */
	readonly line: number | undefined;
	/** In bytes, from the start of the section that the message names, else of the file; undefined where it is about no byte. */
	readonly offset: number | undefined;
	/** What is wrong, without the place. */
	abstract readonly reason: string;
}

/** A mistake in a source program (`.js` or `.s`), printed with the line and a caret. */
export class SourceError extends PatchbayError {
	override readonly name = "SourceError";
	override readonly file: string;
	override readonly line: number;
	/** 1-based, counted in UTF-16 units as editors do. */
	readonly column: number;
	/** How many characters it is about. */
	readonly length: number;
	/** What is wrong, without the place and the source line. */
	override readonly reason: string;

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

/** All mistakes of a program as one error: it tells of the first, and its message has those of all. */
export function joinErrors(errors: readonly SourceError[]): SourceError {
	const [first, ...rest] = errors;
	if (first === undefined) throw new Error("there is no error to tell");
	if (rest.length > 0) first.message = [first, ...rest].map(({ message }) => message).join("\n");
	return first;
}

/** A mistake in an object, archive, image, scenario or JSON file, or in how they fit together. The message starts with the
 * place, which the fields repeat. */
export class LinkError extends PatchbayError {
	override readonly name = "LinkError";
	override readonly file: string;
	override readonly line: number | undefined;
	override readonly offset: number | undefined;
	override readonly reason: string;

	constructor(message: string) {
		super(printableLines(message));
		const { file, line, offset, reason } = placeOf(this.message);
		this.file = file;
		this.line = line;
		this.offset = offset;
		this.reason = reason;
	}
}

/** A call of a function of the library with an argument that it does not take: a number out of its range, or what the
 * things that it is called with do not allow. */
export class ArgumentError extends PatchbayError {
	override readonly name = "ArgumentError";
	override readonly reason: string;

	constructor(reason: string) {
		super(printableLines(reason));
		this.reason = reason;
	}
}

/** Takes the place off a message: `a.s:7: `, `a.o:(.text+0x12): `, `a.o:(.text)+0x12: `, `a.a+0x44: ` or `a.o: `. */
function placeOf(message: string): { file: string; line?: number; offset?: number; reason: string } {
	const exact = /^([^\n]+?)(?::(\d+)(?::\d+)?|(?::\([^\s()]*?\+?(0x[0-9a-f]+)?\))?(?:\+(0x[0-9a-f]+))?): (.*)$/s.exec(
		message,
	);
	if (exact === null) return { file: "", reason: message };
	const [, file, line, inside, behind, reason] = exact as unknown as [string, string, ...(string | undefined)[]];
	const offset = behind ?? inside;
	// A sentence may have a colon, too; the name of a file that stands without a line or an offset has no space.
	if (line === undefined && offset === undefined && /\s/.test(file)) return { file: "", reason: message };
	return {
		file,
		reason: reason!,
		...(line !== undefined && { line: Number(line) }),
		...(offset !== undefined && { offset: Number(offset) }),
	};
}

/** What went wrong as plain data. */
export interface Problem {
	readonly file: string;
	/** 1-based; undefined where the mistake is in no line. */
	readonly line: number | undefined;
	/** 1-based. */
	readonly column: number | undefined;
	readonly length: number;
	/** In bytes; undefined where the mistake is at no byte. */
	readonly offset: number | undefined;
	readonly reason: string;
}

/** What an error of the four classes tells; undefined when it is none of them. */
export function problemOf(error: unknown): Problem | undefined {
	if (!(error instanceof PatchbayError)) return undefined;
	const { file, line, offset, reason } = error;
	const { column, length } = error instanceof SourceError ? error : { column: undefined, length: 1 };
	return { file, line, column, length, offset, reason };
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

/** More than this is not asked for at once: it is what a typed array of bytes holds on every machine. */
const MOST_AT_ONCE = 2 ** 31 - 1;

/** Holds a number that a caller gives, of bytes or of things, against what there can be.
 * @param what starts the message @param min inclusive @param max inclusive @throws ArgumentError */
export function requireCount(what: string, count: number, min = 0, max: number = MOST_AT_ONCE): void {
	if (!Number.isInteger(count) || count < min || count > max)
		throw new ArgumentError(`${what}: ${notIn(count, min, max)}`);
}

/** The end of every range error: `140000000 is not in [-134217728, 134217728)`. @param max inclusive */
export function notIn(value: number, min: number, max: number): string {
	return `${value} is not in [${min}, ${max + 1})`;
}
