// `.signatures`: which parameters and result the functions and keys have, as the compiler of each object saw them. A row
// is the address of the symbol and a number of two words, which is written and read here:
//
//     bit 0..3 parameters   4..5 result   6 may be null   7.. three bits for each parameter
//
// Two signatures are the same if their numbers are.

/** What a parameter can be: a number, or a typed array. */
export const parameterTypes = [
	"int",
	"uint",
	"Int32Array",
	"Uint32Array",
	"Int16Array",
	"Uint16Array",
	"Int8Array",
	"Uint8Array",
] as const;
export type ParameterType = (typeof parameterTypes)[number];

/** What values a function or key takes and gives. */
export interface SignatureTypes {
	/** The type of each parameter, at most `MOST_PARAMETERS`. */
	readonly parameters: readonly ParameterType[];
	/** "none", "int", "uint" or "bool". */
	readonly result: string;
	/** Whether a key may be null, so that its result cannot be used. */
	readonly nullable: boolean;
}

/** The section of the table. */
export const SIGNATURES_SECTION = ".signatures";
/** So many fit into a number without loss. */
export const MOST_PARAMETERS = 15;

const results = ["none", "int", "uint", "bool"];

/** The number for a signature: how many parameters, the result, whether it may be null, and each parameter's type. */
export function signatureNumber({ parameters, result, nullable }: SignatureTypes): number {
	if (!results.includes(result)) throw new Error(`a signature cannot say that the result is '${result}'`);
	if (parameters.length > MOST_PARAMETERS) throw new Error(`a signature has at most ${MOST_PARAMETERS} parameters`);
	const head = parameters.length | (results.indexOf(result) << 4) | (nullable ? 1 << 6 : 0);
	return parameters.reduce((sum, type, i) => sum + parameterTypes.indexOf(type) * 2 ** (7 + 3 * i), head);
}

/** The signature that a number stands for. */
export function signatureTypes(signature: number): SignatureTypes {
	const bits = (at: number, count: number) => Math.floor(signature / 2 ** at) % 2 ** count;
	const parameters = Array.from({ length: bits(0, 4) }, (_, i) => parameterTypes[bits(7 + 3 * i, 3)]!);
	return { parameters, result: results[bits(4, 2)]!, nullable: bits(6, 1) === 1 };
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
