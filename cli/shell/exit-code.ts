// How a command ended, for the shell.

export const ExitCode = {
	ok: 0,
	/** A violation was found, or the program trapped. */
	violation: 1,
	usage: 2,
	/** A source, object or image is wrong. */
	badInput: 3,
	/** A bound was reached before there was an answer. */
	bound: 4,
	/** Ctrl-C stopped it, and it said what it had. */
	stopped: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
