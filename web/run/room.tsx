// The run room: a program on a tape. Source, machine code and sites side by side; a step forwards, a step back, or a jump to
// any place of the whole run; each call can be retargeted while CPUs run through it.

import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { modelNames, protocolPhases } from "../check/known.ts";
import type { Room, RoomProps } from "../shell/room.ts";
import { isTyping } from "../shell/typing.ts";
import type { Asker } from "../state/ask.ts";
import { fieldsOf } from "../state/fields.ts";
import { fetches, type Place, type Setting, settingOf, startRunner } from "./ask.ts";
import { Code } from "./code.tsx";
import { Cpus } from "./cpus.tsx";
import type { Marks } from "./editor.tsx";
import { Later } from "./later.tsx";
import { programNames, sourceOf } from "./programs.ts";
import type { Go, Opened, ProblemAt, RunQuestion, RunView } from "./question.ts";
import { Sites } from "./sites.tsx";
import { Transport } from "./transport.tsx";

function RunView_({ state: link, link: share, go: goToRoom }: RoomProps) {
	const first = useMemo(() => settingOf(link), [link]);
	const [setting, setSetting] = useState(first.setting);
	const [stand] = useState(first.stand);
	const [source, setSource] = useState(first.setting.own);
	const [opened, setOpened] = useState<Opened>();
	const [view, setView] = useState<RunView>();
	const [before, setBefore] = useState<RunView>();
	const [problem, setProblem] = useState<ProblemAt>();
	const [busy, setBusy] = useState<number>();
	const [lit, setLit] = useState<number>();
	const asker = useRef<Asker | undefined>(undefined);
	const begin = useRef<Place>(first);

	useEffect(() => {
		const made = startRunner();
		asker.current = made;
		return () => made.stop();
	}, []);
	useEffect(() => {
		if (setting.own === undefined && stand === undefined) sourceOf(setting.name).then(setSource);
	}, [setting.name, setting.own, stand]);

	const ask = useCallback(async <T extends object>(question: RunQuestion): Promise<T | undefined> => {
		const waiting = setTimeout(() => setBusy(0), 150);
		try {
			const given = await asker.current!.ask<T | { problem: ProblemAt }>(question, ({ at }: { at: number }) =>
				setBusy(at),
			);
			if ("problem" in given) {
				setProblem(given.problem);
				return undefined;
			}
			setProblem(undefined);
			return given;
		} catch (error) {
			setProblem({ line: undefined, column: undefined, length: 1, reason: String(error) });
			return undefined;
		} finally {
			clearTimeout(waiting);
			setBusy(undefined);
		}
	}, []);
	const asked = JSON.stringify(setting);
	useEffect(() => {
		if (stand === undefined) return;
		const { at, row } = begin.current;
		ask<Opened>({ standAt: { question: stand, row, at } }).then((given) => {
			if (given === undefined) return;
			setSource(given.source);
			setOpened(given);
			setView(given.view);
		});
	}, [stand, ask]);
	useEffect(() => {
		if (source === undefined || stand !== undefined) return;
		const { own: _, ...program } = JSON.parse(asked) as Setting;
		const timer = setTimeout(async () => {
			const { at, asked } = begin.current;
			begin.current = { at: 0, asked: [], row: undefined };
			const given = await ask<Opened>({ open: { ...program, source, asked }, at });
			if (given === undefined) return;
			setOpened(given);
			setBefore(undefined);
			setView(given.view);
		}, 200);
		return () => clearTimeout(timer);
	}, [source, asked, ask, stand]);
	// A link, and who judges a lesson, says what is on the screen, never what was there before.
	useLayoutEffect(() => {
		if (view === undefined) return;
		share(stand === undefined ? { ...setting, at: view.at, asked: view.asked } : { stand, at: view.at });
	}, [setting, stand, view, share]);

	const go = useCallback(
		async (how: Go) => {
			const given = await ask<RunView>({ go: how });
			if (given === undefined) return;
			setView((now) => {
				setBefore(now);
				return given;
			});
		},
		[ask],
	);
	const edit = (own: string): void => {
		if (own === source || stand !== undefined) return;
		setSource(own);
		setSetting((now) => ({ ...now, own }));
	};
	const isOpen = view !== undefined;
	useLayoutEffect(() => {
		if (!isOpen) return;
		const key = (event: KeyboardEvent): void => {
			if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
			if (event.key === "Escape") ask({ stop: true });
			const how = ways[event.key];
			if (how === undefined) return;
			event.preventDefault();
			go(how);
		};
		addEventListener("keydown", key);
		return () => removeEventListener("keydown", key);
	}, [go, ask, isOpen]);

	const marks = useMemo<Marks>(
		() => ({
			cpus: view?.cpus.map(({ line, status }) => (status === "halted" || status === "idle" ? undefined : line)) ?? [],
			sites: opened?.sites.flatMap(({ line }) => line ?? []) ?? [],
			lit: lit === undefined ? undefined : opened?.sites[lit]?.line,
			problem,
		}),
		[view, opened, lit, problem],
	);
	return (
		<div class="run">
			<Transport view={view} busy={busy} go={go}>
				{stand === undefined ? (
					<Settings setting={setting} change={(part) => setSetting((now) => ({ ...now, ...part }))} />
				) : (
					<p>
						{opened === undefined ? "Going the way of the verdict…" : `A way of Check: ${opened.verdict}.`}{" "}
						<button type="button" onClick={() => goToRoom("check", stand)}>
							Back to Check
						</button>
					</p>
				)}
			</Transport>
			{problem !== undefined && (
				<p class="verdict problem" role="alert">
					{problem.line === undefined ? "" : `line ${problem.line}: `}
					{problem.reason}
				</p>
			)}
			<div class="columns">
				<section class="source" aria-label="Source">
					{source !== undefined && (
						<Later
							load={() => import("./editor.tsx")}
							fallback={source}
							props={{
								source,
								marks,
								change: edit,
								isFixed: stand !== undefined,
							}}
						/>
					)}
				</section>
				{view !== undefined && opened !== undefined && (
					<>
						<Code view={view} lit={lit} light={setLit} runTo={(here) => go({ here })} />
						<Sites
							opened={opened}
							view={view}
							lit={lit}
							light={setLit}
							targets={(key) => ask({ plan: key })}
							retarget={(key, to) => go({ ask: { key, to } })}
						/>
					</>
				)}
			</div>
			{view !== undefined && <Cpus view={view} before={before} />}
		</div>
	);
}

