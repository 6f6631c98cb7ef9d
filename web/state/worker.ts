// The worker of every room: the first message says whose it is. One file for all, so that what the rooms share is loaded once.

export interface Role {
	/** Takes a question, which has a number, and posts its answer. */
	receive(question: never): void;
}

const roles = {
	run: (): Promise<Role> => import("../run/worker.ts"),
	check: (): Promise<Role> => import("../check/worker.ts"),
	look: (): Promise<Role> => import("../look/worker.ts"),
};
export type RoleName = keyof typeof roles;

let role: Promise<Role> | undefined;

addEventListener("message", ({ data }: MessageEvent<{ readonly role: RoleName } | { readonly id: number }>) => {
	if ("role" in data) role = roles[data.role]();
	else role?.then(({ receive }) => receive(data as never));
});
