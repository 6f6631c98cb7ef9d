// Every function that the package exports, called with arguments of its types, whose numbers and names mean harm: it returns,
// or throws an error of the four classes. A function that has no row here fails the test.

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as compile from "../linker/compile/index.ts";
import * as source from "../linker/compile/source.ts";
import * as elf from "../linker/elf/index.ts";
import { PatchbayError } from "../linker/errors.ts";
import * as isa from "../linker/isa/index.ts";
import * as link from "../linker/link/index.ts";
import * as sites from "../linker/sites/index.ts";
import * as check from "../runtime/check/index.ts";
import * as execmem from "../runtime/execmem/index.ts";
import * as machine from "../runtime/machine/index.ts";
import * as measure from "../runtime/measure/index.ts";
import * as module from "../runtime/module/index.ts";
import * as patch from "../runtime/patch/index.ts";
import * as probe from "../runtime/probe/index.ts";
import { everything, howMany } from "./extent.ts";
import { quick } from "./machines.ts";

const entryPoints: Readonly<Record<string, object>> = {
	"./source": source,
	"./isa": isa,
	"./elf": elf,
	"./compile": compile,
	"./sites": sites,
	"./link": link,
	"./machine": machine,
	"./patch": patch,
	"./probe": probe,
	"./execmem": execmem,
	"./module": module,
	"./check": check,
	"./measure": measure,
};

const text = `import { paravirt, print, staticBranch, staticCall, staticKey, update } from "patchbay/source";
function one(x) { return x & 7; }
function two(x) { return x & 3; }
export const pick = staticCall(one);
export const quiet = staticKey(false);
const op = paravirt(one);
export function early() { "init"; return op(3); }
export function main() { print(pick(3)); if (staticBranch(quiet)) print(1); update(pick, two); print(pick(7)); print(early()); }
`;
const moduleText = `import { pick } from "./main.js";
export function init() { "init"; return pick(1) & 0; }
`;
const resolve = () => ({ file: "main.js", source: text });
const objectBytes = elf.writeElf(compile.compile(text, { file: "main.js", entryNops: true }));
const readObject = elf.readElf(objectBytes, "main.js");
const linked = link.link([readObject], { name: "main" });
const scenarioText = readFileSync("fixtures/check/text-poke.s", "utf8");
const herdTest = check.readLitmusScenario(readFileSync("fixtures/check/herd/SM.litmus", "utf8"), "SM.litmus");
const herdVerdict = check.check(herdTest.scenario, { outcomes: true });
const scenario = check.readScenario(scenarioText, "text-poke.s");
const few = { bounds: { states: 300, memory: 2 ** 24, units: 64, values: 16, stores: 8 } };
const verdict = check.check({
	...check.readScenario(readFileSync("fixtures/check/naive.s", "utf8"), "naive.s"),
	model: "x86",
});
const cell = check.matrixCells({ protocols: [patch.breakpoint], models: [machine.ideal], most: 1 })[0]!;

const limits = [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 53 - 1].flatMap((n) => [n, -n]);

const names = [
	...[
		"main",
		"pick",
		"quiet",
		"op",
		"one",
		"two",
		"init",
		"",
		"there",
		".text",
		"call",
		"eq",
		"__proto__",
		"\0",
		"1",
		"[",
	],
	...[
		"*",
		"+0x0",
		"main+0x5",
		"write head",
		"\ud800",
		"a.s:3: b",
		"x".repeat(300),
		"caller",
		"x86",
		"constructor",
		"\x1b[31m",
	],
];

