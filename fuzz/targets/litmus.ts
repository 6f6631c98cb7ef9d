// Litmus tests of herd7, their text changed token by token, read and checked with few states.

import * as fc from "fast-check";
import { inWordsOf, readLitmusScenario } from "../../runtime/check/index.ts";
import { editedText, type TextEdit, textEdits } from "../mutate/text.ts";
import { target } from "../target.ts";
import { checkBriefly } from "./brief-check.ts";
import { textsOf } from "./texts.ts";

interface Recipe {
	readonly file: number;
	readonly edits: readonly TextEdit[];
}

// biome-ignore format: a list
const tokens = [
	"AArch64", "RISCV", "{", "}", ";", "|", "P0", "P1", "P7", "0:X0=", "1:X1=P1:f;", "[x]=1;", "x=", "instr:\"NOP\"", "label:\"P1:f\"", "instr:\"B .+4\"", ".-8",
	"exists", "~exists", "forall", "locations [x;]", "/\\", "\\/", "~", "(", ")", "true", "STR W0,[X1]", "STR X0,[X1]", "LDR X1,[X1]", "ADD X1,X1,#4", "CBNZ W0,f",
	"BL f", "RET", "BR X1", "ADR X1,f", "ISB", "DSB ISH", "CSET W0,EQ", "CMP X0,X1", "f:", "0x7fffffff", "99999999999", "(* ", " *)", "CacheType=DIC", "fault(", "XZR",
];
const tests = textsOf("fixtures/check/herd", ".litmus");

export const litmusTexts = target<Recipe>({
	name: "litmus tests",
	weight: 30,
	batch: 40,
	recipes: fc.record({ file: fc.nat(1000), edits: textEdits }),
	input: ({ file, edits }) => ({
		name: "input.litmus",
		bytes: Buffer.from(editedText(tests[file % tests.length]!, edits, tokens)),
	}),
	try(_, bytes) {
		const test = readLitmusScenario(new TextDecoder().decode(bytes), "input.litmus");
		inWordsOf(test, checkBriefly(test.scenario));
	},
});
