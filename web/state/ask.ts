// Questions to a worker, and their answers. A later question of the same kind replaces one that waits.

import type { RoleName } from "./worker.ts";

export interface Answer<T> {
	readonly id: number;
	/** More will come. */
	readonly progress?: unknown;
	readonly result?: T;
	readonly failed?: string;
}

export interface Asker {
	/** @param onProgress told while the worker is at it */
	ask<T>(question: object, onProgress?: (progress: never) => void): Promise<T>;
	stop(): void;
}

/** Starts a worker. */
export function startAsker(role: RoleName): Asker {
	const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
	worker.postMessage({ role });
	return askerOf(worker);
}

function askerOf(worker: Worker): Asker {
	const waiting = new Map<number, { done: (value: never) => void; fail: (error: Error) => void; progress: unknown }>();
	let last = 0;
	worker.addEventListener("message", ({ data }: MessageEvent<Answer<never>>) => {
		const one = waiting.get(data.id);
		if (one === undefined) return;
		if (data.progress !== undefined) {
			(one.progress as ((progress: unknown) => void) | undefined)?.(data.progress);
			return;
		}
		waiting.delete(data.id);
		if (data.failed === undefined) one.done(data.result as never);
		else one.fail(new Error(data.failed));
	});
	worker.addEventListener("error", ({ message }) => {
		for (const { fail } of waiting.values()) fail(new Error(message));
		waiting.clear();
	});
	return {
		ask: (question, progress) =>
			new Promise((done, fail) => {
				const id = ++last;
				waiting.set(id, { done, fail, progress });
				worker.postMessage({ id, ...question });
			}),
		stop: () => worker.terminate(),
	};
}
