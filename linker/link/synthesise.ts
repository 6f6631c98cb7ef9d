// What the linker supplies itself: an object of its own with the stubs that are wanted and that nobody defined.

import {
	append,
	defineSymbol,
	finish,
	newObject,
	type ObjectBuilder,
	reference,
	relocate,
	SHN_ABS,
	STB_GLOBAL,
	STT_FUNC,
	section,
} from "../elf/index.ts";
import { startsWith } from "../elf/symbols.ts";
import { EM_TOY, encode, HostCall, R_TOY_CALL28, SP } from "../isa/index.ts";
import { ENTRIES_SECTION, KEY_PREFIX, RETURN, RETURN0, SITE_BYTES, TRACE_ENTRY, TRACE_RETURN } from "../sites/index.ts";
import { MODE_SYMBOL, type StaticCallMode, staticCallModes } from "./image.ts";
import { type Input, newInput } from "./inputs.ts";
import { idOf } from "./names.ts";
import { define, type Globals, isDefined, mention, refuseDuplicates } from "./resolve.ts";

/** The function that the linker supplies to call `main` and end the program. */
export const START = "_start";
/** Name of the linker's own object in messages and maps. */
export const SUPPLIED = "<supplied>";

/** What only a whole program needs; a module has neither. */
export interface Supply {
	readonly mode?: StaticCallMode;
	readonly entry?: string;
}

/** Requires: names resolved. After: `inputs` ends with the supplied object, its names are resolved too, and the stubs
 * that sites can be retargeted to exist wherever there are static calls. */
export function synthesise(inputs: Input[], globals: Globals, { mode, entry }: Supply): void {
	const builder = newObject(SUPPLIED, EM_TOY);
	const hasEntries = inputs.some(({ object }) => object.sections.some(({ name }) => name === ENTRIES_SECTION));
	const wanted = [
		...(hasStaticCalls(inputs, globals) ? [RETURN, RETURN0] : []),
		...(hasEntries ? [TRACE_ENTRY, TRACE_RETURN] : []),
	];
	for (const [name, define] of Object.entries(supplies)) {
		const id = idOf(globals.names, name);
		const missing = id < 0 ? wanted.includes(name) || name === entry : !isDefined(globals, id);
		if (missing) define(builder, name);
	}
	if (mode !== undefined) {
		const value = 1 + staticCallModes.indexOf(mode);
		defineSymbol(builder, MODE_SYMBOL, { section: SHN_ABS, value, binding: STB_GLOBAL });
	}
	inputs.push(newInput(finish(builder)));
	refuseDuplicates(globals, inputs, define(globals, inputs, inputs.length - 1));
	mention(globals, inputs.at(-1)!);
}

/** Whether anybody mentions a key. */
function hasStaticCalls(inputs: readonly Input[], { names }: Globals): boolean {
	for (let id = 0; id < names.count; id++) if (startsWith(names.names.bytes, names.start[id]!, prefix)) return true;
	return inputs.some(({ object: { symbols }, firstGlobal }) => {
		for (let i = 1; i < firstGlobal; i++) if (startsWith(symbols.strings, symbols.name[i]!, prefix)) return true;
		return false;
	});
}

const prefix = new TextEncoder().encode(KEY_PREFIX);

const supplies: Record<string, (builder: ObjectBuilder, name: string) => void> = {
	[RETURN0]: (builder, name) => addFunction(builder, name, [encode("ret0"), encode("ret")]),
	[RETURN]: (builder, name) => addFunction(builder, name, [encode("ret")]),
	/** A retpoline: speculation follows the pushed return address into the loop, execution the one stored over it. */
	__indirect_thunk_r14: (builder, name) => {
		const loop = [encode("nop"), encode("jmp", { imm: -(SITE_BYTES + 1) })];
		const call = encode("call", { imm: SITE_BYTES + 1 });
		addFunction(builder, name, [call, ...loop, encode("st", { a: 14, b: SP, imm: 0 }), encode("ret")]);
	},
	/** What the first instruction of a traced function calls: the host notes it. */
	[TRACE_ENTRY]: (builder, name) => {
		addFunction(builder, name, [encode("ecall", { imm: HostCall.traceEntry }), encode("ret")]);
	},
	/** Where a traced function returns to: the host puts the caller's address on the stack. */
	[TRACE_RETURN]: (builder, name) => {
		const push = encode("addi", { a: SP, b: SP, imm: -4 });
		addFunction(builder, name, [push, encode("ecall", { imm: HostCall.traceReturn }), encode("ret")]);
	},
	[START]: (builder, name) => {
		const at = addFunction(builder, name, [encode("call"), encode("hlt")]);
		relocate(text(builder), at + 1, R_TOY_CALL28, reference(builder, "main"), 1 - SITE_BYTES);
	},
};

function text(builder: ObjectBuilder) {
	return section(builder, ".text");
}

/** Returns its offset in the text. */
function addFunction(builder: ObjectBuilder, name: string, instructions: readonly Uint8Array[]): number {
	const value = text(builder).size;
	for (const bytes of instructions) append(text(builder), bytes);
	const size = text(builder).size - value;
	defineSymbol(builder, name, { section: text(builder), value, size, binding: STB_GLOBAL, type: STT_FUNC });
	return value;
}
