// Function and key signatures: every object that mentions one must have compiled its calls for the same.

import type { ElfObject } from "../elf/object.ts";
import { symbolName } from "../elf/symbols.ts";
import { viewOf } from "../elf/words.ts";
import { LinkError } from "../errors.ts";
import { readSignature, signatureRow } from "../format/rows.ts";
import { SIGNATURES_SECTION, signatureText } from "../format/signatures.ts";
import { KEY_PREFIX } from "../sites/index.ts";
import type { Input } from "./inputs.ts";
import type { Globals } from "./resolve.ts";

interface Claim {
	readonly signature: number;
	readonly input: number;
}

/** Requires: names resolved. After: all entries for a global symbol agree. */
export function checkSignatures(inputs: readonly Input[], globals: Globals): void {
	const claims = new Map<number, Claim>();
	for (const [input, { object, ids, firstGlobal }] of inputs.entries()) {
		for (const { symbol, signature } of signatureEntries(object)) {
			if (symbol < firstGlobal) continue;
			const id = ids[symbol]!;
			const first = claims.get(id);
			if (first === undefined) claims.set(id, { signature, input });
			else if (first.signature !== signature)
				disagree(inputs, globals.input[id]!, first, { signature, input }, symbolName(object.symbols, symbol));
		}
	}
}

/** What an object says about its functions and keys. */
export function signatureEntries(object: ElfObject): { symbol: number; signature: number }[] {
	const entries: { symbol: number; signature: number }[] = [];
	for (const { name, data, relocations } of object.sections) {
		if (name !== SIGNATURES_SECTION || relocations === undefined) continue;
		const view = viewOf(data);
		for (const [i, at] of relocations.offset.entries()) {
			const symbol = relocations.symbol[i]!;
			const { bytes } = signatureRow;
			const whole = at % bytes === 0 && at + bytes <= data.length;
			if (whole) entries.push({ symbol, signature: readSignature(view, at) });
		}
	}
	return entries;
}

function disagree(inputs: readonly Input[], definer: number, a: Claim, b: Claim, symbol: string): never {
	const [used, defined] = a.input === definer ? [b, a] : [a, b];
	const name = symbol.startsWith(KEY_PREFIX) ? symbol.slice(KEY_PREFIX.length) : symbol;
	const object = (claim: Claim) => inputs[claim.input]!.object.name;
	throw new LinkError(
		`${object(used)}: '${name}' is used as ${signatureText(used.signature)}, but ${object(defined)} has it as ${signatureText(defined.signature)}`,
	);
}
