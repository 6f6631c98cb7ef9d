// The programs that come with the page; a link names one of them, or brings its own source.

const sources = import.meta.glob<string>("../../fixtures/programs/*.js", { query: "?raw", import: "default" });

const fileOf = (name: string): string => `../../fixtures/programs/${name}.js`;

export const programNames: readonly string[] = Object.keys(sources)
	.map((path) => /([^/]+)\.js$/.exec(path)![1]!)
	.sort();

export const FIRST_PROGRAM = "pick";

export async function sourceOf(name: string): Promise<string> {
	return (await sources[fileOf(name)]?.()) ?? "";
}
