import type { Content } from '../notifications/content.js';
import type { Intent } from '../routing/facts.js';

/** What a notification that somebody asked for brings to the question whether it is shown. */
export function intentOf({
  category,
  forced,
  content,
}: {
  readonly category: string;
  readonly forced: boolean;
  readonly content: Content;
}): Intent {
  return { category, vetoes: [], forced, hasCopy: hasCopy(content) };
}

/** A message that the vendor delivers inside the app is something to tell, with or without words beside it. */
function hasCopy({ silent, chatMessage, copy, overrides = {} }: Content): boolean {
  const texts = [...Object.values(copy), ...Object.values(overrides)];
  return silent === true || chatMessage !== undefined || texts.some(({ title, body }) => Boolean(title ?? body));
}
