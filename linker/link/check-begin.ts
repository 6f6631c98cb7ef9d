// Code at module level: somebody has to run it, or variables would not have the values that the source gives them.

import { startsWith } from "../elf/symbols.ts";
import { LinkError } from "../errors.ts";
import { BEGIN_PREFIX } from "../format/static-calls.ts";
import type { Input } from "./inputs.ts";

const prefix = new TextEncoder().encode(BEGIN_PREFIX);

/** Requires: names resolved.
 * @throws LinkError for an object that has code at module level which no call in any object leads to */
export function checkBegin(inputs: readonly Input[]): void {
	const begins = inputs.flatMap(({ object, ids, firstGlobal }) => {
		const { count, name, section, strings } = object.symbols;
		const own: { id: number; file: string }[] = [];
		for (let i = firstGlobal; i < count; i++)
			if (section[i] !== 0 && startsWith(strings, name[i]!, prefix)) own.push({ id: ids[i]!, file: object.name });
		return own;
	});
	if (begins.length === 0) return;
	const called = new Set(
		inputs.flatMap(({ object, ids, firstGlobal }) =>
			object.sections
				.filter(({ name }) => name === ".text" || name === ".init.text")
				.flatMap(({ relocations }) => Array.from(relocations?.symbol ?? []))
				.flatMap((symbol) => (symbol >= firstGlobal ? [ids[symbol]!] : [])),
		),
	);
	const left = begins.find(({ id }) => !called.has(id));
	if (left !== undefined)
		throw new LinkError(
			`${left.file}: it has code at module level, and nothing runs that: main does, of a module that imports it`,
		);
}
