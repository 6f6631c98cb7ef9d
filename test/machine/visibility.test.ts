// What a CPU may still see, against a simple account of the same rules that forgets nothing, and by hand where the
// literature has a name for it.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CODE, historyOf, reindexHistories } from "../../runtime/machine/histories.ts";
import { Cpu, Global, Status } from "../../runtime/machine/layout.ts";
import { writePhysical } from "../../runtime/machine/memory.ts";
import type { Model } from "../../runtime/machine/model.ts";
import { models } from "../../runtime/machine/models/index.ts";
import { type Machine, PAGE, setCpu } from "../../runtime/machine/state.ts";
import {
	clean,
	fetched,
	flushTlb,
	forgetViews,
	invalidate,
	record,
	serialize,
	visible,
	whenCame,
} from "../../runtime/machine/visibility.ts";
import { bareMachine, mapFresh, modelNamed } from "../machines.ts";

const CPUS = 3;
/** Units of the machines below. */
const UNITS = [0x100, 0x200];
function machineOf(model: Model): Machine {
	const machine = bareMachine({ cpus: CPUS, model, memory: 2 * PAGE, histories: 8, values: 64 });
	for (let cpu = 0; cpu < CPUS; cpu++) setCpu(machine, cpu, Cpu.status, Status.running);
	return machine;
}

/** What is seen of the first word of a unit whose present value is `present`. */
function seen(machine: Machine, unit: number, cpu: number, present: number, space = CODE): number[] {
	const index = historyOf(machine, space, unit);
	return index === undefined ? [present] : visible(machine, index, cpu).map(([low]) => low);
}

interface Kept {
	readonly value: number;
	/** The time it came. */
	readonly at: number;
}

/** The rules, written down once more: every value and every floor is kept with its time, and times only grow. */
class Account {
	readonly model: Model;
	readonly values: Kept[][] = UNITS.map(() => [{ value: 0, at: 0 }]);
	readonly base: number[] = UNITS.map(() => 0);
	/** Per unit and CPU: from when on its caches deliver nothing older than what. */
	readonly floors: { readonly at: number; readonly floor: number }[][][] = UNITS.map(() =>
		Array.from({ length: CPUS }, () => [{ at: 0, floor: 0 }]),
	);
	/** Per CPU: when the first instruction in its queue was fetched, at the earliest. */
	readonly begins: number[] = Array(CPUS).fill(0);
	time = 0;

	constructor(model: Model) {
		this.model = model;
	}

	store(unit: number, value: number): void {
		const { cleans, caches } = this.model;
		const newest = this.values[unit]!.length;
		if (!cleans) this.base[unit] = newest;
		if (!caches) this.dropCached(unit);
		this.values[unit]!.push({ value, at: ++this.time });
	}

	clean(unit: number): void {
		this.base[unit] = this.values[unit]!.length - 1;
		if (!this.model.caches) this.dropCached(unit);
	}

	invalidate(unit: number): void {
		if (this.model.invalidates === "broadcast") this.dropCached(unit);
	}

	serialize(cpu: number): void {
		for (const unit of UNITS.keys()) if (this.model.invalidates === "own") this.raise(unit, cpu);
		this.begins[cpu] = ++this.time;
	}

	/** The CPU executes one of the values it may see. */
	execute(unit: number, cpu: number, value: number): void {
		const first = this.values[unit]!.slice(this.oldest(unit, cpu)).find((kept) => kept.value === value)!;
		this.begins[cpu] = Math.max(this.begins[cpu]!, first.at);
	}

	/** Values, without order. */
	visible(unit: number, cpu: number): number[] {
		const seen = this.values[unit]!.slice(this.oldest(unit, cpu)).map(({ value }) => value);
		return [...new Set(seen)].sort((a, b) => a - b);
	}

	private oldest(unit: number, cpu: number): number {
		const floors = this.floors[unit]![cpu]!;
		return this.model.queue ? floors.findLast(({ at }) => at <= this.begins[cpu]!)!.floor : floors.at(-1)!.floor;
	}

	private dropCached(unit: number): void {
		for (let cpu = 0; cpu < CPUS; cpu++) this.raise(unit, cpu);
	}

