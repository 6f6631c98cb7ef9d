// What an image leaves to be settled when it is loaded: paravirt operations with their calls, and alternatives.

import { LinkError } from "../errors.ts";
import { alternativeRow, operationCallRow } from "../format/rows.ts";
import { hex } from "../hex.ts";
import { alternatives, operationCalls, type Spot } from "../sites/load-tables.ts";
import { type Image, type ImageAlternative, type ImageOperation, type ImageOperationCall, wordAt } from "./image.ts";
import { isThere, type Part } from "./part.ts";
import type { Loaded, NamedKey } from "./static-calls.ts";

type LoadTables = Pick<Image, "operations" | "operationCalls" | "alternatives">;

/** @param found operations by symbol, sorted by address */
export function readLoadTables(parts: readonly Part[], found: readonly NamedKey[], memory: Loaded): LoadTables {
	const operations = found.map((each) => readOperation(memory, each));
	const index = new Map(found.map(({ address }, i) => [address, i]));
	return {
		operations,
		operationCalls: parts.flatMap((part) => readCalls(part, index)),
		alternatives: parts.flatMap(readAlternatives),
	};
}

function readOperation(memory: Loaded, { name, address, from }: NamedKey): ImageOperation {
	const initial = wordAt(memory, address);
	if (initial === undefined || address % 4 !== 0)
		throw new LinkError(`${from}: operation '${name}' at ${hex(address)} is not an aligned word`);
	return { name, address, initial };
}

function readCalls(part: Part, index: ReadonlyMap<number, number>): ImageOperationCall[] {
	return operationCalls(part.elf).flatMap((call) => {
		if (!isThere(part, part.elf.sections[call.section])) return [];
		const operation = index.get(part.elf.symbols.value[call.symbol]!);
		if (operation === undefined)
			throw new LinkError(`${part.elf.name}: operation '${call.operation}', which is called, is not there`);
		const { bytes, clobbers, done } = call;
		const flag = addressOf(part, call.row) + operationCallRow.fields.done.at;
		return { address: addressOf(part, call), bytes, clobbers, done, operation, flag };
	});
}

function readAlternatives(part: Part): ImageAlternative[] {
	return alternatives(part.elf).flatMap((each) => {
		if (!isThere(part, part.elf.sections[each.section])) return [];
		const { bytes, feature, wanted, done, replacementBytes } = each;
		const replacement = addressOf(part, each.replacement);
		const [address, flag] = [addressOf(part, each), addressOf(part, each.row) + alternativeRow.fields.done.at];
		return { address, bytes, feature, wanted, done, replacement, replacementBytes, flag };
	});
}

function addressOf({ elf }: Part, { section, offset }: Spot): number {
	return elf.sections[section]!.address + offset;
}
