// The package as others get it, from the build in dist/: what is in it, that every entry point loads, that the command
// behaves as a process.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { inFolder } from "./cli/command-line.ts";

const manifest = JSON.parse(readFileSync("package.json", "utf8")) as {
	readonly name: string;
	readonly bin: Readonly<Record<string, string>>;
	readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
};
const entryPoints = Object.keys(manifest.exports).filter((name) => !name.endsWith(".json"));

/** Whether a file is the one of a path, or one of a pattern with a star. */
function isAt(file: string, path: string): boolean {
	const [start, end] = path.split("*") as [string, string?];
	return end === undefined ? file === path : file.startsWith(start) && file.endsWith(end);
}

/** Node's arguments, and what it says. */
function node(...argv: readonly string[]) {
	const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8" });
	return { status, stdout, stderr };
}

test("is built: npm run build", () => {
	expect(existsSync("dist/cli/main.cjs")).toBe(true);
});

test("leaves the command executable, also when it is built again", () => {
	expect(statSync("dist/cli/main.cjs").mode & 0o111).toBe(0o111);
});

test("the API reference has every entry point", () => {
	const { entryPoints } = JSON.parse(readFileSync("typedoc.json", "utf8")) as { entryPoints: string[] };
	const compiled = Object.values(manifest.exports).flatMap((entry) =>
		typeof entry === "string" ? [] : [entry.default],
	);
	const sources = compiled.map((file) => file.replace("./dist/", "").replace(/js$/, "ts"));
	expect(entryPoints.toSorted()).toEqual(sources.toSorted());
});

describe("npm pack", () => {
	const report = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
		encoding: "utf8",
		stdio: ["ignore", "pipe", "ignore"],
	});
	const files = (JSON.parse(report) as { files: { path: string }[] }[])[0]!.files.map(({ path }) => path);

	test("has every entry point, its types and the command", () => {
		const wanted = Object.values(manifest.exports).flatMap((entry) =>
			typeof entry === "string" ? [entry] : Object.values(entry),
		);
		const paths = [...wanted, ...Object.values(manifest.bin)].map((path) => path.replace(/^\.\//, ""));
		expect(paths.filter((path) => !files.some((file) => isAt(file, path)))).toEqual([]);
	});

	test("has what the demo and the reader need", () => {
		expect(files).toEqual(
			expect.arrayContaining([
				...["README.md", "LICENSE", "docs/README.md", "fixtures/programs/balancer.js"],
				"dist/cli/demangler.wasm",
			]),
		);
	});

	test("has the licences of the packages in the command", () => {
		const texts = readFileSync("dist/cli/LICENSES.txt", "utf8");
		for (const name of ["@cfworker/json-schema", "acorn", "commander", "gecko-profiler-demangle", "magic-string"])
			expect(texts).toMatch(new RegExp(`^${name}$`, "m"));
	});

	test("has the lab page, and the licences of what is in it", () => {
		expect(files).toContain("dist/lab/index.html");
		const texts = ["LICENSES", "LICENSES-workers"]
			.map((name) => readFileSync(`dist/lab/${name}.txt`, "utf8"))
			.join("\n");
		for (const name of ["preact", "@codemirror/view", "acorn"]) expect(texts).toMatch(new RegExp(`^${name}$`, "m"));
	});

	test("has whatever its pages link to", () => {
		const pages = files.filter((path) => path.endsWith(".md"));
		const links = pages.flatMap((page) =>
			Array.from(readFileSync(page, "utf8").matchAll(/\]\((?!https?:)([^)#\s]+)/g), ([, to]) => ({
				page,
				to: join(dirname(page), to!),
			})),
		);
		expect(links.length).toBeGreaterThan(300);
		expect(links.filter(({ to }) => !files.some((file) => file === to || file.startsWith(`${to}/`)))).toEqual([]);
	});

	test("has nothing else", () => {
		const allowed =
			/^(package\.json|README\.md|LICENSE|docs\/.+\.(md|png|svg)|docs\/schemas\/[\w-]+\.json|SECURITY\.md|fixtures\/.+|(linker|runtime)\/.+\.ts|bench\/README\.md|bench\/native\/.+|native\/(patchbay\.h|patchbay-gdb\.py|storm\.c)|dist\/(linker|runtime)\/.+\.(js|d\.ts)|dist\/cli\/([\w-]+\.cjs|LICENSES\.txt|demangler\.wasm)|dist\/lab\/(index\.html|LICENSES(-workers)?\.txt|assets\/[\w-]+\.(js|css)))$/;
		expect(files.filter((path) => !allowed.test(path))).toEqual([]);
	});
});