/** What keys do. */
const ways: Readonly<Record<string, Go>> = {
	s: { by: 1 },
	".": { by: 1 },
	b: { by: -1 },
	",": { by: -1 },
	n: { until: "phase" },
	p: { until: "patch" },
	t: { until: "trap" },
	o: { until: "print" },
	g: { to: 0 },
	e: { to: 1e12 },
};

function Settings({ setting, change }: { setting: Setting; change(part: Partial<Setting>): void }) {
	const select = (name: "protocol" | "model" | "fetch", title: string, all: readonly string[]) => (
		<label>
			{title}
			<select value={setting[name]} onChange={({ currentTarget }) => change({ [name]: currentTarget.value })}>
				{all.map((one) => (
					<option key={one}>{one}</option>
				))}
			</select>
		</label>
	);
	return (
		<div class="settings">
			<label>
				Program
				<select
					value={setting.own === undefined ? setting.name : ""}
					onChange={({ currentTarget }) => change({ name: currentTarget.value, own: undefined })}
				>
					{setting.own !== undefined && <option value="">your own</option>}
					{programNames.map((one) => (
						<option key={one}>{one}</option>
					))}
				</select>
			</label>
			{select("protocol", "Protocol", Object.keys(protocolPhases))}
			{select("model", "Machine", modelNames)}
			{select("fetch", "Fetches", fetches)}
			<button
				type="button"
				aria-pressed={setting.fetch === "stale"}
				title="CPUs get the oldest bytes that the machine allows, mostly"
				onClick={() => change({ fetch: setting.fetch === "stale" ? "fresh" : "stale" })}
			>
				be unlucky
			</button>
			<label>
				CPUs
				<input
					type="number"
					min="1"
					max="8"
					value={setting.cpus}
					onChange={({ currentTarget }) =>
						change({ cpus: fieldsOf({ cpus: currentTarget.valueAsNumber }).number("cpus", 2, 1, 8) })
					}
				/>
			</label>
		</div>
	);
}

export const run: Room = {
	View: RunView_,
	keys: [
		["s", "a step"],
		["b", "a step back"],
		["n", "to the next phase"],
		["p", "to the next step of a patcher"],
		["t", "to the next trap"],
		["o", "to the next line of output"],
		["g", "to the beginning"],
		["e", "to the end"],
		["Escape", "ends a long way where it has come to"],
	],
};
