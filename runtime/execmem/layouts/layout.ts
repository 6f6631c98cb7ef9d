// Layouts of the address space that modules are loaded into, one literal each, as they were proposed in the debate on
// executable memory (docs/debates.md). They say where pieces of each kind lie and on which pages, and touch no machine.

/** What a module is made of. `init` parts are freed when its init function has run. */
export const partNames = ["text", "rodata", "data", "initText", "initData"] as const;
export type PartName = (typeof partNames)[number];

/** A part of the address space, and how pieces are placed there. */
export interface Region {
	readonly holds: readonly PartName[];
	/** `near`: within reach of a direct call from the image and back. */
	readonly space: "near" | "far";
	/** The share of that space that is the region's: [0, 1] is all of it. Regions may share. */
	readonly share: readonly [from: number, to: number];
	readonly grows: "up" | "down";
	/** Bytes; pieces start and end at multiples of it. */
	readonly granularity: number;
	/** `large`: the region takes areas of 2 MiB, each mapped by one page, and cuts pieces from them. `small`: 4 KiB, for each
	 * piece its own. */
	readonly page: "large" | "small";
	/** True: the parts of a module that lie here are one run, which is freed as a whole, and a page without mapping follows. */
	readonly together: boolean;
	/** Whether pieces go to the far space when there is no room. */
	readonly orFar: boolean;
}

export interface Layout {
	readonly name: string;
	readonly brief: string;
	/** Who proposed it, and when. */
	readonly source: string;
	/** Each part is held by exactly one of them. */
	readonly regions: readonly Region[];
}

const all: readonly [number, number] = [0, 1];
const onPages = { granularity: 4096, page: "small", together: false, orFar: false } as const;
const inPools = { granularity: 64, page: "large", together: false, orFar: true } as const;

export const layouts: readonly Layout[] = [
	{
		name: "pages",
		brief: "each module one run of 4 KiB pages, its init parts another; a hole where they were",
		source: "module_alloc as it was; Gleixner, November 2022, describes it",
		regions: [
			{ ...onPages, holds: ["text", "rodata", "data"], space: "near", share: all, grows: "up", together: true },
			{ ...onPages, holds: ["initText", "initData"], space: "near", share: all, grows: "up", together: true },
		],
	},
	{
		name: "both-ends",
		brief: "one space: text from below, everything else from above",
		source: "Zijlstra, in the same discussion",
		regions: [
			{ ...onPages, holds: ["text", "initText"], space: "near", share: all, grows: "up" },
			{ ...onPages, holds: ["rodata", "data", "initData"], space: "near", share: all, grows: "down" },
		],
	},
	{
		name: "two-blocks",
		brief: "the space split in two: text on large pages, and data",
		source: "Gleixner, November 2022",
		regions: [
			{ ...inPools, holds: ["text", "initText"], space: "near", share: [0, 0.5], grows: "up", orFar: false },
			{ ...onPages, holds: ["rodata", "data", "initData"], space: "near", share: [0.5, 1], grows: "up" },
		],
	},
	{
		name: "three-blocks",
		brief: "the space split in three: text and data on large pages, constants on small ones",
		source: "Gleixner, November 2022, as the next step",
		regions: [
			{ ...inPools, holds: ["text", "initText"], space: "near", share: [0, 0.5], grows: "up", orFar: false },
			{ ...inPools, holds: ["data", "initData"], space: "near", share: [0.5, 0.8], grows: "up", orFar: false },
			{ ...onPages, holds: ["rodata"], space: "near", share: [0.8, 1], grows: "up" },
		],
	},
	{
		name: "pools",
		brief: "areas of 2 MiB per kind, given out in small pieces; data anywhere",
		source: "Liu, December 2022; what patchbay's own execmem does",
		regions: [
			{ ...inPools, holds: ["text", "initText"], space: "near", share: all, grows: "up" },
			{ ...inPools, holds: ["rodata"], space: "far", share: all, grows: "up" },
			{ ...inPools, holds: ["data", "initData"], space: "far", share: all, grows: "up" },
		],
	},
];

/** The layout with all data in the other space. */
export function withData(layout: Layout, space: Region["space"]): Layout {
	const isText = (part: PartName): boolean => part === "text" || part === "initText";
	const regions = layout.regions.flatMap((region) => {
		const [text, data] = [region.holds.filter(isText), region.holds.filter((part) => !isText(part))];
		const parts = [
			...(text.length > 0 ? [{ ...region, holds: text }] : []),
			...(data.length > 0 ? [{ ...region, holds: data, space }] : []),
		];
		return region.space === space ? [region] : parts;
	});
	return { ...layout, regions };
}