/** Values of one call, drawn when they are asked for; what the call may change is made anew. */
function draw(seed: number) {
	const random = measure.randomFrom(seed);
	for (let i = 0; i < 8; i++) random(2);
	const of = <T>(...all: readonly T[]): T => all[random(all.length)]!;
	const number = (): number => of(random(70) - 3, of(...limits), random(2 ** 32) - 2 ** 31);
	const object = (): elf.ElfObject => readObject;
	const image = (): link.Image => linked;
	const system = (): patch.System => {
		const program = image();
		const made = patch.load(program, {
			profile: quick,
			model: model(),
			cpus: 2,
			stack: 8192,
			spare: 16,
			fetch: "stale",
		});
		const made2 = patch.createSystem(made, program, patch.breakpoint, { trace: of(true, false) });
		patch.boot(made2);
		patch.run(made2, { cycles: of(0, 50) });
		return made2;
	};
	const model = (): machine.Model => of(...machine.models);
	const builder = (): elf.ObjectBuilder => {
		const made = elf.newObject("made.o", isa.EM_TOY);
		elf.append(elf.section(made, ".text", { flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR }), [1, 2, 3, 4]);
		elf.section(made, ".bss", { type: elf.SHT_NOBITS });
		elf.defineSymbol(made, "there", { section: 1 as never as elf.SectionBuilder, value: 0 });
		return made;
	};
	const memory = (of_ = system()): execmem.Execmem => execmem.openExecmem(of_);
	const piece = () => {
		const mine = memory();
		const given = execmem.execmemTextAlloc(mine, 64);
		return { mine, address: of(given.ok ? given.address : 0, number()) };
	};
	return {
		of,
		number,
		flag: () => of(true, false),
		/** A length: small, or more than there can be. */
		size: () => of(random(5000) - 3, -(2 ** 32), 2 ** 40, 2 ** 53 - 1),
		cpu: () => of(0, 1, 0, 1, 2, -1, 255, 2 ** 31, 2 ** 40),
		name: () => of(...names),
		bytes: () => Uint8Array.from({ length: random(40) }, () => random(256)),
		text: () =>
			of(
				"",
				text,
				scenarioText,
				"\0",
				"main:\tnop\n",
				"(",
				"function f() { f(",
				"# cpu: 99 main\n",
				`${of(...names)} ${of(...names)}`,
			),
		json: () =>
			of<unknown>(
				null,
				1,
				"",
				[],
				{},
				{ schema: 1 },
				scenario,
				verdict,
				{ ...verdict, path: [99] },
				{ schema: check.VERDICTS_SCHEMA, verdicts: [] },
			),
		condition: () => of(...isa.conditions),
		row: () => of(...isa.rows),
		stubs: () => ({ return: number(), return0: number() }),
		site: () => ({
			address: number(),
			kind: of(...sites.siteKinds),
			condition: of(0, 1, 2, 3),
		}),
		target: (): sites.Target =>
			of<sites.Target>({ kind: "null" }, { kind: "ret0" }, { kind: "function", address: number() }),
		map: () => compile.rewriteFfp(text, { file: "main.js" }).map,
		permissions: () => ({ r: of(true, false), w: of(true, false), x: of(true, false) }),
		edit: () => {
			const old = sites.siteBytes(
				{ address: 0x400000, kind: "call", condition: 0 } as sites.Site,
				{ kind: "null" },
				{ return: 0, return0: 0 },
			);
			return { address: number(), old, bytes: old };
		},
		change: (program: link.Image) =>
			patch.change(
				program,
				of("pick", "quiet"),
				of<patch.TargetName>("one", "two", "on", "off", null, patch.byDefault, patch.asIs),
			),
		...{ object, image, system, model, builder, memory, piece, protocol: () => of(...patch.protocols) },
	};
}
type Draw = ReturnType<typeof draw>;

/** A machine with a program. */
const machineOf = (d: Draw): machine.Machine => d.system().machine;
/** A system in which an update is under way. */
function updating(d: Draw): patch.System {
	const system = d.system();
	const planned = patch.planUpdate(system, [d.change(system.image)], d.protocol());
	if (!("refused" in planned)) patch.submit(system, planned, 0);
	return system;
}
const probesOf = (d: Draw): probe.Probes => probe.createProbes(d.system());
const modulesOf = (d: Draw): module.Modules => module.createModules(d.memory());
const moduleObject = (): elf.ElfObject => compile.compile(moduleText, { file: "m.js", resolve });
const pointerOf = (d: Draw) =>
	d.of<never>(source.staticCall((x: number) => x) as never, source.defineFfp((x: number) => x) as never);
const keyOf = (d: Draw) => source.staticKey(d.flag());

