// Sources: JavaScript and assembly, compiled, rewritten, linked and run; and scenarios in assembly, read and checked.

import * as fc from "fast-check";
import { assemble, compile, positionsOf, rewriteFfp } from "../../linker/compile/index.ts";
import { type ElfObject, readElf, writeElf } from "../../linker/elf/index.ts";
import { link } from "../../linker/link/index.ts";
import { listing } from "../../linker/sites/index.ts";
import { readScenario } from "../../runtime/check/index.ts";
import { execute } from "../../test/language/modes.ts";
import { resolveIn } from "../../test/language/programs.ts";
import { mutate } from "../../test/language/random/mutation.ts";
import { randomProgram } from "../../test/language/random/program.ts";
import { editedText, type TextEdit, textEdits } from "../mutate/text.ts";
import { perhaps, target, Wrong } from "../target.ts";
import { checkBriefly } from "./brief-check.ts";
import { textsOf } from "./texts.ts";

interface Recipe {
	readonly file: number;
	readonly edits: readonly TextEdit[];
}

/** Larger ones are left to other tests: what is wrong with a source does not need many lines. */
const MOST_TEXT = 8192;
const small = (all: readonly string[]): readonly string[] => all.filter((text) => text.length <= MOST_TEXT);

// biome-ignore format: a list
const javascript = [
	"function ", "return ", "=>", "let ", "const ", "for (;;) ", "while ", "if ", "else ", "switch ", "case ", "default:", "break;", "export ", "import ",
	"staticCall", "staticCall.ret0", "update", "reset", "query", "print", "paravirt", "staticKey", "staticBranch", "enable", "null", "true",
	"Math.imul", "|0", ">>>0", "&&", "||", "==", "===", "++", "**", "?.", "??", "...", "new Int32Array(4)", "'init'", "\"init\";", "class A {}",
	"async ", "yield ", "await ", "this", "arguments", "eval", "__proto__", "constructor", "new Uint8Array([1, 2])", "1 / 0",
];
const scripts = [...small(textsOf("fixtures/programs", ".js"))];

function runBriefly(object: ElfObject): void {
	perhaps(() => {
		const image = link([object]);
		if (image.segments.reduce((sum, { memorySize }) => sum + memorySize, 0) <= 2 ** 24) execute(image, 20_000);
	});
}

/** What a compiler makes can be written, read and listed. */
function useObject(object: ElfObject): void {
	const written = writeElf(object);
	if (Buffer.compare(writeElf(readElf(written, object.name)), written) !== 0)
		throw new Wrong("the object is read otherwise than it was made");
	listing(object);
	runBriefly(object);
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");
const sourceOf = ({ file, edits }: Recipe): string => editedText(scripts[file % scripts.length]!, edits, javascript);

export const scriptTexts = target<Recipe>({
	name: "JavaScript by tokens",
	weight: 60,
	batch: 60,
	recipes: fc.record({ file: fc.nat(1000), edits: textEdits }),
	input: (recipe) => ({ name: "input.js", bytes: Buffer.from(sourceOf(recipe)) }),
	try(_, bytes) {
		const source = textOf(bytes);
		const object = perhaps(() => compile(source, { file: "input.js" }));
		const pointers = perhaps(() => {
			const { code, map } = rewriteFfp(source, { file: "input.js" });
			return compile(code, { file: "input.js", map: positionsOf(map) });
		});
		if ((object === undefined) !== (pointers === undefined))
			throw new Wrong(`compiled as it is written ${object !== undefined}, with pointers ${pointers !== undefined}`);
		if (object !== undefined) useObject(object);
		if (pointers !== undefined) useObject(pointers);
	},
});

interface TreeRecipe {
	readonly program: number;
	readonly size: number;
	readonly mutation: number;
}

/** The main module of a random program, with parts exchanged. Its other module stays as it is. */
function mutantOf({ program, size, mutation }: TreeRecipe): string {
	const { modules, main } = randomProgram(program, size);
	return mutate(modules.get(main)!, mutation);
}

export const scriptTrees = target<TreeRecipe>({
	name: "JavaScript by syntax trees",
	weight: 60,
	batch: 60,
	recipes: fc.record({ program: fc.integer(), size: fc.integer({ min: 1, max: 3 }), mutation: fc.integer() }),
	input: (recipe) => ({ name: "input.js", bytes: Buffer.from(mutantOf(recipe)) }),
	try({ program, size }, bytes) {
		const { modules, main } = randomProgram(program, size);
		useObject(compile(textOf(bytes), { file: main, resolve: resolveIn({ modules }) }));
	},
});

// biome-ignore format: a list
const directives = [
	".align", ".space", ".word", ".byte", ".ascii", ".global", ".type", ".size", ".section", ".data", ".bss", ".text", ".alternative", ".replacement",
	".endalternative", ".set", ".weak", "@function", ".align 1073741824", ".space 99999999", "call", "jmp", "jeq", "brk", "hlt", "ret", "ret0", "nop5",
	"ecall 1", "ecall 3", "ecall 99", "movi r0,", "ld r1, [r2+0]", "st [sp+0], r0", "push", "pop", "r15", "sp", "r16", "[r0 + 4]", "- .", "% 0", "<< 99",
];
const assemblies = [...small(textsOf("fixtures/asm", ".s")), ...small(textsOf("fixtures/check", ".s"))];
const assemblyOf = ({ file, edits }: Recipe): string =>
	editedText(assemblies[file % assemblies.length]!, edits, directives);

export const assemblyTexts = target<Recipe>({
	name: "assembly",
	weight: 80,
	batch: 100,
	recipes: fc.record({ file: fc.nat(1000), edits: textEdits }),
	input: (recipe) => ({ name: "input.s", bytes: Buffer.from(assemblyOf(recipe)) }),
	try: (_, bytes) => useObject(assemble(textOf(bytes), { file: "input.s" })),
});

// biome-ignore format: a list
const header = [
	"# cpu: 2 main", "# cpu: 99 main", "# model: arm", "# model: x86-tso", "# poke: site = two by breakpoint", "# expect: safe", "# exists: 0:r1=1", "# interrupts: on",
	"# nmi: handler", "# memory: main", "# redzone: 16", "# tso: yes", "# step:", "# never: a", "# reaches: b", "by", "without", "masked", "parked", "breakpoint",
	"stop-machine", "serialize", "off", "pinned", "threads 9", "=", ",",
];
const scenarios = small(textsOf("fixtures/check", ".s"));
const scenarioOf = ({ file, edits }: Recipe): string =>
	editedText(scenarios[file % scenarios.length]!, edits, [...header, ...directives.slice(0, 30)]);

export const scenarioTexts = target<Recipe>({
	name: "scenarios",
	weight: 60,
	batch: 40,
	recipes: fc.record({ file: fc.nat(1000), edits: textEdits }),
	input: (recipe) => ({ name: "input.s", bytes: Buffer.from(scenarioOf(recipe)) }),
	try(_, bytes) {
		checkBriefly(readScenario(textOf(bytes), "input.s"));
	},
});
