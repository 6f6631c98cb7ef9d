// The text literals of a module, each stored once.

export interface Texts {
	/** Offset by text. */
	readonly offsets: Map<string, number>;
	readonly bytes: number[];
}

/** What the texts of a module are called. */
export const TEXTS = ".Ltext";

/** Where the text's bytes lie, and how many they are. */
export function placeText(texts: Texts, text: string): { offset: number; length: number } {
	const bytes = new TextEncoder().encode(text);
	const known = texts.offsets.get(text);
	if (known !== undefined) return { offset: known, length: bytes.length };
	const offset = texts.bytes.length;
	for (const byte of bytes) texts.bytes.push(byte);
	texts.offsets.set(text, offset);
	return { offset, length: bytes.length };
}
