// What hardware promises about instruction fetch. A model is a literal (models/): the unit that is fetched at once, and
// which event makes old bytes impossible. visibility.ts carries it out, one mechanism for all.

/** Nothing; cleaning and invalidating by address; `fence.i` or `imb` on every CPU concerned. */
export type Upkeep = "none" | "by-address" | "fence.i" | "imb";

/** What the CPUs of a real machine may still see of code and page tables after they changed, as data. */
export interface Model {
	readonly name: string;
	readonly brief: string;
	/** Where the claim comes from. */
	readonly source: string;
	/** Bytes, aligned, that a fetch takes at once: two units of one instruction are independent. 0: whole instructions,
	 * and nothing is ever stale. */
	readonly unit: 0 | 1 | 4 | 8;
	/** A CPU may keep and refetch old bytes until it is told otherwise (DIC = 0, or a coherent machine's promise withheld). */
	readonly caches: boolean;
	/** A store must be cleaned before fetches are sure to find it (IDC = 0). */
	readonly cleans: boolean;
	/** How old bytes leave the instruction caches: by every CPU's own SERIALIZE, or by a broadcast invalidation; then
	 * SERIALIZE only empties the queue. */
	readonly invalidates: "own" | "broadcast";
	/** A CPU may hold an instruction that it fetched long before it executes it, in order: its own SERIALIZE drops it, and so
	 * does executing one that was in flux itself. */
	readonly queue: boolean;
	/** What finds a line in the instruction cache: `virtual`, an address and its space, so that what a page was mapped to may be
	 * fetched until the CPU's own SERIALIZE, whatever its TLB says. Absent: the physical address. */
	readonly tag?: "virtual";
	/** What an operating system does there after it stored instructions of a program (runtime/patch/perform/cache-maintenance.ts). */
	readonly upkeep: Upkeep;
	/** Whether the way back from a trap to the program is an instruction barrier. Patching does not lean on it: CPUs that do
	 * not trap go no such way. */
	readonly returns: "barrier" | "plain";
	/** Stores wait in a buffer of the CPU, in order, until they drain at any time or at a FENCE; `until-serialize`: its
	 * SERIALIZE waits for them too. Absent: a store is everybody's at once. */
	readonly buffer?: "until-fence" | "until-serialize";
}
