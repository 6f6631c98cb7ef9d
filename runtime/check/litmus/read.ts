// Reads a litmus test as herd7 writes it: architecture and name, a block of initial values, one column of instructions for each
// thread, and a condition on the end. Nothing here knows what an instruction means.

import { LinkError } from "../../../linker/errors.ts";
import { type Condition, conditionOf } from "../condition.ts";

/** A litmus test as it is written. */
export interface Litmus {
	/** `AArch64`, `RISCV`, `X86_64`. */
	readonly arch: string;
	readonly name: string;
	/** `CacheType=DIC` and the like, above the block of initial values. */
	readonly info: Readonly<Record<string, string>>;
	readonly init: readonly Initial[];
	readonly threads: readonly Thread[];
	/** What is asked; undefined for a test that only names what it wants to see. */
	readonly asks:
		| { readonly quantifier: Quantifier; readonly condition: Condition; readonly text: string; readonly place: string }
		| undefined;
	/** Registers and words whose values `locations` wants to see, as they are written. */
	readonly locations: readonly string[];
}

/** How a test asks for its condition: of some end, of no end, of all. */
export type Quantifier = "exists" | "~exists" | "forall";

/** The value that a register (`0:X1`) or a word of memory (`x`) has at the start. */
export interface Initial {
	readonly place: string;
	readonly value: string;
	/** Where it is written. */
	readonly at: string;
}

export interface Thread {
	/** `P0`. */
	readonly name: string;
	readonly instructions: readonly Written[];
	/** Label -> number of the instruction that it stands before; of the number behind the last, at the end. */
	readonly labels: ReadonlyMap<string, number>;
}

/** An instruction as it is written, with single blanks. */
export interface Written {
	readonly text: string;
	readonly at: string;
}

/** @param file names the file in messages @throws LinkError naming the line */
export function readLitmus(source: string, file: string): Litmus {
	const text = withoutComments(source, file);
	const lineAt = linesOf(text, file);
	const open = text.indexOf("{");
	const close = text.indexOf("}", open);
	if (open < 0 || close < 0)
		throw new LinkError(`${file}: no '{' and '}' around initial values; a litmus test has them before its threads`);
	const [, arch, name] = /^\s*([A-Za-z]\w*)\s+(\S[^\n]*?)\s*(?:\n|$)/.exec(text.slice(0, open)) ?? [];
	if (arch === undefined || name === undefined)
		throw new LinkError(`${file}:1: a litmus test begins with its architecture and its name`);
	const rest = text.slice(close + 1);
	const question = /(?:^|\n|;)[ \t]*(locations\b|~\s*exists\b|exists\b|forall\b|filter\b)/.exec(rest);
	const bodyEnd = question === null ? rest.length : question.index + question[0].length - question[1]!.length;
	const where = (index: number): string => lineAt(close + 1 + index);
	return {
		arch,
		name,
		info: infoOf(text.slice(0, open)),
		init: initialsOf(text.slice(open + 1, close), (index) => lineAt(open + 1 + index)),
		threads: threadsOf(rest.slice(0, bodyEnd), where),
		...questionOf(rest.slice(bodyEnd), where, bodyEnd),
	};
}

/** Where a character is, `FILE:LINE`. What asks goes forward through the text. */
function linesOf(text: string, file: string): (index: number) => string {
	let line = 1;
	let seen = 0;
	return (index) => {
		if (index < seen) [line, seen] = [1, 0];
		for (let end = text.indexOf("\n", seen); end >= 0 && end < index; end = text.indexOf("\n", seen)) {
			line++;
			seen = end + 1;
		}
		return `${file}:${line}`;
	};
}

/** Blanks instead of `(* ... *)`, so that lines keep their numbers. */
function withoutComments(source: string, file: string): string {
	let depth = 0;
	let text = "";
	for (let i = 0; i < source.length; i++) {
		const two = source.slice(i, i + 2);
		if (two === "(*" || (two === "*)" && depth > 0)) {
			depth += two === "(*" ? 1 : -1;
			text += "  ";
			i++;
		} else text += depth > 0 && source[i] !== "\n" ? " " : source[i];
	}
	if (depth > 0) throw new LinkError(`${file}: a comment '(*' has no '*)'`);
	return text;
}

