// The bytes of the image: one array per segment, in which its sections are views.

import { type Segment, SHF_WRITE, SHT_NOBITS } from "../elf/object.ts";
import { PAGE_SIZE } from "../elf/segments.ts";
import { LinkError } from "../errors.ts";
import { encode } from "../isa/index.ts";
import type { Input } from "./inputs.ts";
import { groupOf, isExecutable, isLoaded, type Output } from "./layout.ts";
import { THUNK_BYTES, thunkCode } from "./thunks.ts";

const LIMIT = 2 ** 30;

/** Requires: final layout. After: `data` of every output section holds the bytes of its parts, not yet relocated; gaps
 * in text trap. Returns what is to be loaded. @param group of sections that share a segment */
export function fillMemory(
	inputs: readonly Input[],
	outputs: readonly Output[],
	group: (output: Output) => string = groupOf,
): Segment[] {
	const segments = runs(outputs, group).map(allocate);
	for (const output of outputs) {
		if (!isLoaded(output)) output.data = new Uint8Array(output.size);
		if (output.type !== SHT_NOBITS) copyParts(inputs, output);
	}
	return segments.sort((a, b) => a.address - b.address);
}

/** Sections that lie behind each other, without whole pages between them, and are of one group. */
function runs(outputs: readonly Output[], group: (output: Output) => string): Output[][] {
	const all: Output[][] = [];
	for (const output of outputs) {
		if (!isLoaded(output) || output.size === 0) continue;
		const last = all.at(-1);
		const before = last?.at(-1);
		const joins = before !== undefined && before.start === undefined && output.start === undefined;
		const near = joins && output.address - (before.address + before.size) < PAGE_SIZE;
		if (near && group(before) === group(output)) last!.push(output);
		else all.push([output]);
	}
	return all;
}

function allocate(run: readonly Output[]): Segment {
	const { address, flags } = run[0]!;
	const stored = run.filter(({ type }) => type !== SHT_NOBITS);
	const end = ({ address, size }: Output) => address + size;
	const fileSize = stored.length === 0 ? 0 : end(stored.at(-1)!) - address;
	if (fileSize > LIMIT)
		throw new LinkError(`${run[0]!.name}: ${fileSize} bytes are more than the ${LIMIT} a segment may have`);
	const data = new Uint8Array(fileSize);
	const executable = isExecutable(run[0]!);
	if (executable) data.fill(encode("brk")[0]!);
	for (const output of stored) output.data = data.subarray(output.address - address, end(output) - address);
	return {
		address,
		memorySize: end(run.at(-1)!) - address,
		data,
		readable: true,
		writable: (flags & SHF_WRITE) !== 0,
		executable,
		align: PAGE_SIZE,
		fileOffset: 0,
	};
}

function copyParts(inputs: readonly Input[], output: Output): void {
	for (const { input, section, offset, size } of output.parts) {
		if (input >= 0) output.data.set(inputs[input]!.object.sections[section]!.data, offset);
		else for (let at = 0; at < size; at += THUNK_BYTES) output.data.set(thunkCode, offset + at);
	}
}
