// What takes long is computed when it is first asked for, and kept.

/** What gives a value that is computed by the first call and kept. An error is not kept: the next call computes anew. */
export function once<T>(compute: () => T): () => T {
	let value: { readonly it: T } | undefined;
	return () => (value ??= { it: compute() }).it;
}
