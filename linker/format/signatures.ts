// `.signatures`: which parameters and result the functions and keys have, as the compiler of each object saw them. A row
// is the address of the symbol and a word, which is written and read here.

/** What values a function or key takes and gives. */
export interface SignatureTypes {
	/** The type of each parameter, at most eight. */
	readonly parameters: readonly ("int" | "uint")[];
	/** "none", "int", "uint" or "bool". */
	readonly result: string;
	/** Whether a key may be null, so that its result cannot be used. */
	readonly nullable: boolean;
}

/** The section of the table. */
export const SIGNATURES_SECTION = ".signatures";
/** The bit of a key's word that says it may be null. */
export const NULLABLE = 1 << 24;

const results = ["none", "int", "uint", "bool"];

/** The word for a signature: how many parameters, which of them are unsigned, the result, and whether it may be null. */
export function signatureWord({ parameters, result, nullable }: SignatureTypes): number {
	if (!results.includes(result)) throw new Error(`a signature cannot say that the result is '${result}'`);
	const unsigned = parameters.reduce((mask, type, i) => mask | (type === "uint" ? 1 << i : 0), 0);
	return parameters.length | (unsigned << 8) | (results.indexOf(result) << 16) | (nullable ? NULLABLE : 0);
}

/** How many parameters a word says. */
export function parametersOf(word: number): number {
	return word & 255;
}

/** A word as people write it: `(int, uint) -> bool`. */
export function signatureText(word: number): string {
	const parameters = Array.from({ length: parametersOf(word) }, (_, i) => ((word >> (8 + i)) & 1 ? "uint" : "int"));
	const result = results[(word >> 16) & 255] ?? "?";
	const gives = result === "none" ? "nothing" : result;
	return `(${parameters.join(", ")}) -> ${gives}${(word & NULLABLE) !== 0 ? " or null" : ""}`;
}
