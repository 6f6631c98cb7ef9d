// Serves the files of the lab page to this machine's browsers, and writes them to a folder for any other host.

import { cpSync, existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize, sep } from "node:path";
import { packageRoot } from "../shell/package-root.ts";

const types: Readonly<Record<string, string>> = {
	".html": "text/html; charset=utf-8",
	".js": "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
	".txt": "text/plain; charset=utf-8",
};

/** The folder of the page's files. @throws Error where the package was not built */
export function labFolder(): string {
	const folder = join(packageRoot(), "dist", "lab");
	if (!existsSync(join(folder, "index.html"))) throw new Error(`${folder} is missing: npm run build makes it`);
	return folder;
}

/** Listens on 127.0.0.1 alone. @param port 0: any that is free @returns the server and the page's address */
export async function serveLab(port: number): Promise<{ readonly server: Server; readonly address: string }> {
	const folder = labFolder();
	const server = createServer(({ method, url = "/" }, response) => {
		const path = pathOf(folder, url);
		const isRead = method === "GET" || method === "HEAD";
		if (!isRead || path === undefined || !existsSync(path)) {
			response.writeHead(isRead ? 404 : 405).end();
			return;
		}
		response.writeHead(200, {
			"content-type": types[extname(path)] ?? "application/octet-stream",
			"cache-control": "no-cache",
			"x-content-type-options": "nosniff",
		});
		response.end(method === "HEAD" ? undefined : readFileSync(path));
	});
	await new Promise<void>((done, fail) => {
		server.once("error", fail);
		server.listen(port, "127.0.0.1", done);
	});
	return { server, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

/** The file that a request names; undefined where it would leave the folder or is no file name. */
function pathOf(folder: string, url: string): string | undefined {
	let name: string;
	try {
		name = decodeURIComponent(url.split(/[?#]/)[0]!);
	} catch {
		return undefined;
	}
	const path = normalize(join(folder, name.endsWith("/") ? `${name}index.html` : name));
	return path.startsWith(folder + sep) && extname(path) !== "" ? path : undefined;
}

/** Copies the page's files into a folder. */
export function exportLab(to: string): void {
	cpSync(labFolder(), to, { recursive: true });
}
