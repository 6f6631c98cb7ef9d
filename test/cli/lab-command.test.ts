// The command that serves the page: to this machine alone, its own files alone.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { exportLab, serveLab } from "../../cli/lab/serve.ts";
import { cli } from "./command-line.ts";

describe.skipIf(!existsSync("dist/lab/index.html"))("patchbay lab", () => {
	test("serves the files of the page, and nothing else", async () => {
		const { server, address } = await serveLab(0);
		const { address: host, port } = server.address() as AddressInfo;
		expect(host).toBe("127.0.0.1");
		const page = await fetch(address);
		expect(page.headers.get("content-type")).toMatch("text/html");
		expect(await page.text()).toContain("Content-Security-Policy");
		for (const path of ["assets/none.js", "%2e%2e/cli/main.cjs", "..%2fcli%2fmain.cjs", "%00", "assets/", "%ff"])
			expect((await fetch(address + path)).status, path).toBe(404);
		expect(await raw(port, "GET /../cli/main.cjs HTTP/1.0\r\n\r\n")).toMatch(/^HTTP\/1\.1 404/);
		expect((await fetch(address, { method: "POST" })).status).toBe(405);
		server.close();
		server.closeAllConnections();
	});

	test("writes them into a folder", () => {
		const folder = mkdtempSync(join(tmpdir(), "patchbay-"));
		try {
			exportLab(join(folder, "site"));
			expect(existsSync(join(folder, "site", "index.html"))).toBe(true);
		} finally {
			rmSync(folder, { recursive: true });
		}
	});

	test("refuses a port that is none", async () => {
		const { code, err } = await cli("lab", "--port", "99999");
		expect(code).toBe(2);
		expect(err).toContain("--port 99999");
	});
});

/** What a server answers to bytes as they are: `fetch` tidies paths up. */
function raw(port: number, request: string): Promise<string> {
	return new Promise((done, fail) => {
		let answer = "";
		const socket = connect(port, "127.0.0.1", () => socket.write(request));
		socket.on("data", (data) => {
			answer += data;
		});
		socket.on("error", fail);
		socket.on("close", () => done(answer));
	});
}
