// The symbols that a program gets with what is added: functions and variables, so that lists, debuggers and retargeting know
// them. All go behind the program's, where none may be local: what was local to its object is a hidden one.

import type { AppendedSymbol } from "../../elf/append.ts";
import { STB_GLOBAL, STB_LOCAL, STT_FILE, STT_OBJECT, STT_SECTION } from "../../elf/object.ts";
import { symbolName } from "../../elf/symbols.ts";
import { baseName } from "../../sites/wanted.ts";
import { indicesBy, type Part } from "./parts.ts";
import type { Program } from "./program.ts";

const STV_HIDDEN = 2;

/** @param sectionAt the section that an address of what is added is in */
export function newSymbols(
	{ object }: Program,
	parts: readonly Part[],
	sectionAt: (address: number) => number,
): AppendedSymbol[] {
	const known = new Set<string>();
	for (let i = 1; i < object.symbols.count; i++) known.add(baseName(symbolName(object.symbols, i)));
	const objects = new Set(parts.map((part) => part.object));
	const bySection = new Map(
		Array.from(objects, (each) => [each, indicesBy(each.symbols.count, (i) => each.symbols.section[i]!)]),
	);
	return parts
		.filter(({ room }) => room !== "eh_frame")
		.flatMap((part) => {
			const mine = bySection.get(part.object)!.get(part.section) ?? [];
			return symbolsOf(part, mine, known, sectionAt(part.address));
		});
}

/** @param mine indices of the symbols of its section */
function symbolsOf(part: Part, mine: readonly number[], known: Set<string>, newSection: number): AppendedSymbol[] {
	const { object, section, address, size } = part;
	const { symbols } = object;
	if (section === 0)
		return [
			{ name: part.name, info: (STB_GLOBAL << 4) | STT_OBJECT, other: 0, section: newSection, value: address, size },
		];
	const hasData = mine.some((i) => /^\$d(\.|$)/.test(symbolName(symbols, i)));
	const found: AppendedSymbol[] = [];
	for (const i of mine) {
		const [name, type, binding] = [symbolName(symbols, i), symbols.info[i]! & 15, symbols.info[i]! >> 4];
		const isMark = name.startsWith("$");
		if (name === "" || name.startsWith(".L") || type === STT_SECTION || type === STT_FILE) continue;
		if (isMark ? !hasData || part.room !== "text" : binding !== STB_LOCAL && known.has(name)) continue;
		const isLocal = binding === STB_LOCAL;
		const own = isLocal && !isMark && known.has(name) ? `${name}.${object.name.replace(/^.*\//, "")}` : name;
		known.add(own);
		found.push({
			name: own,
			info: isLocal ? (STB_GLOBAL << 4) | type : symbols.info[i]!,
			other: isLocal ? STV_HIDDEN : symbols.other[i]!,
			section: newSection,
			value: address + symbols.value[i]!,
			size: symbols.size[i]!,
		});
	}
	return found;
}
