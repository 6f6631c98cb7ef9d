// Scenarios that come with the page: bugs that were, each beside its repair, and what may be learned from.

const texts = import.meta.glob<string>(
	["../../fixtures/check/*.s", "../../fixtures/check/{museum,execmem,probes,orders}/*.s"],
	{ query: "?raw", import: "default" },
);

const ROOT = "../../fixtures/check/";

export const exampleNames: readonly string[] = Object.keys(texts).map((path) => path.slice(ROOT.length, -2));

export async function exampleOf(name: string): Promise<string> {
	return (await texts[`${ROOT}${name}.s`]?.()) ?? "";
}
