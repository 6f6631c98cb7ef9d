// What a file that Perfetto and Chrome open is made of.

/** An event of the Trace Event Format, as far as it is used here. */
export interface TraceEvent {
	readonly name: string;
	/** X a slice, i an instant, s and f the ends of an arrow, C a counter's value from here on, M a name of a lane. */
	readonly ph: "X" | "i" | "s" | "f" | "C" | "M";
	readonly pid: number;
	readonly tid: number;
	readonly ts: number;
	readonly dur?: number;
	readonly cat?: string;
	/** Which arrow. */
	readonly id?: number;
	/** `e`: the arrow ends at the slice around it. */
	readonly bp?: "e";
	/** How far an instant reaches: it belongs to its lane. */
	readonly s?: "t";
	readonly args?: Readonly<Record<string, unknown>>;
}

/** A trace has one process. */
export const PROCESS = 1;
