// What a thread is at, in memory that another one reads while it is at it.

/** Where the text of a note begins, in bytes, and how long it may be. */
export const NOTE_TEXT = 16;
export const NOTE_BYTES = 1 << 20;

export interface Notes {
	/** How many recipes were begun, and the length of the text. */
	readonly numbers: Int32Array;
	readonly text: Uint8Array;
}

export function newNotes(): SharedArrayBuffer {
	return new SharedArrayBuffer(NOTE_TEXT + NOTE_BYTES);
}

export function noteRecipe({ numbers, text }: Notes, batch: number, recipe: unknown): void {
	const { written } = new TextEncoder().encodeInto(JSON.stringify({ batch, recipe }), text);
	Atomics.store(numbers, 1, written);
	Atomics.add(numbers, 0, 1);
}

/** @returns undefined before the first recipe */
export function readNote(notes: SharedArrayBuffer): { readonly batch: number; readonly recipe: unknown } | undefined {
	const length = Atomics.load(new Int32Array(notes, 0, 2), 1);
	if (length === 0) return undefined;
	return JSON.parse(Buffer.from(new Uint8Array(notes, NOTE_TEXT, length)).toString());
}

/** How many recipes were begun. */
export function begunIn(notes: SharedArrayBuffer): number {
	return Atomics.load(new Int32Array(notes, 0, 2), 0);
}
