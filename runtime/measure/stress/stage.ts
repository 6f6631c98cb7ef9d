// Where a case is carried out: a system with an execmem, whose CPUs go round in a worker that calls what its mailbox says,
// and a static call after that.

import { assemble } from "../../../linker/compile/assemble.ts";
import { SP } from "../../../linker/isa/index.ts";
import { link } from "../../../linker/link/link.ts";
import type { TypeName } from "../../execmem/memory-types.ts";
import { openExecmem } from "../../execmem/open-execmem.ts";
import type { Execmem, Methods } from "../../execmem/pieces.ts";
import { entryNamed, load } from "../../load.ts";
import { Cpu, Status } from "../../machine/layout.ts";
import { writePhysical } from "../../machine/memory.ts";
import { models } from "../../machine/models/index.ts";
import { LARGE_PAGE } from "../../machine/page-entry.ts";
import { physicalIn } from "../../machine/page-table.ts";
import { profiles } from "../../machine/profiles/index.ts";
import { PAGE, setCpu } from "../../machine/state.ts";
import { createModules, type Modules } from "../../module/modules.ts";
import { createSystem } from "../../patch/create-system.ts";
import { type RunEnd, runWhile } from "../../patch/drive/run.ts";
import { breakpoint } from "../../patch/plan/protocols/index.ts";
import type { System } from "../../patch/system.ts";
import { MOST_CPUS, type StressCase } from "./case.ts";

/** What happened in a case of stress. */
export interface StressCounts {
	calls: number;
	/** Calls that were refused, as calls may be. */
	refused: number;
	executions: number;
	shootdowns: number;
	/** Late calls that trapped, as they must. */
	trapped: number;
}

/** Cycles that CPUs have for what they are told. */
const PATIENCE = 1e7;
const MAILBOX = 32;
/** Where in a mailbox. */
export const Mail = { task: 0, result: 4, hook: 8, rest: 12 } as const;

const image = link(
	[
		assemble(
			`	.static_call hook, one
	.global worker, one, two, hook
	.type worker, @function
	.type one, @function
	.type two, @function
worker:	ld r1, [r13+${Mail.task}]
	cmpi r1, 0
	jeq pause
	callr r1
	st [r13+${Mail.result}], r0
	call __SCT__hook
	st [r13+${Mail.hook}], r0
	movi r1, 0
	st [r13+${Mail.task}], r1
	jmp worker
pause:	ld r1, [r13+${Mail.rest}]
	cmpi r1, 0
	jeq worker
	serialize
	jmp worker
one:	movi r0, 1
	ret
two:	movi r0, 2
	ret
	.data
	.balign 8
mail:	.zero ${MAILBOX * MOST_CPUS}
`,
			{ file: "worker.s" },
		),
	],
	{ entry: "worker" },
);

export interface Piece {
	readonly address: number;
	readonly handle: number | undefined;
	readonly use: "plain" | "jit" | "in-place";
	readonly type: TypeName;
	readonly bytes: number;
	state: "open" | "finished" | "freed" | "gone";
	/** What the code returns, once some is written; and all that was written. */
	value: number | undefined;
	content: Uint8Array | undefined;
}

export interface Stage {
	readonly system: System;
	readonly execmem: Execmem;
	readonly modules: Modules;
	readonly slots: (Piece | undefined)[];
	readonly counts: StressCounts;
	readonly mail: number;
	/** CPUs that trapped since one looked. */
	readonly trapped: number[];
	hook: number;
}

export function setUp(one: StressCase, methods: Partial<Methods>): Stage {
	const machine = load(image, {
		profile: profiles.find(({ name }) => name === "in-order")!,
		model: models.find(({ name }) => name === one.model)!,
		fetch: one.fetch,
		seed: one.seed,
		cpus: one.cpus,
		stack: PAGE,
		started: false,
		spare: (one.largePages + 1) * (LARGE_PAGE / PAGE),
		histories: 1 << 16,
	});
	const system = createSystem(machine, image, breakpoint);
	const mail = image.symbolNamed("mail")!.address;
	for (const { id, r } of machine.cores) {
		r[12] = r[SP]!;
		toWorker(system, id, mail);
	}
	const trapped: number[] = [];
	const distances = [
		[10, 20],
		[20, 10],
	];
	const execmem = openExecmem(system, {
		textPoke: one.textPoke,
		lazy: one.lazy,
		methods,
		...(one.nodes > 1 && { nodes: { distances, bytes: distances.map(() => (one.largePages / 2) * LARGE_PAGE) } }),
		trapped(_, cpu) {
			trapped.push(cpu);
			toWorker(system, cpu, mail);
			return true;
		},
	});
	const counts = { calls: 0, refused: 0, executions: 0, shootdowns: 0, trapped: 0 };
	return { system, modules: createModules(execmem), execmem, slots: [], counts, mail, trapped, hook: 1 };
}

/** Lets a CPU go round anew, without a task; what it has cached stays. */
export function toWorker({ machine }: System, cpu: number, mail: number): void {
	const core = machine.cores[cpu]!;
	const mine = mail + cpu * MAILBOX;
	core.r[13] = mine;
	core.r[SP] = core.r[12]!;
	writePhysical(machine, physicalIn(machine, 0, mine), new Uint8Array(4));
	setCpu(machine, cpu, Cpu.pc, entryNamed(image, "worker"));
	setCpu(machine, cpu, Cpu.status, Status.running);
}

export function letCall(stage: Stage, cpus: readonly number[], address: number): RunEnd | undefined {
	for (const cpu of cpus) tell(stage, cpu, Mail.task, address);
	return runWhile(stage.system, () => cpus.some((cpu) => mailOf(stage, cpu, Mail.task) !== 0), PATIENCE);
}

export function tellAll(stage: Stage, field: number, value: number): void {
	for (const { id } of stage.system.machine.cores) tell(stage, id, field, value);
}

function tell({ system, mail }: Stage, cpu: number, field: number, value: number): void {
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, value, true);
	writePhysical(system.machine, physicalIn(system.machine, 0, mail + cpu * MAILBOX + field), bytes);
}

export function mailOf({ system, mail }: Stage, cpu: number, field: number): number {
	const { machine } = system;
	return machine.words[(machine.layout.memory + physicalIn(machine, 0, mail + cpu * MAILBOX + field)) >> 2]!;
}
