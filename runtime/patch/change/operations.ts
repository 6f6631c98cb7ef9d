// Paravirt operations as parts of an update: what one is set to before its calls are settled, and whether a function
// keeps the registers that the operation's callers count on.

import { SAVER_PREFIX } from "../../../linker/format/static-calls.ts";
import { hex } from "../../../linker/hex.ts";
import { type Clobbers, clobberedBy, decode, registerName } from "../../../linker/isa/index.ts";
import type { Image, ImageOperation } from "../../../linker/link/image.ts";
import { readVirtual } from "../../machine/memory.ts";
import { permits } from "../../machine/page-table.ts";
import type { System } from "../system.ts";
import { unlike } from "./call-sites.ts";
import type { OperationSet } from "./change.ts";
import { changedBy } from "./function-code.ts";
import { newOverlay, type Overlay } from "./overlay.ts";
import { type PlannedChange, type Refusal, wordEdit } from "./planned-change.ts";
import { word } from "./slots.ts";

/** The word. A function that changes too much is called by way of the one that saves registers around it. */
export function planSet(system: System, { operation: address, to: wanted }: OperationSet): PlannedChange | Refusal {
	const { image, machine } = system;
	const index = image.operations.findIndex((each) => each.address === address);
	const operation = image.operations[index];
	if (operation === undefined) return { refused: `no operation at ${hex(address)}` };
	const { name } = operation;
	const now = word(system, address);
	const to = wanted ?? word(system, address + 4);
	const entry = to === 0 ? 0 : entryOf(system, operation, to);
	if (typeof entry === "object") return entry;
	const part = { name, words: [wordEdit(address, now, entry)], edits: [] };
	if (entry === now) return part;
	if (entry !== 0 && !permits(machine, 0, entry, "x"))
		return { refused: `'${name}' cannot call ${hex(entry)}: it is not in executable memory` };
	const settled = image.operationCalls.some((call) => call.operation === index && isDone(system, call));
	return settled ? { refused: `the calls of '${name}' were settled before the start` } : part;
}

/** The function, or the one that saves registers around it. */
function entryOf(system: System, operation: ImageOperation, to: number): number | Refusal {
	const { image } = system;
	const misfit = unlike(image, operation.name, image.signatureOf(operation.address), to);
	if (misfit !== undefined) return { refused: misfit };
	const text = newOverlay(system.machine);
	const broken = brokenBy(image, text, operation, to);
	const saver = broken === undefined ? undefined : saverOf(system, to);
	if (broken === undefined) return to;
	return saver ?? { refused: `${broken}: compile it with also: [${image.symbolize(to)}]` };
}

function saverOf({ image, machine }: System, to: number): number | undefined {
	const name = image.symbolAt(to)?.name;
	const savers = image.symbols.filter((symbol) => symbol.name === SAVER_PREFIX + name);
	const calls = ({ address, size }: { address: number; size: number }): boolean => {
		const bytes = readVirtual(machine, 0, address, size)!;
		for (let at = 0; at < size; ) {
			const { row, imm, length } = decode(bytes, at)!;
			at += length;
			if (row.flow === "call") return address + at + imm === to;
		}
		return false;
	};
	return savers.find(calls)?.address;
}

/** Why a function cannot be called where the operation is: it changes what some caller counts on. */
export function brokenBy(image: Image, text: Overlay, operation: ImageOperation, to: number): string | undefined {
	const calls = image.operationCalls.filter((call) => image.operations[call.operation] === operation);
	const kinds = new Set(calls.map(({ clobbers }) => clobbers).filter((kind) => kind !== "all"));
	if (kinds.size === 0) return undefined;
	const changed = changedBy(image, text, to);
	for (const kind of kinds) {
		const broken = [...changed].filter((register) => !clobberedBy(kind).includes(register)).sort((a, b) => a - b);
		if (broken.length === 0) continue;
		const registers = broken.map(registerName).join(", ");
		return `calls of '${operation.name}' may change ${allowance[kind]}, and '${image.symbolize(to)}' changes ${registers}`;
	}
	return undefined;
}

const allowance: Record<Clobbers, string> = { none: "nothing", result: "the result alone", all: "all that calls may" };

/** Whether a row of a load table was carried out. */
export function isDone({ machine }: System, { flag }: { readonly flag: number }): boolean {
	return readVirtual(machine, 0, flag, 1)?.[0] !== 0;
}
