// Memory as it will be: what was written to it here lies over what it holds.

import { hex } from "../../../linker/hex.ts";
import { readVirtual } from "../../machine/memory.ts";
import type { Machine } from "../../machine/state.ts";
import type { Edit } from "../plan/step.ts";

export interface Overlay {
	/** Undefined where nothing is mapped. */
	read(address: number, length: number): Uint8Array | undefined;
	write(address: number, bytes: Uint8Array): void;
	/** What was written, in ranges that do not overlap. */
	edits(): Edit[];
}

export function newOverlay(machine: Machine): Overlay {
	let pieces: Edit[] = [];
	const end = ({ address, bytes }: Pick<Edit, "address" | "bytes">): number => address + bytes.length;
	const read = (address: number, length: number): Uint8Array | undefined => {
		const bytes = readVirtual(machine, 0, address, length)?.slice();
		for (const piece of pieces) {
			const [from, to] = [Math.max(address, piece.address), Math.min(address + length, end(piece))];
			if (from < to) bytes?.set(piece.bytes.subarray(from - piece.address, to - piece.address), from - address);
		}
		return bytes;
	};
	const write = (address: number, bytes: Uint8Array): void => {
		const touched = pieces.filter((piece) => piece.address < address + bytes.length && end(piece) > address);
		const from = Math.min(address, ...touched.map((piece) => piece.address));
		const length = Math.max(address + bytes.length, ...touched.map(end)) - from;
		const joined = read(from, length);
		const old = readVirtual(machine, 0, from, length)?.slice();
		if (joined === undefined || old === undefined) throw new Error(`assert: ${hex(from)} is not mapped`);
		joined.set(bytes, address - from);
		pieces = [...pieces.filter((piece) => !touched.includes(piece)), { address: from, old, bytes: joined }];
	};
	return { read, write, edits: () => pieces };
}
