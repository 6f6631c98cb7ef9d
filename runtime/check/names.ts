// What addresses are called in a counterexample: the labels that the scenario's program has, so that a step is read in the
// words it was written in.

import type { Image } from "../../linker/link/image.ts";

/** @returns what names an address by the last label at or before it: `slot`, `slot+2`; undefined where none reaches */
export function labelsOf({
	symbols,
	segments,
}: Pick<Image, "symbols" | "segments">): (address: number) => string | undefined {
	const inside = (address: number): boolean =>
		segments.some((one) => address >= one.address && address < one.address + one.memorySize);
	const labels = symbols.filter(({ address }) => inside(address)).sort((a, b) => a.address - b.address);
	return (address) => {
		const at = labels.findLastIndex((label) => label.address <= address);
		if (at < 0 || !inside(address)) return undefined;
		const last = labels[at]!;
		// Where one place has several names, the one with a size is what others call.
		const label = labels.find((one) => one.address === last.address && one.size > 0) ?? last;
		const offset = address - label.address;
		if (offset > 0 && label.size > 0 && offset >= label.size) return undefined;
		return offset === 0 ? label.name : `${label.name}+${offset}`;
	};
}

/** An instruction with the addresses in it named: `call 0x400010 <fifo>` becomes `call fifo`. */
export function withNames(text: string, name: (address: number) => string | undefined): string {
	return text
		.replace(/0x[0-9a-f]+ <([^>]+)>/g, "$1")
		.replace(/0x[0-9a-f]{5,8}\b/g, (digits) => name(Number(digits)) ?? digits);
}
