// Every lesson in a real browser, from first to last: a wrong answer is not taken, the right one is.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { everything } from "../extent.ts";
import { canBrowse, type Lab, openLab } from "./browser.ts";

describe.skipIf(!canBrowse || !everything)("the lessons", () => {
	let lab: Lab;
	beforeAll(async () => {
		lab = await openLab();
	});
	afterAll(async () => {
		await lab.close();
	});

	/** Asks whether the task is done, and waits for an answer with these words. */
	async function answered(page: Page, words: RegExp): Promise<void> {
		await page.getByRole("button", { name: "Is it done?" }).click();
		await page.locator(".judged", { hasText: words }).waitFor();
	}

	async function next(page: Page, title: string): Promise<void> {
		await page.getByRole("button", { name: "Next lesson" }).click();
		await page.getByRole("heading", { name: title }).waitFor();
	}

	/** Replaces a part of the scenario's text, and waits until the room knows it. */
	async function edited(page: Page, from: string, to: string): Promise<void> {
		const text = page.getByRole("textbox", { name: "The scenario as text" });
		const before = await text.inputValue();
		expect(before).toContain(from);
		await text.fill(before.replace(from, to));
	}

	const settled = (page: Page, word: string) => page.locator(`.verdict.${word}:not(.was)`).waitFor();
	const isFocused = (page: Page, of: string) => page.waitForFunction((one) => document.activeElement?.matches(one), of);

	test("are done by keyboard and mouse, one after the other", { timeout: 300_000 }, async () => {
		const page = await lab.open("#learn");
		await page.getByRole("heading", { name: "1. A call and its bytes" }).waitFor();
		await page.locator(".code .line").first().waitFor();
		await answered(page, /Not yet\. At step 0 .* call 0x[\da-f]+ <fifo>/);
		await page.keyboard.press("e");
		await page.getByText("The run ended: halted").waitFor();
		await answered(page, /Done\. .* e8( [\da-f]{2}){4}, which is: call 0x[\da-f]+ <deadline>/);

		await next(page, "2. Why not a pointer?");
		await isFocused(page, "#lesson");
		await answered(page, /Not yet\. Say your guess/);
		await page.getByLabel("How many percent longer").fill("20");
		await page.keyboard.press("Enter");
		await page.getByText("You guessed 20 % more.").waitFor();
		await answered(page, /Done\. You guessed 20 %\. It is [\d.]+ % with retpolines/);

		await next(page, "3. Patch it before it runs");
		await settled(page, "unsafe");
		await answered(page, /Not yet\. The verdict is: unsafe/);
		await edited(page, "# agent: copy site faster 8", "# agent: nop");
		await page.getByRole("alert").getByText("nop").waitFor();
		await edited(page, "# agent: nop", "# agent: copy site faster 8; start 0; start 1");
		await edited(page, "# cpu: 2 user", "# cpu: 2 user off");
		await settled(page, "safe");
		await answered(page, /Done\. The verdict is: safe/);

		await next(page, "4. Plain stores under a running CPU");
		await settled(page, "unsafe");
		await answered(page, /Not yet\. Step 1 is another one/);
		await page.locator(".steps").focus();
		await page.keyboard.press("ArrowDown");
		await page.keyboard.press("ArrowDown");
		await page.locator("#step2[aria-selected=true]").waitFor();
		await answered(page, /Done\. Step 3 is it: cpu\d fetches/);

		await next(page, "5. Breakpoint, tail, head");
		await settled(page, "safe");
		await answered(page, /Not yet\. The cards are not/);
		const syncs = page.locator(".card", { hasText: "sync serialize" });
		await syncs.nth(2).focus();
		await page.keyboard.press("Delete");
		await settled(page, "unsafe");
		await answered(page, /Not yet\. Without the one after "write head" .* Nothing is torn/);
		await page.getByLabel("Protocol", { exact: true }).selectOption("breakpoint");
		await settled(page, "safe");
		await syncs.nth(0).focus();
		await page.keyboard.press("Delete");
		await settled(page, "unsafe");
		await answered(page, /Done\. Without the one after "write breakpoint"/);

		await next(page, "6. Other machines");
		await settled(page, "unsafe");
		await answered(page, /Not yet\. On x86/);
		await page.getByRole("radio", { name: "inside 8 bytes" }).check();
		await page.getByRole("radio", { name: "ideal" }).check();
		await settled(page, "safe");
		await answered(page, /Not yet\. On ideal.* promises less/);
		await page.getByRole("radio", { name: "amd-quad" }).check();
		await answered(page, /Done\. On amd-quad/);

		await next(page, "7. Mapped before it is written");
		await settled(page, "unsafe");
		await edited(page, "copy text new 8; ", "");
		await answered(page, /Not yet\. The steps are not the same/);
		await edited(page, "# agent: ", "# agent: copy text new 8; ");
		await settled(page, "safe");
		await answered(page, /Done\. The verdict is: safe/);

		await next(page, "8. A probe out of line, and a migration");
		await settled(page, "unsafe");
		await edited(page, "# model: alpha", "# model: x86");
		await answered(page, /Not yet\. This is another machine/);
		await edited(page, "# model: x86", "# model: alpha");
		await edited(page, "# agent: exchange 0 1", "# agent: exchange 0 1 serialize");
		await settled(page, "safe");
		await answered(page, /Done\. The verdict is: safe/);
		expect(await page.getByRole("button", { name: "Next lesson" }).count()).toBe(0);
		expect(await page.locator(".learn nav li", { hasText: "✓" }).count()).toBe(8);
	});

	test("a link to a lesson opens it as it stood", async () => {
		const page = await lab.open("#learn");
		await page.getByRole("button", { name: "4. Plain stores" }).click();
		await settled(page, "unsafe");
		await page.locator(".step").nth(2).click();
		await page.getByRole("button", { name: "Share" }).click();
		await page.waitForFunction(() => location.hash.length > 20);
		const other = await lab.open(new URL(page.url()).hash);
		await other.getByRole("heading", { name: "4. Plain stores" }).waitFor();
		await settled(other, "unsafe");
		await answered(other, /Done\. Step 3/);
	});

	test("no page complained", () => {
		expect(lab.complaints).toEqual([]);
	});
});