function infoOf(head: string): Record<string, string> {
	const pairs = [...head.matchAll(/^[ \t]*(\w+)[ \t]*=[ \t]*(.*?)[ \t]*$/gm)];
	return Object.fromEntries(pairs.map(([, key, value]) => [key!, value!]));
}

function initialsOf(block: string, lineAt: (index: number) => string): Initial[] {
	const initials: Initial[] = [];
	let index = 0;
	for (const part of block.split(";")) {
		const text = part.trim();
		const at = lineAt(index + part.length - part.trimStart().length);
		index += part.length + 1;
		if (text === "") continue;
		const typed =
			/^(?:(?:[A-Za-z_]\w*[ \t]+)*(?:[A-Za-z_]\w*[ \t]*\*+|[A-Za-z_]\w*)[ \t*]+)?(\[?[\w.]+(?::[\w$%]+)?\]?)\s*(?:=\s*(.+))?$/s;
		const [, place, value] = typed.exec(text) ?? [];
		if (place === undefined)
			throw new LinkError(`${at}: '${text}' is no initial value: write 0:X1=1, x=2 or 0:X1=P1:L0`);
		initials.push({ place: place.replace(/[[\]]/g, ""), value: value?.trim() ?? "0", at });
	}
	return initials;
}

function threadsOf(body: string, where: (index: number) => string): Thread[] {
	const rows: { cells: readonly string[]; at: string }[] = [];
	let index = 0;
	for (const row of body.split(";")) {
		if (row.trim() !== "") rows.push({ cells: row.split("|"), at: where(index + row.length - row.trimStart().length) });
		index += row.length + 1;
	}
	const [head, ...others] = rows;
	if (head === undefined) throw new LinkError(`${where(0)}: no threads below the initial values`);
	return head.cells.map((cell, column) => {
		const name = cell.trim();
		if (!/^P\d+$/.test(name)) throw new LinkError(`${head.at}: '${name}' is no thread that is modelled: P0, P1, ...`);
		if (name !== `P${column}`) throw new LinkError(`${head.at}: thread ${name} stands where P${column} belongs`);
		const instructions: Written[] = [];
		const labels = new Map<string, number>();
		for (const { cells, at } of others) {
			if (cells.length > head.cells.length)
				throw new LinkError(`${at}: ${cells.length} columns below ${head.cells.length} threads`);
			let text = (cells[column] ?? "").trim().replace(/\s+/g, " ");
			for (let label = labelForm.exec(text); label !== null; label = labelForm.exec(text)) {
				if (labels.has(label[1]!)) throw new LinkError(`${at}: label '${label[1]}' is there twice in ${name}`);
				labels.set(label[1]!, instructions.length);
				text = text.slice(label[0].length);
			}
			if (text !== "") instructions.push({ text, at });
		}
		return { name, instructions, labels };
	});
}

const labelForm = /^([A-Za-z_][\w.]*)\s*:\s*/;

function questionOf(text: string, where: (index: number) => string, start: number): Pick<Litmus, "asks" | "locations"> {
	const place = where(start);
	const [, listed, rest = ""] = /^\s*(?:locations\s*\[([^\]]*)\])?\s*;?([\s\S]*)$/.exec(text) ?? [];
	const locations = (listed ?? "").split(";").flatMap((one) => (one.trim() === "" ? [] : [one.trim()]));
	if (rest.trim() === "") return { asks: undefined, locations };
	const [, quantifier, condition] = /^\s*(exists|~\s*exists|forall)\b([\s\S]*)$/.exec(rest) ?? [];
	if (quantifier === undefined)
		throw new LinkError(`${place}: '${rest.trim().split("\n")[0]}' is not exists, ~exists, forall or locations`);
	return {
		asks: {
			quantifier: quantifier.replace(/\s/g, "") as Quantifier,
			condition: conditionOf(condition!.replace(/\s+/g, " "), place),
			text: condition!.replace(/\s+/g, " ").trim(),
			place,
		},
		locations,
	};
}
