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

function hasCopy({ silent, copy, overrides = {} }: Content): boolean {
  const texts = [...Object.values(copy), ...Object.values(overrides)];
  return silent === true || texts.some(({ title, body }) => Boolean(title ?? body));
}