	private raise(unit: number, cpu: number): void {
		const floors = this.floors[unit]![cpu]!;
		floors.push({ at: ++this.time, floor: Math.max(floors.at(-1)!.floor, this.base[unit]!) });
	}
}

type Event =
	| { readonly kind: "store"; readonly unit: number; readonly value: number }
	| { readonly kind: "clean" | "invalidate"; readonly unit: number }
	| { readonly kind: "serialize"; readonly cpu: number }
	| { readonly kind: "execute"; readonly unit: number; readonly cpu: number; readonly which: number };

const unit = fc.nat(UNITS.length - 1);
const cpu = fc.nat(CPUS - 1);
const event: fc.Arbitrary<Event> = fc.oneof(
	fc.record({ kind: fc.constant("store" as const), unit, value: fc.integer({ min: 1, max: 5 }) }),
	fc.record({ kind: fc.constantFrom("clean" as const, "invalidate" as const), unit }),
	fc.record({ kind: fc.constant("serialize" as const), cpu }),
	fc.record({ kind: fc.constant("execute" as const), unit, cpu, which: fc.nat(5) }),
);

function happen(machine: Machine, account: Account, event: Event): void {
	switch (event.kind) {
		case "store": {
			const { unit, value } = event;
			const old = account.values[unit]!.at(-1)!.value;
			if (old === value) return;
			record(machine, CODE, UNITS[unit]!, [old, 0], [value, 0]);
			account.store(unit, value);
			return;
		}
		case "clean":
			clean(machine, UNITS[event.unit]!);
			account.clean(event.unit);
			return;
		case "invalidate":
			invalidate(machine, UNITS[event.unit]!);
			account.invalidate(event.unit);
			return;
		case "serialize":
			serialize(machine, event.cpu);
			account.serialize(event.cpu);
			return;
		case "execute": {
			const { unit, cpu, which } = event;
			const index = historyOf(machine, CODE, UNITS[unit]!);
			if (index === undefined) return;
			const values = visible(machine, index, cpu);
			const value = values[which % values.length]!;
			account.execute(unit, cpu, value[0]);
			fetched(machine, cpu, whenCame(machine, index, cpu, value));
			return;
		}
	}
}

/** What every CPU sees of every unit, as one text. */
function allSeen(machine: Machine, { values }: Account): string {
	return everyView((i, id) => seen(machine, UNITS[i]!, id, values[i]!.at(-1)!.value).sort((a, b) => a - b));
}

function allAllowed(account: Account): string {
	return everyView((i, id) => account.visible(i, id));
}

function everyView(view: (unit: number, cpu: number) => number[]): string {
	const cpus = [...Array(CPUS).keys()];
	return UNITS.map((_, i) => cpus.map((id) => view(i, id).join(",")).join(" | ")).join("\n");
}

function sameWords(a: Int32Array, b: Int32Array): boolean {
	return a.every((word, i) => word === b[i]);
}

/** Every combination that the literals of models/ are a choice of. */
const variants: Model[] = [false, true].flatMap((caches) =>
	[false, true].flatMap((cleans) =>
		[false, true].flatMap((queue) =>
			(["own", "broadcast"] as const).map((invalidates) => ({
				...modelNamed("arm"),
				name: `caches ${caches}, cleans ${cleans}, queue ${queue}, invalidates ${invalidates}`,
				caches,
				cleans,
				queue,
				invalidates,
			})),
		),
	),
);

const everyModel = [...models.filter(({ unit }) => unit > 0), ...variants];

