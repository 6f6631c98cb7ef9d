// What is around every room: its name, the way to the others, sharing, and the keys.

import { useEffect, useRef, useState } from "preact/hooks";
import { type Link, linkTo, readLink } from "../state/link.ts";
import { Embed } from "./embed.tsx";
import type { Room } from "./room.ts";
import { rooms } from "./rooms.ts";
import { isTyping } from "./typing.ts";

interface Shown {
	readonly name: string;
	readonly room: Room;
	readonly link: Link;
	/** A link that is followed begins its room anew. */
	readonly visit: number;
}

const FIRST = "run";

export function Shell() {
	const [shown, setShown] = useState<Shown>();
	const [said, setSaid] = useState("");
	const state = useRef<unknown>(undefined);
	const help = useRef<HTMLDialogElement>(null);
	const embed = useRef<HTMLDialogElement>(null);
	const [fragment, setFragment] = useState("");
	const visits = useRef(0);

	useEffect(() => {
		const follow = async (): Promise<void> => {
			const link = await readLink(location.hash);
			const name = Object.hasOwn(rooms, link.room) ? link.room : FIRST;
			const room = await rooms[name]!.load();
			state.current = undefined;
			setSaid(link.problem ?? "");
			setShown({ name, room, link, visit: ++visits.current });
			document.title = `${rooms[name]!.title} · patchbay lab`;
		};
		const key = (event: KeyboardEvent): void => {
			if (event.key !== "?" || isTyping(event)) return;
			event.preventDefault();
			help.current?.showModal();
		};
		follow();
		addEventListener("hashchange", follow);
		addEventListener("keydown", key);
		return () => {
			removeEventListener("hashchange", follow);
			removeEventListener("keydown", key);
		};
	}, []);

	const go = async (room: string, to: object): Promise<void> => {
		if (shown !== undefined) history.replaceState(null, "", await linkTo(shown.name, state.current ?? {}));
		location.hash = await linkTo(room, to);
	};
	const share = async (): Promise<void> => {
		if (shown === undefined) return;
		const fragment = await linkTo(shown.name, state.current ?? {});
		history.replaceState(null, "", fragment);
		const copied = await navigator.clipboard?.writeText(location.href).then(
			() => true,
			() => false,
		);
		setSaid(`${copied ? "Link copied" : "The link is in the address bar"}: ${fragment.length} characters.`);
	};

	return (
		<>
			<header class="top">
				<h1>
					patchbay <span>lab</span>
				</h1>
				<nav aria-label="Rooms">
					{Object.entries(rooms).map(([name, { title }]) => (
						<a key={name} href={`#${name}`} aria-current={shown?.name === name ? "page" : undefined}>
							{title}
						</a>
					))}
				</nav>
				<p class="said" role="status">
					{said}
				</p>
				<button type="button" onClick={share}>
					Share
				</button>
				<button
					type="button"
					onClick={async () => {
						if (shown === undefined) return;
						setFragment(await linkTo(shown.name, state.current ?? {}));
						embed.current?.showModal();
					}}
				>
					Embed
				</button>
				<button type="button" onClick={() => help.current?.showModal()} aria-label="Keys">
					?
				</button>
			</header>
			<main id="room">
				{shown === undefined ? (
					<p class="wait">Loading…</p>
				) : (
					<shown.room.View
						key={shown.visit}
						state={shown.link.state}
						go={go}
						link={(now) => {
							state.current = now;
						}}
					/>
				)}
			</main>
			<p class="embedded">
				<a href={location.href.replace(location.search, "")} target="_blank" rel="noreferrer">
					Open in the patchbay lab
				</a>
			</p>
			<Embed dialog={embed} room={shown?.name ?? FIRST} fragment={fragment} />
			<dialog ref={help} aria-labelledby="keys">
				<h2 id="keys">Keys</h2>
				<dl>
					<dt>
						<kbd>?</kbd>
					</dt>
					<dd>shows this list</dd>
					{shown?.room.keys.map(([key, what]) => (
						<>
							<dt>
								<kbd>{key}</kbd>
							</dt>
							<dd>{what}</dd>
						</>
					))}
				</dl>
				<form method="dialog">
					<button type="submit">Close</button>
				</form>
			</dialog>
		</>
	);
}