describe("entry points", () => {
	test("load by name and export something", () => {
		const names = entryPoints.map((name) => name.replace(".", "patchbay"));
		const program = `for (const name of ${JSON.stringify(names)}) console.log(name, Object.keys(await import(name)).length > 0);`;
		const { stdout, stderr } = node("--input-type=module", "-e", program);
		expect({ stdout, stderr }).toEqual({ stdout: names.map((name) => `${name} true\n`).join(""), stderr: "" });
	});

	test("programs find patchbay/source", () => {
		const { stdout } = node("--input-type=module", "-e", 'import { print } from "patchbay/source"; print("x", 1);');
		expect(stdout).toBe("x 1\n");
	});

	test("go by the name of the package as well", () => {
		const program = `import { print } from "${manifest.name}/source"; print("x", 1);`;
		expect(node("--input-type=module", "-e", program).stdout).toBe("x 1\n");
	});

	test("nothing but the command line needs Node", () => {
		for (const name of entryPoints) {
			const entry = manifest.exports[name] as { readonly default: string };
			expect(readFileSync(entry.default, "utf8")).not.toContain('"node:');
		}
	});
});

describe("the command", () => {
	const command = manifest.bin.patchbay!;

	test("says what its exit code means to the shell", () => {
		expect(node(command, "run", "fixtures/programs/pick.js")).toEqual({ status: 0, stdout: "3\n7\n", stderr: "" });
		expect(node(command, "run", "nothing.js")).toMatchObject({ status: 3, stdout: "" });
		expect(node(command, "nothing")).toMatchObject({ status: 2, stdout: "" });
	});

	test("ends without a word when its reader goes away", () => {
		const sites = `'${process.execPath}' ${command} dump fixtures/programs/{interpreter,sha256,tokenizer,chacha20}.js`;
		const { stdout, stderr } = spawnSync("bash", ["-c", `${sites} | head -n 1`], { encoding: "utf8" });
		expect({ lines: stdout.split("\n").length, stderr }).toEqual({ lines: 2, stderr: "" });
	});

	test("stops an endless program when its reader goes away", async () => {
		await inFolder(async (folder) => {
			const file = join(folder, "endless.s");
			writeFileSync(file, "\t.global main\nmain:\tmovi r0, 7\n\tecall 1\n\tecall 4\n\tjmp main\n");
			const line = `'${process.execPath}' ${command} run ${file} | head -n 2`;
			const { stdout, stderr } = spawnSync("bash", ["-c", line], { encoding: "utf8" });
			expect({ stdout, stderr }).toEqual({ stdout: "7\n7\n", stderr: "" });
		});
	});

	test("says that its output cannot be written", () => {
		if (!existsSync("/dev/full")) return console.warn("SKIPPED: no /dev/full");
		const line = `'${process.execPath}' ${command} sites fixtures/programs/pick.js > /dev/full`;
		const { status, stderr } = spawnSync("bash", ["-c", line], { encoding: "utf8" });
		expect({ status, stderr }).toEqual({
			status: 3,
			stderr: expect.stringMatching(/^error: standard output: ENOSPC.*\n$/),
		});
		expect(node(command, "sites", "/dev/zero")).toMatchObject({
			status: 3,
			stderr: "/dev/zero: is a device, not a file\n",
		});
	});

	test("colours are for terminals", () => {
		expect(node(command, "sites", "fixtures/programs/pick.js").stdout).not.toContain("\u001b[");
	});
});
