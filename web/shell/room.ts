// A room of the lab: a view with a name in the link. A new room is a folder beside the others and a line in rooms.ts.

import type { ComponentType } from "preact";

export interface RoomProps {
	/** What the link says: plain JSON of a stranger, or undefined. */
	readonly state: unknown;
	/** Tells the shell what a link to what is shown now has to say. */
	link(state: unknown): void;
	/** Opens a room; the way back leads to what is shown now. */
	go(room: string, state: object): void;
}

export interface Room {
	/** For the list on `?`. */
	readonly keys: readonly (readonly [key: string, what: string])[];
	readonly View: ComponentType<RoomProps>;
}
