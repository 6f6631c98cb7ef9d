import type { Room } from "../shell/room.ts";
export const run: Room = { View: () => <p class="wait">Soon.</p>, keys: [] };
