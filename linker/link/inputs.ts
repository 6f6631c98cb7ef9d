// The objects of a link, and what the passes learn about each: plain columns beside the object, which stays as it is.

import { firstGlobal } from "../elf/edit.ts";
import { type ElfObject, ET_REL, SHF_TLS, SHN_COMMON, SHN_UNDEF } from "../elf/object.ts";
import { symbolName } from "../elf/symbols.ts";
import { LinkError } from "../errors.ts";
import { hex } from "../hex.ts";
import { EM_TOY } from "../isa/index.ts";

/** An object of a link, with a column for each thing that a pass finds out about its sections or symbols. */
export interface Input {
	readonly object: ElfObject;
	/** Its symbols are known and absolute, and that is all: nothing of it becomes part of what is linked. */
	readonly foreign: boolean;
	/** Symbols below are local. */
	readonly firstGlobal: number;
	/** Per symbol: the id of a global one in `Globals`. Filled by resolve. */
	readonly ids: Uint32Array;
	/** Per section: its address, or offset in its output section where that is not loaded. Filled by layout. */
	readonly bases: Float64Array;
	/** Per section: index of its output section, or -1 when it goes nowhere. Filled by layout. */
	readonly outputs: Int32Array;
	/** Per section: index of the thunk block that its calls use, or -1. Filled by thunks. */
	readonly blocks: Int32Array;
	/** Per local symbol: index in the image's symbol table. Filled by emit-symbols. */
	readonly locals: Uint32Array;
}

/** LinkError for what cannot be linked at all. */
export function checkLinkable({ name, machine, type, symbols, sections }: ElfObject): void {
	if (machine !== EM_TOY) throw new LinkError(`${name}: is for machine ${hex(machine)}, not the toy`);
	if (type !== ET_REL) throw new LinkError(`${name}: is not relocatable, so it cannot be linked again`);
	const threadLocal = sections.find(({ flags }) => (flags & SHF_TLS) !== 0);
	if (threadLocal !== undefined)
		throw new LinkError(`${name}:(${threadLocal.name}): thread-local data is not supported`);
	const common = symbols.section.indexOf(SHN_COMMON);
	if (common < 0) return;
	throw new LinkError(`${name}: '${symbolName(symbols, common)}' is a common symbol; define it in .bss instead`);
}

/** An input of which nothing is known yet.
 * @param foreign whether only its symbols count: it is linked already */
export function newInput(object: ElfObject, foreign = false): Input {
	const border = firstGlobal(object.symbols);
	return {
		object,
		foreign,
		firstGlobal: border,
		ids: new Uint32Array(object.symbols.count),
		bases: new Float64Array(object.sections.length),
		outputs: new Int32Array(object.sections.length).fill(-1),
		blocks: new Int32Array(object.sections.length).fill(-1),
		locals: new Uint32Array(border),
	};
}

/** Where a symbol that the input defines lies, once sections have addresses. */
export function addressOf({ object, bases }: Input, symbol: number): number {
	const section = object.symbols.section[symbol]!;
	return (section < bases.length ? bases[section]! : 0) + object.symbols.value[symbol]!;
}

/** Puts the address of every symbol of the input into `into`; undefined ones are at 0. */
export function symbolAddresses(input: Input, globalAddress: Float64Array, into: Float64Array): void {
	const { object, firstGlobal, ids } = input;
	const { section, count } = object.symbols;
	for (let i = 0; i < firstGlobal; i++) into[i] = section[i] === SHN_UNDEF ? 0 : addressOf(input, i);
	for (let i = firstGlobal; i < count; i++) into[i] = globalAddress[ids[i]!]!;
}
