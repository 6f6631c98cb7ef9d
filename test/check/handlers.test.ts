// Handlers of a program's own: what is on the stack, what is masked, and that nothing else serves what they serve.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { check, readScenario, type Verdict } from "../../runtime/check/index.ts";

const retry = readFileSync("fixtures/check/handlers/serialize-and-retry.s", "utf8");

function verdict(source: string): Verdict {
	return check(readScenario(source, "mine.s"));
}

test("without a handler the breakpoint is a fault", () => {
	expect(verdict(retry.replace("# trap: retry\n", ""))).toMatchObject({ verdict: "unsafe", property: "fault" });
});

test("a handler that nobody enters is never exercised", () => {
	const header = "# model: x86\n# cpu: main\n# trap: handler\n";
	const code = "\t.global main\n\t.type main, @function\nmain:\thlt\nhandler:\tiret\n";
	expect(verdict(header + code).unexercised).toContain("the handler handler, which nobody enters");
});

const frame = (entry: string, exists: string): string => `# model: x86
# cpu: main
# ${entry}: handler
# exists: ${exists}
	.global main
	.type main, @function
main:	cli
	cmpi r0, 0
here:	brk
	hlt
handler:	pop r1
	pop r2
	addi r1, r1, 1
	push r2
	push r1
	iret
`;

test("the frame of a breakpoint is its address, and the flags with what was masked", () => {
	const at = 0x400000 + 1 + 6;
	expect(verdict(frame("trap", `0:r1=${at + 1} & 0:r2=0x101`)).verdict).toBe("allowed");
	expect(verdict(frame("trap", `0:r1=${at}`)).verdict).toBe("forbidden");
});

test("no NMI comes while one is handled, but several one after the other", () => {
	const source = (exists: string): string => `# model: x86
# cpu: main
# nmi: handler
# exists: ${exists}
	.global main
	.type main, @function
main:	cli
	movi r3, 0
	hlt
handler:	cmpi r4, 2
	jeq leave
	addi r4, r4, 1
	cmpi r3, 1
	jeq nested
	movi r3, 1
	nop
	movi r3, 0
leave:	iret
nested:	movi r5, 1
	iret
`;
	expect(verdict(source("0:r4=2")).verdict).toBe("allowed");
	expect(verdict(source("0:r5=1")).verdict).toBe("forbidden");
});

test("a stack that is not there is a fault of the CPU", () => {
	const source = frame("trap", "0:r1=1").replace("# exists: 0:r1=1\n", "").replace("\tcmpi r0, 0", "\tmovi r15, 16");
	expect(verdict(source)).toMatchObject({ verdict: "unsafe", property: "fault" });
});
