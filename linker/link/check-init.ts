// The function that is called when a module is loaded: where it has to be, and what it has to look like.

import { type ElfObject, STT_FUNC, symbolName, symbolType } from "../elf/index.ts";
import { LinkError } from "../errors.ts";
import { signatureText, signatureTypes } from "../format/signatures.ts";
import { isInit } from "../format/static-calls.ts";
import { place } from "../sites/place.ts";
import { signatureEntries } from "./check-signatures.ts";
import type { Input } from "./inputs.ts";

const INIT = "init";

/** The symbol of a module's init function, in init text; undefined when it has none. */
export function initSymbol(object: ElfObject): number | undefined {
	return initSymbols(object).find((symbol) => isInit(object.sections[object.symbols.section[symbol]!]!));
}

/** @throws LinkError when somebody will take a function for the module's init function, and it is not or cannot be */
export function checkInit({ object, firstGlobal }: Input): void {
	for (const symbol of initSymbols(object)) {
		const { section, value } = object.symbols;
		const at = place(object, section[symbol]!, value[symbol]!);
		if (isInit(object.sections[section[symbol]!]!)) checkSignature(object, symbol, at);
		else if (symbol >= firstGlobal) throw new LinkError(`${at}: '${INIT}' is not in init text: begin it with "init";`);
	}
}

function initSymbols({ symbols, sections }: ElfObject): number[] {
	const found: number[] = [];
	for (let i = 1; i < symbols.count; i++) {
		if (sections[symbols.section[i]!] === undefined || symbolType(symbols, i) !== STT_FUNC) continue;
		if (symbolName(symbols, i) === INIT) found.push(i);
	}
	return found;
}

/** Code without signatures is trusted. */
function checkSignature(object: ElfObject, init: number, at: string): void {
	const signature = signatureEntries(object).find((entry) => entry.symbol === init)?.signature;
	if (signature === undefined) return;
	const { parameters, result } = signatureTypes(signature);
	if (parameters.length === 0 && (result === "int" || result === "uint")) return;
	throw new LinkError(
		`${at}: '${INIT}' has no parameters and returns a number, and this one is ${signatureText(signature)}`,
	);
}