describe.each(everyModel)("$name", (model) => {
	test("shows what the rules allow, all of it and nothing else", () => {
		fc.assert(
			fc.property(fc.array(event, { maxLength: 40 }), (events) => {
				const machine = machineOf(model);
				const account = new Account(model);
				for (const one of events) {
					happen(machine, account, one);
					expect(allSeen(machine, account)).toBe(allAllowed(account));
				}
			}),
			{ numRuns: 150 },
		);
	});

	test("what everybody sees the same is forgotten, and its bytes are as if it had never been", () => {
		fc.assert(
			fc.property(fc.array(event, { maxLength: 30 }), (events) => {
				const machine = machineOf(model);
				const account = new Account(model);
				const empty = machine.words.slice();
				for (const one of events) happen(machine, account, one);
				for (const at of UNITS) clean(machine, at);
				for (const at of UNITS) invalidate(machine, at);
				for (let id = 0; id < CPUS; id++) serialize(machine, id);
				expect(sameWords(machine.words, empty)).toBe(true);
				expect(machine.histories.size).toBe(0);
			}),
			{ numRuns: 100 },
		);
	});

	test("a CPU that is off sees the present when it starts", () => {
		const machine = machineOf({ ...model, cleans: false });
		setCpu(machine, 1, Cpu.status, Status.halted);
		record(machine, CODE, UNITS[0]!, [1, 0], [2, 0]);
		setCpu(machine, 1, Cpu.status, Status.running);
		expect(seen(machine, UNITS[0]!, 1, 2)).toEqual([2]);
	});
});

test("ideal keeps no history", () => {
	const machine = machineOf(modelNamed("ideal"));
	const physical = mapFresh(machine, 0x1000, 4096);
	writePhysical(machine, physical, Uint8Array.of(1, 2, 3));
	expect(machine.words[Global.histories]).toBe(0);
});

describe("arm", () => {
	const [U, V] = UNITS as [number, number];
	const change = (machine: Machine, unit: number, from: number, to: number): void =>
		record(machine, CODE, unit, [from, 0], [to, 0]);
	const sync = (machine: Machine, unit: number): void => {
		clean(machine, unit);
		invalidate(machine, unit);
	};
	/** A CPU executes a value of a unit, which changes to it first if nothing is in flux there. */
	const run = (machine: Machine, id: number, unit: number, value: number): void => {
		if (historyOf(machine, CODE, unit) === undefined) change(machine, unit, 1, value);
		fetched(machine, id, whenCame(machine, historyOf(machine, CODE, unit)!, id, [value, 0]));
	};
	const stored = (): Machine => {
		const machine = machineOf(modelNamed("arm"));
		record(machine, CODE, U, [1, 0], [2, 0]);
		return machine;
	};

	test.each<[string, (machine: Machine) => void, number[]]>([
		["a store alone", () => {}, [1, 2]],
		["SERIALIZE alone", (m) => serialize(m, 0), [1, 2]],
		["clean without invalidate: old bytes stay in the cache", (m) => clean(m, U), [1, 2]],
		["clean and SERIALIZE without invalidate", (m) => [clean(m, U), serialize(m, 0)], [1, 2]],
		["invalidate without clean: old bytes are fetched again", (m) => [invalidate(m, U), serialize(m, 0)], [1, 2]],
		["invalidate before clean", (m) => [invalidate(m, U), clean(m, U), serialize(m, 0)], [1, 2]],
		["clean and invalidate: the queue still holds them", (m) => [clean(m, U), invalidate(m, U)], [1, 2]],
		["what was invalidated before another value came", (m) => [clean(m, U), invalidate(m, U), run(m, 0, V, 2)], [2]],
		["what was invalidated after it came", (m) => [change(m, V, 2, 3), sync(m, U), run(m, 0, V, 3)], [1, 2]],
		["clean, invalidate, SERIALIZE", (m) => [clean(m, U), invalidate(m, U), serialize(m, 0)], [2]],
		["SERIALIZE too early", (m) => [serialize(m, 0), clean(m, U), invalidate(m, U)], [1, 2]],
		["SERIALIZE by another CPU", (m) => [clean(m, U), invalidate(m, U), serialize(m, 1)], [1, 2]],
	])("%s", (_, act, expected) => {
		const machine = stored();
		act(machine);
		expect(seen(machine, U, 0, 2)).toEqual(expected);
	});

	test("what is invalidated later does not leave the queue of who executes what came before", () => {
		const machine = stored();
		change(machine, V, 1, 2);
		for (const unit of [U, V]) sync(machine, unit);
		run(machine, 0, V, 2);
		expect([seen(machine, U, 0, 2), seen(machine, V, 0, 2)]).toEqual([
			[1, 2],
			[1, 2],
		]);
	});

	test("three versions, of which a clean makes only those before it unfetchable (FOW)", () => {
		const machine = stored();
		clean(machine, U);
		record(machine, CODE, U, [2, 0], [3, 0]);
		invalidate(machine, U);
		serialize(machine, 0);
		expect(seen(machine, U, 0, 3)).toEqual([2, 3]);
	});
});

