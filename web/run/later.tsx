// A part of the page that comes after the first picture: until it is there, its text stands in its place.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

interface LaterProps<P> {
	load(): Promise<{ readonly default: ComponentType<P> }>;
	readonly fallback: string;
	readonly props: P;
}

export function Later<P extends object>({ load, fallback, props }: LaterProps<P>) {
	const [part, setPart] = useState<{ readonly View: ComponentType<P> }>();
	useEffect(() => {
		load().then((loaded) => setPart({ View: loaded.default }));
	}, []);
	return part === undefined ? <pre class="fallback">{fallback}</pre> : <part.View {...props} />;
}
