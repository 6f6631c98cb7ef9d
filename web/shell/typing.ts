// Keys that go into a text are not for the page.

/** Whether a key goes into a text. */
export function isTyping({ target }: Event): boolean {
	return (
		target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
	);
}
