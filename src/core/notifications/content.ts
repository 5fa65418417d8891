import type { AudienceExpression, Platform, PushMessage } from '@bellhop/contracts';
import { tagForms } from '../../platform/language-tags.js';

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

/** Who is to be informed: an expression, or exactly one of the lists. */
export interface Audience extends AudienceExpression {
  /** Device ids. */
  readonly devices?: readonly string[];
  /** A vendor's names for people, as `kind:value`; what routing found stands in the deliveries. */
  readonly identities?: readonly string[];
}

/** The copy for a locale: the nearest tag, then any of its language, then the default. */
export function copyFor({ copy }: Content, locale: string): Copy {
  const language = locale.split('-')[0];
  const match =
    tagForms(locale).find((tag) => Object.hasOwn(copy, tag)) ??
    Object.keys(copy).find((tag) => tag.split('-')[0] === language);
  return (match !== undefined && copy[match]) || copy.default;
}

export interface MessageOptions {
  readonly locale: string;
  /** Of the device; absent where the vendor finds the devices and applies the overrides itself. */
  readonly platform?: Platform | null;
  readonly priority: PushMessage['priority'];
  readonly expiresAt: Date;
}

/** A content in the language of its target, and in the form of its platform. */
export function messageOf(content: Content, { locale, platform, priority, expiresAt }: MessageOptions): PushMessage {
  const { copy: _copy, overrides, chatMessage, ...shared } = content;
  const message = { ...shared, ...copyFor(content, locale), priority, expiresAt };
  if (platform) return { ...message, ...overrides?.[platform] };
  return { ...message, ...(overrides && { overrides }), ...(chatMessage && { chatMessage }) };
}
