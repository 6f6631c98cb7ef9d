// Links that were given out go on working, what a link shows can be embedded, and pictures can be taken along.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { everything } from "../extent.ts";
import { canBrowse, type Lab, openLab } from "./browser.ts";

/** Links as they were given out once. They are never changed here: what they show is. */
const links = [
	{
		what: "a step of a counterexample, of the first links",
		fragment:
			"#check/1.bYzBCgIxDAV_ZXnnnhRE-iviITbBDZt2S1NRV_x36WVPHgdm5oM6k4sjXkAtI-DZtMt0a0JLXbV0BPi7pMmlKZlusjud1HaYhfifyurjew1YtDAiEtmoqlGSLKUjwnsjZtNyR0CqD0c8BOSVxRDxOp_GuEtFPH5_",
		part: "#step3[aria-selected=true]",
		words: "interrupt",
	},
	{
		what: "a place in a run, of the first links",
		fragment:
			"#run/1.FchBCoMwEEDRu_z1LFqRUuYq4iLGESXqhCSFQundxbd8P85wGEreYkLIxZtH31GmYiFl386GcPhsd37fL4TFWlxRlmJ1RYj5U9FOqGYz-hRCQ_uHEGq6Zxj_Fw",
		part: ".bar output",
		words: "step 40",
	},
	{
		what: "a program of one's own at its end, of the first links",
		fragment:
			"#run/1.NYvBasMwEER_ZZlTQgSNoYSifEqVg6KssXC1K6Q1STH-9xJD5zS8ebNCnwKPXKo2o5Vqy2K00di0UECNlqZ7_P3ourTEAdcg_NrdcZFkWYVKzHI40hok2H4_fA50ouF4DbIFgYPEwvCoOc1wqE1Nk_7A4944zlWzGByKPvgNX18XOIxsaYLH2LhPcEh16fCDQ2d-7CUa_HD-j0Ps83v5vm1_",
		part: ".output pre",
		words: "42",
	},
	{
		what: "a lesson by its number, of the first links",
		fragment:
			"#learn/1.HcxNCsIwEIDRq8i3zqoLkbmKuAjNYIOTHzKRCqV3F_oO8A5M3VtFlsBorSAHfYuujjzZR55627dmyivwyTUhrNGMQLe4atE6EXyOmJLl-iaw9q9fYWlJDeH3uBPwqR1ZzvMP",
		part: "#lesson",
		words: "Plain stores under a running CPU",
	},
	{
		what: "a scenario as text",
		fragment:
			"#check/1.bY_RCsIwDEV_JdTXKfjmKoIf0pdui7PaJXXNqFP8d-nUCeJb7j03l-SuBK-itFpAxw16DbZrlpfBNoYWUIdBwxpq6z322Qh8Rg3RCcIOJDFUI6Q-y3Rkj1uII9UQsXfWuxsaMrJqPVfWv0sKYMIir05MxoAz2R8GqsUxfdEU_uNL4l_fetcSbAy96rShfKY2knUuyqlTF-ZvmDLtUQxJ4s-oChUFg9JlWZaPJw",
		part: ".verdict.safe:not(.was)",
		words: "safe",
	},
	{
		what: "two machines beside each other",
		fragment:
			"#check/1.pY-7CgIxEEV_Zbl1KguR_IpYjMlghs2LTMTHsv8uKdxKsbC83AfnLqiBlBX2CGoJBrcmnadzY5prkdxhoI_sJuUmFOXJW6aTxE0EJv8p6kXH7slgluxh4SiOVo3kOHHusNDeyPso-QIDV68KuzNIxXOExf2wh0HpgRvs8j_vF_f3gTfQkOv6Ag",
		part: ".other .verdict:not(.was)",
		words: "states",
	},
	{
		what: "a machine that stands on the way of a verdict",
		fragment:
			"#run/1.bY07CsMwEAWvYl6tKkUwukpIsZGWePFKFtoN-Rjf3bhxlXJg5r0V5lQz4oo2kbEh3kC9IODdxXl4dKa5LVIdAfataTDuQio_Ph0n0RMmpvxPzWLH7j1gluMQifSomlLiwtURYd4pZ5X6REBqL0O8BJQlsyLiM16xBZAjjtsO",
		part: ".bar output",
		words: "step 8",
	},
	{
		what: "a lesson by its name",
		fragment:
			"#learn/1.FcoxDsIwDAXQq1R_Dgujr4IYrMQiFo4T4lYVVL076pvfAZOI7iA0zlVdAgmz9wY6MCqHBOiBfeoqy167CRLi63kJmcqmP8EzofUiBgK3cvtsXJDwVi8gZDZDwjDO0sTXK5m-XK6Txxag-3n-AQ",
		part: "#lesson",
		words: "Other machines",
	},
	{
		what: "a trace with zoom",
		fragment:
			"#look/1.JcgxDoAgDAXQu_yZgTj2NthUJIglpSwa726i28u7wXsyB8EtsSCgm2ZLDYReuP7hynqAsJqk2rWcjgDuc4CWgEu1fThkc1AMyFPGAMXnBQ",
		part: ".trace",
		words: "patcher0",
	},
];

