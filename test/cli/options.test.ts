// Values of options: numbers within their bounds, and lists, which are given the same way everywhere.

import { describe, expect, test } from "vitest";
import { listOf, parseChanges, texts, whole } from "../../cli/shell/options.ts";
import { cli } from "./command-line.ts";

const pick = "fixtures/programs/pick.js";

describe("numbers", () => {
	const parse = whole("From 2 to 5.", 2, 5);
	test.each(["2", "5"])("%s", (text) => expect(parse(text)).toBe(Number(text)));
	test.each(["1", "6", "2.5", "", " ", "two", "-3", "Infinity"])("%s is none", (text) => {
		expect(() => parse(text)).toThrow("From 2 to 5.");
	});
});

describe("lists", () => {
	test("commas and repetition say the same", () => {
		expect(texts("b,c", texts("a"))).toEqual(["a", "b", "c"]);
		expect(texts("c", texts("b", texts("a")))).toEqual(["a", "b", "c"]);
	});

	test("a comma within brackets joins nothing", () => {
		expect(texts("ns::f(int, long),g<int, int>,operator->,h")).toEqual([
			"ns::f(int, long)",
			"g<int, int>",
			"operator->",
			"h",
		]);
	});

	test.each([",", "a,", ",a", "a,,b"])("%s lacks a name", (text) => {
		expect(() => texts(text)).toThrow("Write names with commas between.");
	});

	test("what is given replaces a default, once", () => {
		const byDefault = [1, 2];
		const parse = listOf(Number, byDefault);
		expect(parse("4", parse("3", byDefault))).toEqual([3, 4]);
		expect(byDefault).toEqual([1, 2]);
	});

	test("two changes of the same calls are refused, however they are given", () => {
		const twice = "What calls of 'f' become is said twice.";
		expect(() => parseChanges("f=h", parseChanges("f=g"))).toThrow(twice);
		expect(() => parseChanges("f=g,f=h")).toThrow(twice);
	});

	test("commands take both", async () => {
		const outputs = await Promise.all([
			cli("probe", pick, "--at", "main,deadline"),
			cli("probe", pick, "--at", "main", "--at", "deadline"),
		]);
		expect(outputs[0]).toEqual(outputs[1]);
		expect(outputs[0]!.code).toBe(0);
		expect(outputs[0]!.out).toContain("deadline");
	});
});
