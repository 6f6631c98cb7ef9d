// Random updates that leave what a program prints as it is, for storms: direct calls become calls through the trampoline and
// back, functions are replaced by equal ones, static keys choose another way to the same result, functions are traced.

import type { Image } from "../../linker/link/index.ts";
import { asIs, type Change, change } from "../../runtime/patch/index.ts";

/** Functions of a program that compute the same, by key. */
const equal: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
	chacha20: { permute: ["permuteCompact", "permuteUnrolled"] },
	sha256: { compress: ["compressPlain", "compressUnrolled"] },
	workers: { advance: ["shiftAndXor", "stepByStep"], look: ["ignore"], stop: ["never", "__static_call_return0"] },
};

/** Static keys of a program that change no result, and that it does not count. */
const harmless: Readonly<Record<string, readonly string[]>> = { collatz: ["remember"], "gcd-sums": ["halving"] };

/** One transaction over some of the keys and entries. @param name the program's */
export function gust(image: Image, name: string, below: (limit: number) => number): Change[] {
	const keys = (harmless[name] ?? []).filter(() => below(2) > 0);
	const functions = image.entries.filter(() => below(3) === 0).map(({ address }) => address);
	return [
		...retargets(image, name, below),
		...keys.map((key) => change(image, key, below(2) > 0 ? "on" : "off")),
		...(below(2) > 0 ? [{ functions, traced: below(3) > 0 }] : []),
	];
}

function retargets(image: Image, name: string, below: (limit: number) => number): Change[] {
	const chosen = image.keys.filter(() => below(3) > 0);
	return (chosen.length > 0 ? chosen : image.keys).map((key) => {
		const functions = equal[name]?.[key.name] ?? [];
		const route = below(2) === 0 ? "direct" : "trampoline";
		if (functions.length === 0 || below(3) === 0) return change(image, key.name, asIs, route);
		return change(image, key.name, functions[below(functions.length)]!, route);
	});
}
