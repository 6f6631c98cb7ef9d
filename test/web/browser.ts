// A browser for the tests of the page: Debian's chromium, driven by playwright-core, on the page that was built. Where one of
// them is missing the tests are skipped, and say so.

import { existsSync } from "node:fs";
import type { Server } from "node:http";
import { type Browser, chromium, type Page } from "playwright-core";
import { serveLab } from "../../cli/lab/serve.ts";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];
const chrome = process.env.CHROMIUM ?? places.find((place) => existsSync(place));
const isBuilt = existsSync("dist/lab/index.html");

/** Whether the page can be tested here. */
export const canBrowse = chrome !== undefined && isBuilt;
if (!canBrowse)
	console.warn(
		`tests of the page are skipped: ${isBuilt ? "no chromium here" : "dist/lab is missing, npm run build makes it"}`,
	);

export interface Lab {
	/** What pages said that they should not have: errors, and what the policy refused. */
	readonly complaints: string[];
	open(fragment: string, options?: { width?: number; height?: number; scheme?: "light" | "dark" }): Promise<Page>;
	close(): Promise<void>;
}

export async function openLab(): Promise<Lab> {
	const { server, address } = await serveLab(0);
	const browser: Browser = await chromium.launch({ executablePath: chrome!, args: ["--no-sandbox"] });
	const complaints: string[] = [];
	return {
		complaints,
		async open(fragment, { width = 1440, height = 900, scheme = "light" } = {}) {
			const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme });
			page.setDefaultTimeout(60_000);
			page.on("pageerror", ({ message }) => complaints.push(message));
			page.on("console", (message) => {
				if (message.type() === "error") complaints.push(message.text());
			});
			await page.goto(address + fragment);
			return page;
		},
		async close() {
			await browser.close();
			await closed(server);
		},
	};
}

function closed(server: Server): Promise<void> {
	return new Promise((done) => {
		server.close(() => done());
		server.closeAllConnections();
	});
}