const calls: Readonly<Record<string, Readonly<Record<string, (d: Draw) => unknown>>>> = {
	"./source": {
		capturePrint: (d) => source.capturePrint(() => source.print(d.name(), d.number())),
		decrement: (d) => source.decrement(keyOf(d)),
		defineFfp: (d) => source.defineFfp(d.of<never>((() => 1) as never, null as never)),
		disable: (d) => source.disable(keyOf(d)),
		enable: (d) => source.enable(keyOf(d)),
		increment: (d) => source.increment(keyOf(d)),
		isEnabled: (d) => source.isEnabled(keyOf(d)),
		paravirt: (d) => source.paravirt(d.of<never>(((x: number) => x) as never, null as never)),
		plainKey: (d) => source.plainKey(d.flag()),
		print: (d) => source.capturePrint(() => source.print(d.number())),
		query: (d) => source.query(pointerOf(d)),
		queryFfp: (d) => source.queryFfp(pointerOf(d)),
		reset: (d) => source.reset(pointerOf(d)),
		resetFfp: (d) => source.resetFfp(pointerOf(d)),
		setFfp: (d) =>
			source.setFfp(pointerOf(d), d.of<never>(null as never, ((x: number) => x) as never, (() => 1) as never)),
		staticBranch: (d) => source.staticBranch(keyOf(d)),
		staticCall: (d) => source.staticCall(d.of<never>(null as never, (() => 1) as never)),
		staticKey: (d) => source.staticKey(d.flag()),
		update: (d) =>
			source.update(pointerOf(d), d.of<never>(null as never, ((x: number) => x) as never, (() => 1) as never)),
	},
	"./isa": {
		argumentOffset: (d) => isa.argumentOffset(d.number()),
		bounds: (d) => isa.bounds(d.row(), d.of("imm", "rd", "ra", "rb", "condition") as never),
		clobberedBy: (d) => isa.clobberedBy(d.of(...isa.clobberKinds)),
		compare: (d) => isa.compare(d.number(), d.number()),
		conditionCode: (d) => isa.conditionCode(d.name()),
		decode: (d) => isa.decode(d.bytes(), d.number()),
		disassemble: (d) => {
			const instruction = isa.decode(d.bytes(), 0);
			return instruction && isa.disassemble(instruction, d.number());
		},
		encode: (d) => isa.encode(d.of(d.name(), d.row().mnemonic), { imm: d.number(), condition: d.number() } as never),
		holds: (d) => isa.holds(d.number(), d.number()),
		inverse: (d) => isa.inverse(d.condition()),
		lengthOf: (d) => isa.lengthOf(d.number()),
		nops: (d) => isa.nops(d.size()),
		reference: () => isa.reference(),
		registerName: (d) => isa.registerName(d.number()),
		roles: (d) => isa.roles(d.of(d.name(), d.row().mnemonic)),
		rowOf: (d) => isa.rowOf(d.name()),
		rowOfOpcode: (d) => isa.rowOfOpcode(d.number()),
		spell: (d) => isa.spell(d.row(), d.number()),
		takesCondition: (d) => isa.takesCondition(d.row()),
		usage: (d) => isa.usage(d.row()),
	},
	"./elf": {
		addLines: (d) => {
			const builder = d.builder();
			const rows = [{ offset: d.number(), file: d.number(), line: d.number(), column: d.number() }];
			elf.addLines(builder, {
				files: ["a.s"],
				sequences: [{ section: builder.sections[0]!, rows, end: d.number() }],
				addressRelocation: 1,
			});
		},
		addString: (d) => elf.addString(elf.newStringTable(), d.name()),
		alignSection: (d) => elf.alignSection(d.builder().sections[d.of(0, 1)]!, d.size(), d.number()),
		allocateRelocations: (d) => elf.allocateRelocations(d.size()),
		allocateSymbols: (d) => elf.allocateSymbols(d.size(), d.bytes()),
		amendSymbol: (d) => elf.amendSymbol(d.builder(), d.number(), { binding: d.number(), size: d.number() } as never),
		append: (d) => elf.append(d.builder().sections[d.of(0, 1)]!, d.bytes()),
		appendWord: (d) => elf.appendWord(d.builder().sections[d.of(0, 1)]!, d.number()),
		defineSymbol: (d) => elf.defineSymbol(d.builder(), d.name(), { section: d.number(), value: d.number() }),
		elfPieces: (d) => [...elf.elfPieces(d.object())],
		filePath: (d) => elf.filePath(elf.readLineTable(d.object()), d.number()),
		fileSymbol: (d) => elf.fileSymbol(d.builder(), d.name()),
		finish: (d) => {
			const builder = d.builder();
			elf.relocate(builder.sections[0]!, d.number(), d.number(), elf.reference(builder, d.name()), d.number());
			elf.finish(builder);
		},
		functionAt: (d) => elf.functionAt(elf.indexFunctions(d.object()), d.number(), d.number()),
		hasFileBytes: (d) => elf.hasFileBytes(d.of(...d.object().sections)),
		indexFunctions: (d) => elf.indexFunctions(d.object()),
		isDefined: (d) => elf.isDefined(d.builder(), d.number()),
		isElf: (d) => elf.isElf(d.bytes()),
		lineAt: (d) => elf.lineAt(elf.readLineTable(d.object()), d.number(), d.number()),
		newObject: (d) => elf.finish(elf.newObject(d.name(), d.number())),
		newStringTable: () => elf.newStringTable(),
		nullSection: () => elf.nullSection(),
		originOf: (d) => elf.originOf(d.object(), { address: d.number() }),
		readElf: (d) => elf.readElf(d.bytes(), d.name()),
		readLineTable: (d) => elf.readLineTable(d.object()),
		reference: (d) => elf.reference(d.builder(), d.name()),
		relocate: (d) => elf.relocate(d.builder().sections[d.of(0, 1)]!, d.number(), d.number(), d.number(), d.number()),
		relocationTarget: (d) => elf.relocationTarget(d.of(...d.object().sections), d.number()),
		reserve: (d) => elf.reserve(d.builder().sections[1]!, d.size()),
		rowAt: (d) => elf.rowAt(elf.readLineTable(d.object()), d.number(), d.number()),
		section: (d) => elf.section(d.builder(), d.name(), { align: d.number(), flags: d.number(), type: d.number() }),
		sectionByName: (d) => elf.sectionByName(d.object(), d.name()),
		sectionSymbol: (d) => {
			const builder = d.builder();
			return elf.sectionSymbol(builder, builder.sections[d.of(0, 1)]!);
		},
		stringAt: (d) => elf.stringAt(d.bytes(), d.number()),
		stringTableBytes: () => elf.stringTableBytes(elf.newStringTable()),
		symbolBinding: (d) => elf.symbolBinding(d.object().symbols, d.number()),
		sectionOfSymbol: (d) => elf.sectionOfSymbol(d.object(), d.number()),
		symbolByName: (d) => elf.symbolByName(d.object(), d.name()),
		symbolName: (d) => elf.symbolName(d.object().symbols, d.number()),
		symbolOrder: (d) => elf.symbolOrder(d.builder()),
		symbolType: (d) => elf.symbolType(d.object().symbols, d.number()),
		writeElf: (d) => elf.writeElf({ ...d.object(), type: d.number(), machine: d.number(), entry: d.number() } as never),
	},
	"./compile": {
		assemble: (d) => compile.assemble(d.text(), { file: d.name() }),
		compile: (d) =>
			compile.compile(d.text(), { file: d.name(), resolve: () => ({ file: d.name(), source: d.text() }) }),
		locate: (d) => compile.locate(d.map(), d.number(), d.number()),
		positionsOf: (d) => compile.positionsOf(d.map()).locate(d.number(), d.number()),
		problemOf: (d) => compile.problemOf(d.json()),
		rewriteFfp: (d) => compile.rewriteFfp(d.text(), { file: d.name() }),
		sourceMapText: (d) => compile.sourceMapText(d.map()),
	},
	"./sites": {
		alternatives: (d) => sites.alternatives(d.object()),
		callSites: (d) => sites.callSites(d.object()),
		collectSites: (d) => sites.collectSites(d.object(), { patchable: [d.name()] }),
		currentTarget: (d) => sites.currentTarget(d.bytes(), d.site(), d.stubs()),
		describeSite: (d) => sites.describeSite(d.bytes(), d.number()),
		enabledAt: (d) => sites.enabledAt(d.bytes(), { address: d.number(), target: d.number(), expected: d.flag() }),
		isInit: (d) => sites.isInit({ name: d.name() }),
		labelBytes: (d) => sites.labelBytes({ address: d.number(), target: d.number(), expected: d.flag() }, d.flag()),
		listing: (d) => sites.listing(d.object()),
		operationCalls: (d) => sites.operationCalls(d.object()),
		reaches: (d) => sites.reaches(d.number(), d.number()),
		siteBytes: (d) => sites.siteBytes(d.site(), d.target(), d.stubs()),
		siteDestination: (d) => sites.siteDestination(d.site(), d.target(), d.stubs()),
		siteMnemonic: (d) => sites.siteMnemonic(d.site()),
		targetAt: (d) => sites.targetAt(d.number(), d.stubs()),
	},
	"./link": {
		bytesAt: (d) => link.bytesAt(d.image(), d.number(), d.number()),
		isNullable: (d) => link.isNullable(d.number()),
		link: (d) =>
			link.link(d.of([], [d.object()], [d.object(), d.object()]), {
				entry: d.name(),
				patchable: [d.name()],
				sectionStart: new Map([[d.of(".text", d.name()), d.number()]]),
			} as never),
		map: (d) => link.map(d.image()),
		placeOf: (d) => link.placeOf(d.image(), d.number()),
		readImage: (d) => link.readImage(d.of(d.object(), d.image().elf)),
		rowsOf: (d) => link.rowsOf(d.image(), d.number()),
		signatureText: (d) => link.signatureText(d.number()),
		sourcePlace: (d) => link.sourcePlace(d.image(), d.number()),
		wordAt: (d) => link.wordAt(d.image(), d.number()),
	},
	"./machine": {
		addCounter: (d) => machine.addCounter(machineOf(d), d.cpu(), machine.Cpu.clock, d.number()),
		advance: (d) => machine.advance(machineOf(d), d.cpu(), d.of(0, 100, -5)),
		choices: (d) => machine.choices(machineOf(d)),
		clean: (d) => machine.clean(machineOf(d), d.number()),
		copyMachine: (d) => machine.copyMachine(machineOf(d)),
		createMachine: (d) =>
			machine.createMachine({
				cpus: d.number(),
				memory: d.of(4096, 0, -4096, d.number()),
				entries: d.of(16, -1, 2 ** 40),
				profile: quick,
				model: d.model(),
				patchers: d.number(),
				histories: d.of(16, -1, 2 ** 40),
				values: d.number(),
				stores: d.of(4, -1, 2 ** 40),
				fetch: "fresh",
				seed: d.number(),
			}),
		flush: (d) => machine.flush(machineOf(d), d.cpu()),
		flushTlb: (d) => machine.flushTlb(machineOf(d), d.cpu()),
		getCounter: (d) => machine.getCounter(machineOf(d), d.cpu(), machine.Cpu.clock),
		getCpu: (d) => machine.getCpu(machineOf(d), d.cpu(), machine.Cpu.status),
		interruptible: (d) => machine.interruptible(machineOf(d), d.cpu()),
		invalidate: (d) => machine.invalidate(machineOf(d), d.number()),
		mapPages: (d) =>
			machine.mapPages(
				machineOf(d),
				d.of(0, 1, -1),
				d.of(0x1000_0000, d.number()),
				d.of(0, d.number()),
				d.size(),
				d.permissions(),
			),
		mappings: (d) => machine.mappings(machineOf(d)),
		observeFetches: (d) =>
			machine.observeFetches(machineOf(d), d.of(...machine.tlbShapes), d.of("base", "large") as never),
		protectPages: (d) => machine.protectPages(machineOf(d), 0, d.of(0x400000, d.number()), d.size(), d.permissions()),
		readVirtual: (d) => machine.readVirtual(machineOf(d), d.of(0, 1, -1), d.of(0x400000, d.number()), d.size()),
		restore: (d) => machine.restore(machineOf(d), d.of(new Int32Array(3), machineOf(d).words)),
		serialize: (d) => machine.serialize(machineOf(d), d.cpu()),
		setCpu: (d) => machine.setCpu(machineOf(d), d.cpu(), machine.Cpu.status, d.of(0, 1)),
		sightings: (d) => machine.sightings(machineOf(d)),
		take: (d) => machine.take(machineOf(d), { kind: d.of("step", "interrupt", "drain"), cpu: d.cpu() }),
		takeFrames: (d) => machine.takeFrames(machineOf(d), d.size()),
		ticksToCycles: (d) => machine.ticksToCycles(d.number()),
		translate: (d) => machine.translate(machineOf(d), d.cpu(), d.number(), d.of("read", "write", "execute") as never),
		unmapPages: (d) => machine.unmapPages(machineOf(d), 0, d.of(0x400000, d.number()), d.size()),
		views: (d) => machine.views(machineOf(d), d.cpu(), d.of(0x400000, d.number()), d.of(5, -1, 2 ** 40)),
		watch: (d) => machine.watch(machineOf(d), d.number()),
		withStoreBuffer: (d) => machine.withStoreBuffer(d.model()),
		writableAndExecutable: (d) => machine.writableAndExecutable(machineOf(d)),
		writePhysical: (d) => machine.writePhysical(machineOf(d), d.number(), d.bytes()),
	},
	"./patch": {
		allMoves: (d) => patch.allMoves(d.of(0, 1, 7, -1), d.of(0, 1, 7, -1)),
		applyNow: (d) => {
			const system = d.system();
			const planned = patch.planQuietly(system, [d.change(system.image)]);
			if (!("refused" in planned)) patch.applyNow(system, planned);
		},
		arm: () => patch.arm(),
		boot: (d) => patch.boot(d.system(), {}),
		carryOut: (d) => {
			const system = d.system();
			return patch.carryOut(system, () => patch.planUpdate(system, [d.change(system.image)], d.protocol()), {
				cycles: d.of(10, 100_000),
			});
		},
		change: (d) => patch.change(d.image(), d.name(), d.name()),
		coreOf: (d) => patch.coreOf(d.system(), d.of(0, 1, -1)),
		countChanged: (d) => patch.countChanged(d.image(), [{ address: d.number() }]),
		createSystem: (d) => patch.createSystem(machineOf(d), d.image(), d.protocol(), { processes: d.of(1, 2, 0, -1) }),
		describePatcher: (d) => patch.describePatcher(updating(d)),
		describeStep: (d) => {
			const step = patch.nextStep(updating(d), 0);
			return step && patch.describeStep(step);
		},
		describeUpdate: (d) => {
			const system = d.system();
			return patch.describeUpdate(system, patch.planUpdate(system, [d.change(system.image)], d.protocol()));
		},
		disarm: () => patch.disarm(),
		entryNamed: (d) => patch.entryNamed(d.image(), d.name()),
		findEdit: (d) => patch.findEdit([d.edit()], d.number()),
		freeInit: (d) => patch.freeInit(d.system()),
		functionsNamed: (d) => patch.functionsNamed(d.image(), [d.name()]),
		isPatching: (d) => patch.isPatching(updating(d).machine),
		keyNames: (d) => patch.keyNames(d.image()),
		kill: (d) => patch.kill(updating(d), d.of(0, 1, -1, 99)),
		load: (d) =>
			patch.load(d.image(), {
				profile: quick,
				model: d.model(),
				cpus: d.of(1, 0, -1, 99, 2 ** 40),
				stack: d.size(),
				processes: d.of(1, 0, 7),
				spare: d.of(0, -1, 2 ** 40),
				values: d.of(4, 0, 256),
				histories: d.of(9, -1),
			}),
		make: (d) => patch.make(updating(d), d.of(...patch.allMoves(3, 3))),
		moves: (d) => patch.moves(updating(d)),
		nextStep: (d) => patch.nextStep(updating(d), d.of(0, 1, -1, 99)),
		patchedText: (d) => patch.patchedText(d.image()),
		peekTurn: (d) => patch.peekTurn(updating(d)),
		perfettoTrace: (d) => patch.perfettoTrace(updating(d)),
		perform: (d) => {
			const system = updating(d);
			if (patch.isPatching(system.machine) && patch.ready(system, 0)) patch.perform(system, 0);
		},
		phaseText: (d) => patch.phaseText(d.of(...d.protocol().phases)),
		plan: (d) => patch.plan(d.protocol(), [d.edit()], d.model()),
		planBoot: (d) => patch.planBoot(d.system()),
		planQuietly: (d) => {
			const system = d.system();
			return patch.planQuietly(system, [d.change(system.image)]);
		},
		planUpdate: (d) => {
			const system = d.system();
			return patch.planUpdate(system, [d.change(system.image), d.change(system.image)], d.protocol(), d.cpu());
		},
		possible: (d) => patch.possible(updating(d), d.of(...patch.allMoves(3, 3))),
		protect: (d) => patch.protect(d.of("rw", "rx", "r", "none") as never),
		query: (d) => patch.query(d.system(), d.name()),
		ready: (d) => patch.ready(updating(d), d.of(0, 1, -1, 99)),
		record: (d) => patch.record(d.system(), { every: d.of(1, 100), memory: d.of(0, 2 ** 20) }),
		recover: (d) => {
			const system = updating(d);
			patch.kill(system, 0);
			return patch.recover(system, d.of("finish", "rollback"), 100_000);
		},
		release: () => patch.release(),
		restoreSystem: (d) => {
			const system = d.system();
			patch.restoreSystem(d.of(system, d.system()), patch.saveSystem(system));
		},
		run: (d) => patch.run(updating(d), { cycles: d.of(0, 5000, -1) }),
		saveSystem: (d) => patch.saveSystem(updating(d)),
		serveTrap: (d) => patch.serveTrap(updating(d), d.of(0, 1)),
		settle: (d) => patch.settle(updating(d), d.of(0, 100_000)),
		start: (d) => patch.start(machineOf(d), d.cpu(), d.number()),
		staticCalls: (d) => {
			const all = patch.staticCalls(d.system());
			return d.of(...(Object.values(all) as unknown[]).filter((one) => typeof one === "object"), all);
		},
		staticKeys: (d) => patch.staticKeys(d.system()),
		stepPatcher: (d) => {
			const system = updating(d);
			if (patch.isPatching(system.machine)) patch.stepPatcher(system, 0);
		},
		submit: (d) => {
			const system = updating(d);
			const planned = patch.planUpdate(system, [d.change(system.image)], d.protocol());
			return "refused" in planned ? planned : patch.submit(system, planned, d.number(), d.cpu());
		},
		sync: (d) => patch.sync(d.of("serialize", "clean") as never),
		takeTurn: (d) => patch.takeTurn(updating(d), { clock: d.of(0, 1000, -1), instructions: d.of(0, 10, -1), steps: 0 }),
		textReserved: (d) => patch.textReserved(d.system(), d.number(), d.number()),
		textTrace: (d) => patch.textTrace(updating(d)),
		unfitFor: (d) => patch.unfitFor(d.protocol(), [d.edit()]),
		whileHeld: (d) => patch.whileHeld(d.system(), () => 1),
		write: (d) => patch.write(d.of("head", "tail", "breakpoint", "everything") as never),
	},
	"./probe": {
		createProbes: (d) => probe.createProbes(d.system(), {}),
		findPlace: (d) => probe.findPlace(d.image(), d.name()),
		insert: (d) =>
			probe.insert(
				probesOf(d),
				d.of(0, 1, -1),
				d.of(d.number(), patch.entryNamed(d.image(), "main")),
				"count",
				100_000,
			),
		instructionsOf: (d) => [...probe.instructionsOf(d.image())],
		noteText: (d) =>
			probe.noteText(
				{ place: d.name() } as probe.Probe,
				{ cpu: d.number(), clock: d.number(), registers: [d.number()], stack: [d.number()] } as never,
			),
		remove: (d) => {
			const probes = probesOf(d);
			const made = probe.insert(probes, 0, patch.entryNamed(d.image(), "main"), "count", 100_000);
			if ("hits" in made) probe.remove(probes, made, d.of(0, 100_000));
		},
		takenSlots: (d) => {
			const probes = probesOf(d);
			const area = (probes as unknown as { area?: never }).area;
			return area === undefined ? 0 : probe.takenSlots(probes.system.machine, area);
		},
		way: (d) => probe.way(d.row(), d.flag()),
	},
	"./execmem": {
		brokenInvariant: (d) => execmem.brokenInvariant(d.memory(), d.flag()),
		createExecmem: (d) =>
			execmem.createExecmem(d.system(), {
				near: { start: d.number(), end: d.number() },
				anywhere: { start: d.number(), end: d.number() },
				reserved: [],
				nodes: [{ bytes: d.size() }],
			} as never),
		execmemAlloc: (d) =>
			execmem.execmemAlloc(d.memory(), {
				type: d.of(...(Object.keys(execmem.memoryTypes) as execmem.TypeName[])),
				bytes: d.size(),
				align: d.of(8, 3, -8, 2 ** 40),
				node: d.of(0, -1, 9),
			}),
		execmemFinish: (d) => withPiece(d, execmem.execmemFinish),
		execmemFlush: (d) => execmem.execmemFlush(d.memory()),
		execmemFree: (d) =>
			withPiece(d, (mine, address) => execmem.execmemFree(mine, address, d.of(undefined, 64, d.number()) as never)),
		execmemTextAlloc: (d) => execmem.execmemTextAlloc(d.memory(), d.size()),
		execmemWrite: (d) => withPiece(d, (mine, address) => execmem.execmemWrite(mine, address, d.bytes(), d.number())),
		executable: (d) =>
			withPiece(d, (mine, address) => (execmem.executable as (...all: unknown[]) => unknown)(mine, address)),
		jitAlloc: (d) => execmem.jitAlloc(d.memory(), d.size()),
		jitFinalize: (d) => withPiece(d, execmem.jitFinalize),
		jitFree: (d) => withPiece(d, execmem.jitFree),
		jitMap: (d) => withPiece(d, execmem.jitMap),
		jitMapRwInPlace: (d) => execmem.jitMapRwInPlace(d.memory(), d.size()),
		jitTextAlloc: (d) => execmem.jitTextAlloc(d.memory(), d.size()),
		jitWrite: (d) => withPiece(d, (mine, address) => execmem.jitWrite(mine, address, d.bytes(), d.number())),
		openExecmem: (d) => execmem.openExecmem(d.system(), { lazy: d.of(1, 0, -1) }),
		textCopy: (d) =>
			withPiece(d, (mine, address) =>
				execmem.textCopy(
					mine,
					address,
					d.bytes(),
					[{ offset: d.number(), type: d.of(1, 2, 3, 99), target: d.number(), addend: d.number() }],
					d.of(0, d.number()),
				),
			),
		textSet: (d) => withPiece(d, (mine, address) => execmem.textSet(mine, address, d.number(), d.size(), d.number())),
	},
	"./module": {
		createModules: (d) => module.createModules(d.memory()),
		linkModule: (d) =>
			module.linkModule(d.of([], [moduleObject()], [d.object()]), {
				image: d.image(),
				name: d.name(),
				place: (wanted) => wanted.map(() => d.of(0x1000_0000, d.number())),
			}),
		loadModule: (d) =>
			module.loadModule(modulesOf(d), d.of([], [moduleObject()], [d.object()]), {
				name: d.name(),
				cpu: d.of(0, 1),
				cycles: d.of(0, 100_000),
			}),
		moduleName: (d) => module.moduleName(d.name()),
		unloadModule: (d) => {
			const all = modulesOf(d);
			module.loadModule(all, [moduleObject()], { name: "m", cycles: 100_000 });
			return module.unloadModule(all, d.of("m", d.name()), {});
		},
	},
	"./check": {
		ablate: () => check.ablate(patch.breakpoint, machine.ideal, 1),
		ablating: (d) => check.ablating(d.protocol(), machine.ideal, d.of(0, 1)).next(),
		build: (d) => check.build({ ...scenario, cpus: [{ count: d.number(), entry: d.name() }] } as never),
		check: (d) =>
			check.check(
				{
					...scenario,
					model: d.of("x86", "arm", d.name()),
					cpus: [{ count: d.of(1, d.number()), entry: d.of("caller", d.name()) }],
				} as never,
				few,
			),
		checkCell: () => check.checkCell(cell),
		checking: (d) => check.checking(scenario, few).advance(d.of(0, 1, 100, -1)),
		disagreement: (d) => check.disagreement(d.of("safe", "unsafe") as never, verdict),
		explore: (d) =>
			check.explore(
				{
					width: 1,
					initial: () => undefined,
					expand: (state, next, emit) => {
						next[0] = state[0]! + 1;
						emit(undefined);
						return undefined;
					},
				},
				{ states: d.of(10, 0, -1), memory: 2 ** 20 },
			),
		fillMarkdown: (d) => check.fillMarkdown([], [d.model()]),
		fillRows: () => check.fillRows(everything ? [machine.ideal] : []),
		herdText: (d) =>
			check.herdText(herdTest, {
				...herdVerdict,
				outcomes: d.of(herdVerdict.outcomes!, [{ values: { "0:r1": d.number() }, states: d.number() }], []),
			}),
		inWordsOf: (d) =>
			check.inWordsOf(herdTest, {
				...herdVerdict,
				why: d.text(),
				trace: d.of(herdVerdict.trace!, [
					{ who: d.name(), kind: "step", text: d.text(), fetched: d.text(), sites: [] },
				]),
			}),
		lanesOf: (d) => check.lanesOf({ ...verdict, path: d.of(verdict.path, [d.number()]) }),
		matrixCells: (d) => check.matrixCells({ protocols: [d.protocol()], models: [d.model()], most: d.of(0, 1, 3, -1) }),
		matrixMarkdown: (d) => check.matrixMarkdown([], [d.protocol()]),
		matrixRows: () => check.matrixRows([cell], [check.checkCell(cell)]),
		onEveryModel: () => check.onEveryModel(scenario),
		onTape: (d) => check.onTape({ ...verdict, path: d.of(verdict.path, [d.number()], []) }),
		pokesOf: (d) => check.pokesOf(d.text()),
		protocolOf: (d) => check.protocolOf(d.of<string | readonly string[]>(d.name(), [d.name(), "write head"]), "a.s"),
		readLitmus: (d) => check.readLitmus(d.text(), d.name()),
		readLitmusScenario: (d) => check.readLitmusScenario(d.text(), d.name()),
		readScenario: (d) => check.readScenario(d.text(), d.name()),
		replay: (d) => check.replay({ ...verdict, path: d.of(verdict.path, [d.number()], []) }),
		scenarioFromJson: (d) => check.scenarioFromJson(d.json(), "a.json"),
		scenarioOf: () => check.scenarioOf(cell),
		scenarioText: (d) => check.scenarioText({ ...cell, protocol: d.protocol() }),
		synthesize: (d) =>
			check.synthesize({
				model: machine.ideal,
				length: d.of(0, 1),
				placements: ["aligned"],
				kinds: ["call"],
				cpus: 1,
				without: [d.name()],
				profile: quick,
			} as never),
		verdictFromJson: (d) => check.verdictFromJson(d.json(), "a.json"),
		verdictsFromJson: (d) => check.verdictsFromJson(d.json(), "a.json"),
		withProtocol: (d) =>
			check.withProtocol(d.text(), d.number(), d.of<string | readonly string[]>(d.name(), ["write head", d.name()])),
	},
	"./measure": {
		hitCost: (d) => measure.hitCost(d.of(...measure.hitWays), quick, d.model()),
		minimise: (d) => measure.minimise(measure.stressCase(d.number(), d.of(0, 1))),
		minimising: (d) => measure.minimising(measure.stressCase(d.number(), d.of(0, 1))).next(),
		passCosts: () => measure.passCosts(quick),
		randomFrom: (d) => measure.randomFrom(d.number())(d.of(1, 7)),
		stressing: (d) => measure.stressing(measure.stressCase(d.number(), d.of(0, 3))).advance(d.of(0, 1, 9)),
		runStress: (d) => measure.runStress(measure.stressCase(d.number(), d.of(0, 3))),
		storm: (d) =>
			measure.storm({
				protocol: d.protocol(),
				model: d.model(),
				site: d.of("aligned", "straddling"),
				cpus: d.of(1, 3),
				calls: d.of(1, 9),
				seed: d.number(),
			}),
		stressCase: (d) => measure.stressCase(d.number(), d.of(0, 20, -1)),
		updateCost: (d) =>
			measure.updateCost({
				family: d.of(...measure.siteFamilies),
				sites: d.of(1, 3),
				cpus: d.of(1, 2),
				protocol: patch.breakpoint,
				model: d.model(),
				profile: quick,
				batched: d.flag(),
			}),
	},
};

