// What follows a directive: names, numbers, lists.

import { SHT_NOBITS } from "../../elf/index.ts";
import { type Assembly, numberNow } from "./assembly.ts";
import { accept, type Cursor, next, parseExpression, peek, unexpected } from "./expression.ts";
import { type Place, sourceError, type Token } from "./lex.ts";

export function name(cursor: Cursor): Token {
	const token = peek(cursor);
	if (token.kind !== "name" || token.text === ".") throw unexpected("a name", token);
	return next(cursor);
}

export function list(cursor: Cursor, each: () => void): void {
	do each();
	while (accept(cursor, ","));
}

export function numberIn(assembly: Assembly, cursor: Cursor, min: number, max: number): number {
	return numberNow(assembly, parseExpression(cursor), min, max);
}

/** The number after a comma, if there is one. */
export function optional(assembly: Assembly, cursor: Cursor, fallback: number, min: number, max: number): number {
	return accept(cursor, ",") ? numberIn(assembly, cursor, min, max) : fallback;
}

export function needBytes({ section }: Assembly, place: Place): void {
	if (section.type === SHT_NOBITS) {
		throw sourceError(`section ${section.name} holds no bytes; make room in it with .zero`, place);
	}
}

/** More bytes than these are not filled in by directives: an object has to stay in proportion to its source. */
const MOST_FILLED = 2 ** 25;

/** Counts bytes that a directive is about to fill in. Room in a section without contents takes none.
 * @throws SourceError when an object would have too many of them */
export function countFilled(assembly: Assembly, bytes: number, place: Place): void {
	if (assembly.section.type === SHT_NOBITS) return;
	assembly.filled += bytes;
	if (assembly.filled > MOST_FILLED)
		throw sourceError(`more than ${MOST_FILLED} bytes are filled in; room without contents belongs into .bss`, place);
}
