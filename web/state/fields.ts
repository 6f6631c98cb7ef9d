// Reads the fields of a state that came with a link: each by its type and its bounds, or the default.

export interface Fields {
	text(name: string, fallback: string, most?: number): string;
	/** A whole number of an interval. */
	number(name: string, fallback: number, least: number, most: number): number;
	has(name: string): boolean;
	/** Whether it is true. */
	flag(name: string): boolean;
	oneOf<T extends string>(name: string, known: readonly T[], fallback: T): T;
	/** A list of texts that are all known. */
	list<T extends string>(name: string, known: readonly T[], fallback: readonly T[], most?: number): readonly T[];
}

/** Source that a link may bring. */
const MOST_SOURCE = 64 * 1024;

export function fieldsOf(state: unknown): Fields {
	const get = (name: string): unknown =>
		typeof state === "object" && state !== null && Object.hasOwn(state, name)
			? (state as Record<string, unknown>)[name]
			: undefined;
	return {
		text(name, fallback, most = MOST_SOURCE) {
			const value = get(name);
			return typeof value === "string" && value.length <= most ? value : fallback;
		},
		number(name, fallback, least, most) {
			const value = get(name);
			return Number.isInteger(value) ? Math.min(most, Math.max(least, value as number)) : fallback;
		},
		has: (name) => get(name) !== undefined,
		flag: (name) => get(name) === true,
		oneOf(name, known, fallback) {
			return known.find((one) => one === get(name)) ?? fallback;
		},
		list(name, known, fallback, most = 64) {
			const value = get(name);
			if (!Array.isArray(value) || value.length > most) return fallback;
			const all = value.map((one) => known.find((each) => each === one));
			return all.every((one) => one !== undefined) ? all : fallback;
		},
	};
}
