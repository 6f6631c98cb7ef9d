// The page in a real browser: a protocol is edited and found out, a step is shared, a run goes back, strangers' links do nothing.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { deflateRawSync } from "node:zlib";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { everything } from "../extent.ts";
import { canBrowse, type Lab, openLab } from "./browser.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function violations(page: Page): Promise<string[]> {
	return page.evaluate(async (source) => {
		// biome-ignore lint/security/noGlobalEval: the test brings its own code, which the page may not
		const evaluate = eval;
		if (!("axe" in window)) evaluate(source);
		type Found = { id: string; nodes: { target: string[] }[] };
		const { violations } = await (window as unknown as { axe: { run(): Promise<{ violations: Found[] }> } }).axe.run();
		return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
	}, axe);
}

const verdict = (page: Page, word: string) => page.locator(`.verdict.${word}:not(.was)`);
const packed = (text: string): string => deflateRawSync(text).toString("base64url");

/** Most of the tests take a browser for long; `npm test` looks whether the page works at all. */
const further = test.runIf(everything);

describe.skipIf(!canBrowse)("the lab", () => {
	let lab: Lab;
	beforeAll(async () => {
		lab = await openLab();
	});
	afterAll(async () => {
		await lab.close();
	});

	further("a card is removed by keyboard, the verdict changes, and the torn step is shared", async () => {
		const page = await lab.open("#check");
		await verdict(page, "safe").waitFor();
		await page.locator(".card", { hasText: "sync serialize" }).nth(1).focus();
		await page.keyboard.press("Delete");
		await verdict(page, "unsafe").waitFor();
		expect(await page.locator(".step.broken").textContent()).toContain("torn");
		expect(await page.locator(".cut.torn").count()).toBe(1);
		const last = (await page.locator(".step").count()) - 1;
		await page.locator(".steps").focus();
		await page.keyboard.press("ArrowUp");
		await page.keyboard.press("ArrowUp");
		const selected = page.locator(`#step${last - 2}[aria-selected=true]`);
		await selected.waitFor();
		const step = await selected.textContent();
		await page.getByRole("button", { name: "Share" }).click();
		await page.waitForFunction(() => location.hash.length > 20);
		const { hash } = new URL(page.url());
		expect(hash.length).toBeLessThan(1000);
		const other = await lab.open(hash);
		await verdict(other, "unsafe").waitFor();
		expect(await other.locator(".step[aria-selected=true]").textContent()).toBe(step);
	});

	further("cards change places by keyboard, and say so", async () => {
		const page = await lab.open("#check");
		await verdict(page, "safe").waitFor();
		await page.locator(".card").nth(1).focus();
		await page.keyboard.press("Alt+ArrowRight");
		await page.getByText("write breakpoint is now 3 of 8").waitFor();
		expect(await page.locator(".card").nth(2).textContent()).toBe("write breakpoint");
	});

	further(
		"who clicks a step of a counterexample stands there in Run, steps on and back, and finds the way back",
		async () => {
			const page = await lab.open("#check");
			await verdict(page, "safe").waitFor();
			await page.locator(".card", { hasText: "sync serialize" }).nth(1).focus();
			await page.keyboard.press("Delete");
			await verdict(page, "unsafe").waitFor();
			const cells = page.locator(".cells .bytes").first().locator(".cell");
			const held = (await cells.allTextContents()).map((cell) => cell.slice(0, 2));
			await page.locator(".steps").focus();
			await page.keyboard.press("Enter");
			await page.getByText("A way of Check: unsafe").waitFor();
			const last = (await page.locator(".story li").count()) - 1;
			expect(await page.locator(".story li").nth(last).textContent()).toContain("store");
			const site = page.locator(".code .line.site .hex span");
			expect((await site.allTextContents()).map((cell) => cell.slice(0, 2))).toEqual(held);
			const before = await placeAfter(page, 0);
			await page.keyboard.press("s");
			await standsAt(page, before + 1);
			await page.keyboard.press("g");
			await standsAt(page, 0);
			expect((await site.allTextContents()).map((cell) => cell.slice(0, 2))).not.toEqual(held);
			await page.goBack();
			await verdict(page, "unsafe").waitFor();
			expect(await page.locator(".card").count()).toBe(7);
		},
	);

	further("text and cards of a scenario are one thing", async () => {
		const page = await lab.open("#check");
		await verdict(page, "safe").waitFor();
		await page.getByText("The scenario as text").click();
		const text = page.getByRole("textbox", { name: "The scenario as text" });
		expect(await text.inputValue()).toContain("# poke: site = deadline by breakpoint\n");
		await text.fill((await text.inputValue()).replace("by breakpoint", "by write whole; sync serialize"));
		await verdict(page, "unsafe").waitFor();
		expect(await page.locator(".card").allTextContents()).toEqual(["write whole", "sync serialize"]);
		await page.locator(".card").first().focus();
		await page.keyboard.press("Alt+ArrowRight");
		await page.getByText("write whole is now 2 of 2").waitFor();
		expect(await text.inputValue()).toContain("by sync serialize; write whole\n");
		await text.fill((await text.inputValue()).replace("# model: x86", "# model: nobody"));
		await page.getByRole("alert").getByText("no model 'nobody'").waitFor();
	});

	further("letters say on which machines a card is needed", async () => {
		const page = await lab.open(`#check/1.${packed(JSON.stringify({ cpus: 1 }))}`);
		await verdict(page, "safe").waitFor();
		const head = page.locator(".rail li", { hasText: "write head" });
		await head.locator(".letters .needed[title^=x86]").waitFor();
		const second = page.locator(".rail li", { hasText: "sync serialize" }).nth(1);
		await second.locator(".letters .needed[title^='x86: needed: broken: no CPU']").waitFor();
		await second.locator(".letters .not-needed[title^=ideal]").waitFor();
	});

	further("two machines are compared, and step together", async () => {
		const page = await lab.open("#check");
		await verdict(page, "safe").waitFor();
		await page.getByLabel("compare").check();
		const right = page.getByRole("region", { name: "Compared with" });
		await right.locator(".verdict.safe:not(.was)").waitFor();
		await right.locator(".card", { hasText: "sync serialize" }).nth(1).focus();
		await page.keyboard.press("Delete");
		await right.locator(".verdict.unsafe:not(.was)").waitFor();
		expect(await page.locator(".two .step.parts").count()).toBe(2);
		await right.locator(".step").nth(3).click();
		await page.locator("#left-step3[aria-selected=true]").waitFor();
		await right.getByLabel("Machine to compare with").selectOption("ideal");
		await right.locator(".verdict.safe:not(.was)").waitFor();
	});

	further("two patchers without a lock are found out", async () => {
		const page = await lab.open(`#check/1.${packed(JSON.stringify({ cpus: 1, model: "amd-quad" }))}`);
		await verdict(page, "safe").waitFor();
		await page.getByLabel("second patcher").check();
		await page.locator(".heads", { hasText: "patcher1" }).waitFor({ state: "attached" });
		await verdict(page, "safe").waitFor();
		await page.getByLabel("without lock").check();
		await verdict(page, "unsafe").waitFor();
	});

	/** Where a run stands, when it has come to a place other than this one. */
	async function placeAfter(page: Page, before: number): Promise<number> {
		const now = await page.waitForFunction((before) => {
			const [, digits] = /^step ([\d,]+)/.exec(document.querySelector(".bar output")!.textContent!) ?? [];
			const place = Number(digits?.replaceAll(",", ""));
			return digits !== undefined && place !== before ? { place } : undefined;
		}, before);
		return (await now.jsonValue())!.place;
	}

	const standsAt = (page: Page, place: number) =>
		page.locator(".bar output", { hasText: new RegExp(`^step ${place.toLocaleString("en")}( |$)`) }).waitFor();

	further("a run goes to its end and back to the same place", async () => {
		const page = await lab.open("#run");
		await standsAt(page, 0);
		await page.locator(".code .line").first().waitFor();
		const stood = async () => [await page.locator(".cpus").textContent(), await page.locator(".code").textContent()];
		await page.keyboard.press("t");
		const trap = await placeAfter(page, 0);
		// Three quick presses are three steps, although none waits for the answer to the one before.
		await page.evaluate(() => {
			for (let i = 0; i < 3; i++) dispatchEvent(new KeyboardEvent("keydown", { key: "b" }));
		});
		await standsAt(page, trap - 3);
		const state = await stood();
		await page.keyboard.press("e");
		await page.getByText("The run ended: halted").waitFor();
		expect(await page.locator(".output pre").textContent()).toBe("3\n7");
		await page.locator(".slider").evaluate((slider: HTMLInputElement, value) => {
			slider.value = String(value);
			slider.dispatchEvent(new Event("change", { bubbles: true }));
		}, trap - 3);
		await standsAt(page, trap - 3);
		expect(await stood()).toEqual(state);
	});

	further("keys are answered in order, also behind a long way", async () => {
		const page = await lab.open("#run");
		await standsAt(page, 0);
		await page.locator(".code .line").first().waitFor();
		await page.keyboard.press("t");
		const trap = await placeAfter(page, 0);
		await page.keyboard.press("g");
		await standsAt(page, 0);
		await page.evaluate(() => {
			for (const key of "ssstbbsb") dispatchEvent(new KeyboardEvent("keydown", { key }));
		});
		await standsAt(page, trap - 2);
	});

	further("a run goes to an instruction that is clicked, with bad luck and without", async () => {
		const page = await lab.open("#run");
		await standsAt(page, 0);
		const line = page.locator(".code .line", { hasText: "ecall" }).first();
		const address = await line.locator(".address").textContent();
		await page.getByRole("button", { name: `Run to ${address}` }).click();
		await page.locator(".code .line.here", { hasText: address! }).waitFor();
		await placeAfter(page, 0);
		await page.getByRole("button", { name: "be unlucky" }).click();
		await standsAt(page, 0);
		expect(await page.getByLabel("Fetches").inputValue()).toBe("stale");
		await page.keyboard.press("e");
		await page.getByText("The run ended: halted").waitFor();
		expect(await page.locator(".output pre").textContent()).toBe("3\n7");
	});

	test("a mistake is told with its line", async () => {
		const own = "export function main() {\n\tprint(nobody);\n}\n";
		const page = await lab.open(`#run/1.${packed(JSON.stringify({ own }))}`);
		const alert = page.getByRole("alert");
		await alert.waitFor();
		expect(await alert.textContent()).toMatch(/^line 2: /);
	});

	further.each([
		["a bomb", `#check/1.${packed(JSON.stringify("0".repeat(40_000_000)))}`, "unpacks to too much"],
		["of another version", "#check/9.abc", "version 9"],
		["damaged", "#check/1.abc", "damaged"],
	])("a link that is %s does nothing but say so", async (_, fragment, words) => {
		const page = await lab.open(fragment);
		await page.getByText(words).waitFor();
		await verdict(page, "safe").waitFor();
	});

	further("a link with fields of other types and beyond their bounds opens the default", async () => {
		const state = { phases: ["rm -rf"], cpus: 1e9, model: { x: 1 }, kind: "__proto__", step: -4, placement: null };
		const page = await lab.open(`#check/1.${packed(JSON.stringify(state))}`);
		await page.locator(".verdict:not(.was)").first().waitFor();
		expect(await page.locator(".card").count()).toBe(8);
		expect(await page.locator(".scenario input[type=number]").inputValue()).toBe("3");
	});

	further.each([
		["run", "light", 1440],
		["run", "dark", 360],
		["check", "light", 360],
		["check", "dark", 1440],
		["learn", "light", 360],
		["learn", "dark", 1440],
		["look", "light", 360],
		["look", "dark", 1440],
	] as const)("%s in %s at %i is accessible, and does not scroll sideways", async (room, scheme, width) => {
		const page = await lab.open(`#${room}`, { scheme, width });
		const running = [".code .line", ".cm-content"];
		const parts = {
			run: running,
			learn: running,
			check: [".verdict:not(.was)", ".step"],
			look: [".chart .bar"],
		};
		for (const part of parts[room]) await page.locator(part).first().waitFor();
		expect(await violations(page)).toEqual([]);
		expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
	});

	test("no page complained", () => {
		expect(lab.complaints).toEqual([]);
	});
});