describe.skipIf(!canBrowse || !everything)("links", () => {
	let lab: Lab;
	beforeAll(async () => {
		lab = await openLab();
	});
	afterAll(async () => {
		await lab.close();
	});

	test("show what they showed", async () => {
		for (const { fragment, part, words } of links) {
			const page = await lab.open(fragment);
			await page.locator(part, { hasText: words }).first().waitFor();
			expect(fragment.length).toBeLessThan(8192);
			await page.close();
		}
	});

	test("are embedded with one view, which leads to the whole page", async () => {
		const page = await lab.open("#check");
		await page.locator(".verdict.safe:not(.was)").waitFor();
		await page.getByRole("button", { name: "Embed" }).click();
		await page.getByLabel("What to show").selectOption("way");
		const html = await page.getByLabel("HTML of the frame").inputValue();
		const [, query] = /<iframe src="[^"?#]*([?][^"]*)"/.exec(html)!;
		const frame = await lab.open(query!);
		await frame.locator(".verdict.safe:not(.was)").waitFor();
		for (const part of [".top", ".scenario", ".rail", ".stand"])
			expect(await frame.locator(part).first().isVisible()).toBe(false);
		expect(await frame.locator(".step").first().isVisible()).toBe(true);
		expect(await frame.locator(".embedded a").getAttribute("href")).not.toContain("view=");
		expect(lab.complaints).toEqual([]);
	});

	test("pictures are saved, with the look that they have on the page", async () => {
		const page = await lab.open("#look");
		await page.locator(".chart .bar").nth(3).waitFor();
		const saved = async (name: string): Promise<Buffer> => {
			const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name }).click()]);
			return readFileSync(await download.path());
		};
		const svg = String(await saved("Save as SVG"));
		expect(svg).toMatch(/^<svg [^>]*xmlns=/);
		expect(svg).toContain("pointer, with a retpoline");
		expect(svg).toMatch(/<rect [^>]*fill="rgb\(11, 61, 145\)"/);
		expect(svg).not.toContain("class=");
		const png = await saved("Save as PNG");
		expect(png.subarray(1, 4).toString()).toBe("PNG");
		expect(png.readUInt32BE(16)).toBe(1520);
		expect(lab.complaints).toEqual([]);
	});

	test("costs, the address space and a trace are drawn", async () => {
		const page = await lab.open("#look");
		await page.locator(".chart .bar").nth(3).waitFor();
		await page.getByRole("button", { name: "Address space" }).click();
		await page.getByRole("img", { name: "The address space" }).getByText("[stack cpu0]").first().waitFor();
		await page.getByRole("button", { name: "Trace of a run" }).click();
		await page.getByLabel("Program").selectOption("pick");
		await page.locator(".trace .event.step").first().waitFor();
		const all = await page.locator(".trace .event").count();
		await page.getByLabel("Zoom").fill("8");
		await page.waitForFunction((all) => document.querySelectorAll(".trace .event").length < all, all);
		await page.getByRole("button", { name: "What updates cost" }).click();
		await page.locator("tbody tr").nth(23).waitFor();
		// Three rounds for a batch, and three for each site without one.
		const rounds = await page.locator("tbody tr td:last-child").allTextContents();
		expect(rounds.slice(0, 12)).toEqual([..."333333", "3", "6", "12", "24", "48", "96"]);
		expect(lab.complaints).toEqual([]);
	});
});
