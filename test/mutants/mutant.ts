// Faults that are planted one at a time: the text of a file that is replaced, what it is replaced by, what it breaks, and the witness
// (witness.ts) that notices. A text that is not in its file is a failing test, so the tables follow the code. docs/mutants.md lists
// them.

export interface Mutant {
	readonly breaks: string;
	readonly file: string;
	/** Occurs once. */
	readonly old: string;
	readonly new: string;
	readonly witness: string;
}
