// Where source text came from, and how to point at it. A program that was rewritten before it was compiled (FFP)
// carries a map back, so that messages and line tables name the line the user wrote.

import type { Node } from "acorn";
import { SourceError } from "../errors.ts";

/** 1-based, columns counted in UTF-16 units. */
export interface Position {
	readonly line: number;
	readonly column: number;
}

/** The way back from the text that is compiled to the text that the user wrote. */
export interface PositionMap {
	/** The file that the user wrote. */
	readonly file: string;
	/** Its text, for the lines shown in messages. */
	readonly source?: string;
	locate(line: number, column: number): Position;
}

export interface Origin {
	readonly file: string;
	readonly text: string;
	readonly map?: PositionMap | undefined;
}

/** The file that positions of this origin are in. */
export function originFile(origin: Origin): string {
	return origin.map?.file ?? origin.file;
}

/** Where the user wrote what acorn found at `loc` (1-based line, 0-based column). */
export function positionAt(origin: Origin, loc: { line: number; column: number }): Position {
	const written = { line: loc.line, column: loc.column + 1 };
	return origin.map?.locate(written.line, written.column) ?? written;
}

export function positionOf(origin: Origin, node: Node): Position {
	return positionAt(origin, node.loc!.start);
}

/** The node's text on one line, shortened for a message. */
export function quote(origin: Origin, node: Node): string {
	const text = origin.text.slice(node.start, node.end).replace(/\s+/g, " ");
	return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

export function fail(origin: Origin, node: Node, message: string): never {
	throw errorAt(origin, node.loc!.start, message, node.end - node.start);
}

export function errorAt(
	origin: Origin,
	loc: { line: number; column: number },
	message: string,
	length = 1,
): SourceError {
	const at = positionAt(origin, loc);
	const lineText = (origin.map?.source ?? origin.text).split(/\r\n|[\n\r\u2028\u2029]/)[at.line - 1] ?? "";
	const room = Math.max(1, lineText.length - at.column + 1);
	return new SourceError(message, { file: originFile(origin), ...at, lineText, length: Math.min(length, room) });
}
