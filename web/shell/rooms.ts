// Every room, in the order of the navigation; each is loaded when it is first shown.

import type { Room } from "./room.ts";

export const rooms: Readonly<Record<string, { readonly title: string; readonly load: () => Promise<Room> }>> = {
	run: { title: "Run", load: async () => (await import("../run/room.tsx")).run },
	check: { title: "Check", load: async () => (await import("../check/room.tsx")).check },
	learn: { title: "Learn", load: async () => (await import("../learn/room.tsx")).learn },
	look: { title: "Look", load: async () => (await import("../look/room.tsx")).look },
};