test.each(["riscv", "alpha", "x86", "amd-quad"])("%s: only a CPU's own barrier drops its old bytes", (name) => {
	const machine = machineOf(modelNamed(name));
	record(machine, CODE, UNITS[0]!, [1, 0], [2, 0]);
	clean(machine, UNITS[0]!);
	invalidate(machine, UNITS[0]!);
	serialize(machine, 1);
	expect([0, 1, 2].map((id) => seen(machine, UNITS[0]!, id, 2))).toEqual([[1, 2], [2], [1, 2]]);
});

test.each(models)(
	"$name: page-table entries are old until the CPU flushes, whatever its instruction side does",
	(model) => {
		const machine = machineOf(model);
		record(machine, 0, 7, [1, 5], [1, 1]);
		for (let id = 0; id < CPUS; id++) serialize(machine, id);
		flushTlb(machine, 1);
		const flags = [0, 1, 2].map((id) => {
			const index = historyOf(machine, 0, 7);
			return visible(machine, index!, id).map(([, value]) => value);
		});
		expect(flags).toEqual([[5, 1], [1], [5, 1]]);
		expect(historyOf(machine, 1, 7), "another address space").toBeUndefined();
		flushTlb(machine, 0);
		flushTlb(machine, 2);
		expect(machine.words[Global.histories]).toBe(0);
	},
);

test("what there is no room for is a bound that says so, and nothing is dropped", () => {
	const machine = bareMachine({ histories: 2, values: 3 });
	setCpu(machine, 0, Cpu.status, Status.running);
	const change = (at: number, from: number, to: number) => record(machine, CODE, at, [from, 0], [to, 0]);
	change(1, 0, 1);
	change(2, 0, 1);
	expect(() => change(3, 0, 1)).toThrow("more than 2 units");
	change(1, 1, 2);
	expect(() => change(1, 2, 3)).toThrow("more than 3 values");
	expect(seen(machine, 1, 0, 2)).toEqual([0, 1, 2]);
	serialize(machine, 0);
	change(1, 2, 3);
	expect(seen(machine, 1, 0, 3)).toEqual([2, 3]);
});

test("a value that comes and goes takes the room of one", () => {
	const machine = bareMachine({ values: 3 });
	setCpu(machine, 0, Cpu.status, Status.running);
	for (let i = 0; i < 40; i++) record(machine, CODE, 1, [i % 2, 0], [(i + 1) % 2, 0]);
	expect(seen(machine, 1, 0, 0).sort()).toEqual([0, 1]);
});

test("a CPU that halted sees nothing: what only it could have seen is forgotten", () => {
	const machine = bareMachine();
	for (const id of [0, 1]) setCpu(machine, id, Cpu.status, Status.running);
	record(machine, CODE, 1, [0, 0], [1, 0]);
	record(machine, 0, 7, [1, 5], [1, 1]);
	serialize(machine, 1);
	flushTlb(machine, 1);
	expect(machine.words[Global.histories]).toBe(2);
	forgetViews(machine, 0);
	expect(machine.words[Global.histories]).toBe(0);
});

test("many histories are found by the derived index, which can be rebuilt", () => {
	const machine = bareMachine();
	setCpu(machine, 0, Cpu.status, Status.running);
	for (let at = 0; at < 40; at++) record(machine, CODE, at, [at, 0], [at + 1, 0]);
	const found = () => Array.from({ length: 41 }, (_, at) => historyOf(machine, CODE, at));
	const before = found();
	expect(before).toEqual([...Array(40).keys(), undefined]);
	machine.histories.clear();
	reindexHistories(machine);
	expect(found()).toEqual(before);
});
