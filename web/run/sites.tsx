// The sites: which key, who it calls now, the loom of the one that is looked at, and what it could be made to call.

import { useEffect, useRef, useState } from "preact/hooks";
import { Loom, type Woven } from "../loom/loom.tsx";
import type { Opened, RunView, SiteStory, TargetInfo } from "./question.ts";

interface SitesProps {
	readonly opened: Opened;
	readonly view: RunView;
	readonly lit: number | undefined;
	light(site: number | undefined): void;
	targets(key: string): Promise<TargetInfo[] | undefined>;
	retarget(key: string, to: string): void;
}

export function Sites({ opened, view, lit, light, targets, retarget }: SitesProps) {
	const [chosen, setChosen] = useState(0);
	const [offer, setOffer] = useState<{ readonly key: string; readonly targets: readonly TargetInfo[] }>();
	const shown = Math.min(chosen, opened.sites.length - 1);
	const story = view.stories[shown];
	return (
		<section class="sites" aria-label="Call sites">
			{opened.sites.length === 0 && <p>This program has no static calls.</p>}
			<div class="table">
				{opened.sites.map(({ place, key, address }, i) => (
					<button
						type="button"
						key={address}
						class={`site${i === shown ? " chosen" : ""}${i === lit ? " lit" : ""}`}
						aria-pressed={i === shown}
						onPointerEnter={() => light(i)}
						onPointerLeave={() => light(undefined)}
						onFocus={() => light(i)}
						onBlur={() => light(undefined)}
						onClick={async () => {
							setChosen(i);
							const given = await targets(key);
							if (given !== undefined && given.length > 0) setOffer({ key, targets: given });
						}}
					>
						<b>{key}</b> <code>{place}</code>
						<span>
							{opened.keys.includes(key)
								? `→ ${view.calls[opened.keys.indexOf(key)] ?? "nobody"}`
								: view.code.find(({ site }) => site === i)?.text}
						</span>
					</button>
				))}
			</div>
			{offer !== undefined && (
				<fieldset class="offer" aria-label={`What ${offer.key} shall call`}>
					<span>{offer.key} shall call</span>
					{offer.targets.map(({ name, plan }) => (
						<button
							type="button"
							key={name}
							disabled={"refused" in plan || plan.sites + plan.trampolines === 0}
							title={
								"refused" in plan
									? plan.refused
									: `${plan.sites} sites and ${plan.trampolines} trampolines, ${plan.syncs} rounds of interrupts`
							}
							onClick={() => {
								setOffer(undefined);
								retarget(offer.key, name);
							}}
						>
							{name}
						</button>
					))}
					<button type="button" aria-label="Close" onClick={() => setOffer(undefined)}>
						×
					</button>
				</fieldset>
			)}
			{story !== undefined && <Story story={story} place={opened.sites[shown]!.place} />}
		</section>
	);
}

function Story({ story, place }: { story: SiteStory; place: string }) {
	const { rows, memory, firsts } = story;
	const box = useRef<HTMLDivElement>(null);
	useEffect(() => {
		box.current?.querySelector("li:last-child")?.scrollIntoView({ block: "nearest" });
	}, [rows.length]);
	if (rows.length === 0)
		return (
			<p class="hint">
				Nobody patched <code>{place}</code> yet. Go on, or choose a site above and what it shall call.
			</p>
		);
	const now = rows.length - 1;
	const woven: Woven = {
		old: story.old,
		new: story.new,
		memory,
		cuts: firsts.map((row) => ({ row, torn: false, knots: memory[row + 1]!.map((value) => ({ value, row })) })),
		seen: spansOf(story),
		at: now,
	};
	return (
		<div class="story" ref={box}>
			<ol>
				{rows.map((row, i) => (
					<li key={i} class={i === now ? "now" : ""}>
						<b>{row.who}</b> {row.text}
					</li>
				))}
			</ol>
			<Loom site={woven} selected={now} label={`The bytes of ${place} through ${rows.length} events`} />
		</div>
	);
}

/** The oldest value that any CPU may still fetch of each byte. */
function spansOf({ seen, memory }: SiteStory): NonNullable<Woven["seen"]> {
	return (memory[0] ?? []).flatMap((_, byte) => {
		const oldest = seen.map((cpu) => cpu[byte]![0]!).reduce((a, b) => (b.age > a.age ? b : a));
		if (oldest.age === 0 || oldest.value === memory.at(-1)![byte]) return [];
		const since = memory.findLastIndex((bytes) => bytes[byte] === oldest.value);
		return [{ byte, since: Math.max(0, since), held: oldest.by === "hold" }];
	});
}
