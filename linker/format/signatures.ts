// `.signatures`: which parameters and result the functions and keys have, as the compiler of each object saw them. A row
// is the address of the symbol and a number of two words, which is written and read here:
//
//     bit 0..3 parameters   4..7 result, or that it may be null   8.. three bits for each parameter
//
// Two signatures are the same if their numbers are.

/** What a typed array can be of. */
export const elementTypes = [
	"Int32Array",
	"Uint32Array",
	"Int16Array",
	"Uint16Array",
	"Int8Array",
	"Uint8Array",
] as const;
export type ElementType = (typeof elementTypes)[number];

export function isElementType(name: string): name is ElementType {
	return (elementTypes as readonly string[]).includes(name);
}

/** What a parameter can be: a number, or a typed array. */
export const parameterTypes = ["int", "uint", ...elementTypes] as const;
export type ParameterType = (typeof parameterTypes)[number];
/** What a result can be. A typed array is left in two registers, its address and its length. */
const resultTypes = ["none", "int", "uint", "bool", ...elementTypes] as const;
export type ResultType = (typeof resultTypes)[number];

/** What values a function or key takes and gives. */
export interface SignatureTypes {
	/** The type of each parameter, at most `MOST_PARAMETERS`. */
	readonly parameters: readonly ParameterType[];
	readonly result: ResultType;
	/** Whether a key may be null: then the result is "none", since it cannot be used. */
	readonly nullable: boolean;
}

/** The section of the table. */
export const SIGNATURES_SECTION = ".signatures";
/** So many fit into a number without loss. */
export const MOST_PARAMETERS = 15;

/** The code of a key that may be null, beside those of results. */
const NULLABLE = resultTypes.length;

/** The number for a signature: how many parameters, the result, whether it may be null, and each parameter's type. */
export function signatureNumber({ parameters, result, nullable }: SignatureTypes): number {
	if (nullable && result !== "none") throw new Error(`the result of what may be null cannot be '${result}'`);
	if (parameters.length > MOST_PARAMETERS) throw new Error(`a signature has at most ${MOST_PARAMETERS} parameters`);
	const head = parameters.length | ((nullable ? NULLABLE : resultTypes.indexOf(result)) << 4);
	return parameters.reduce((sum, type, i) => sum + parameterTypes.indexOf(type) * 2 ** (8 + 3 * i), head);
}

/** The signature that a number stands for. */
export function signatureTypes(signature: number): SignatureTypes {
	const bits = (at: number, count: number) => Math.floor(signature / 2 ** at) % 2 ** count;
	const parameters = Array.from({ length: bits(0, 4) }, (_, i) => parameterTypes[bits(8 + 3 * i, 3)]!);
	const result = bits(4, 4);
	return { parameters, result: resultTypes[result] ?? "none", nullable: result === NULLABLE };
}

/** Whether a key with the signature may be null. */
export function isNullable(signature: number | undefined): boolean {
	return signature !== undefined && signatureTypes(signature).nullable;
}

/** How many words a parameter is passed in: a typed array in two, its address and its length. */
export function wordsOf(type: ParameterType): number {
	return type === "int" || type === "uint" ? 1 : 2;
}

/** How many words a call passes. */
export function argumentWords(signature: number): number {
	return signatureTypes(signature).parameters.reduce((sum, type) => sum + wordsOf(type), 0);
}

/** Whether what is called with one signature may be a function of the other: its parameters are the first that callers
 * pass, and the result agrees; a caller that uses no result takes any. */
export function serves(wanted: number, given: number): boolean {
	const [caller, callee] = [signatureTypes(wanted), signatureTypes(given)];
	const isFirst = callee.parameters.every((type, i) => type === caller.parameters[i]);
	return isFirst && (caller.result === "none" || caller.result === callee.result);
}

/** A signature as people write it: `(int, uint) -> bool`. */
export function signatureText(signature: number): string {
	const { parameters, result, nullable } = signatureTypes(signature);
	return `(${parameters.join(", ")}) -> ${result === "none" ? "nothing" : result}${nullable ? " or null" : ""}`;
}