function withPiece<T>(d: Draw, use: (mine: execmem.Execmem, address: number) => T): T {
	const { mine, address } = d.piece();
	return use(mine, address);
}

/** These take a tenth of a second and more, and no number that could mean harm. */
const slow = new Set([
	"ablate",
	"fillRows",
	"passCosts",
	"updateCost",
	"hitCost",
	"minimise",
	"minimising",
	"synthesize",
	"matrixRows",
	"checkCell",
]);

test("every entry point is here", () => {
	const manifest = JSON.parse(readFileSync("package.json", "utf8")) as { exports: Record<string, unknown> };
	const library = Object.keys(manifest.exports).filter((name) => typeof manifest.exports[name] === "object");
	expect(Object.keys(entryPoints).sort()).toEqual(library.sort());
});

describe.each(Object.entries(entryPoints))("%s", (entry, exported) => {
	const functions = Object.entries(exported).filter(
		([, value]) => typeof value === "function" && !/^class\b/.test(String(value)),
	);

	test("has a row for every function", () => {
		expect(Object.keys(calls[entry]!).sort()).toEqual(functions.map(([name]) => name).sort());
	});

	test.each(functions.map(([name]) => name))("%s", (name) => {
		const numRuns = slow.has(name) ? 1 : howMany(1, 40);
		fc.assert(
			fc.property(fc.nat(), (seed) => {
				try {
					calls[entry]![name]!(draw(seed));
				} catch (error) {
					if (!(error instanceof PatchbayError)) throw error;
					expect(typeof error.file).toBe("string");
					expect(error.reason.length).toBeGreaterThan(0);
					expect(error.message).toContain(error.reason.slice(0, 3));
				}
			}),
			{ numRuns, seed: 1, endOnFailure: true },
		);
	});
});
