import type { PushMessage } from '@bellhop/contracts';

/** What is shown in one language; what is the same for every language stands in {@link Content}. */
export interface Copy {
  readonly title?: string;
  readonly subtitle?: string;
  readonly body?: string;
}

/** A message before it meets a device. Plain JSON: stored with the notification. */
export interface Content extends Omit<PushMessage, 'title' | 'subtitle' | 'body' | 'priority' | 'expiresAt'> {
  /** By BCP 47 tag; `default` is always there. */
  readonly copy: { readonly default: Copy } & Readonly<Record<string, Copy>>;
}

/** Who is to be informed. Exactly one field. */
export interface Audience {
  readonly users?: readonly string[];
  /** Device ids. */
  readonly devices?: readonly string[];
  /** A vendor's names for people, as `kind:value`; what routing found stands in the deliveries. */
  readonly identities?: readonly string[];
}

/** The copy for a locale: exact tag, then its language, then the default. */
export function copyFor(content: Content, locale: string): Copy {
  const tags = Object.keys(content.copy);
  const language = locale.split('-')[0];
  const match = tags.find((tag) => tag === locale) ?? tags.find((tag) => tag.split('-')[0] === language);
  return (match !== undefined && content.copy[match]) || content.copy.default;
}
