import type { ContentType } from '@bellhop/contracts';
import { readText, renderText, type TemplateText, type ValueReader, variablesIn } from './template-text.js';

/** User-perceived characters that are shown; lock screens show less. */
export const COPY_LIMITS = { title: 60, body: 100 } as const;

/** Locale of the template for everybody whose language has none. */
export const DEFAULT_LOCALE = 'default';

/** A template ready for use. */
export interface CopyTemplate {
  readonly kind: string;
  /** Empty: every type. */
  readonly messageType: ContentType | '';
  /** BCP 47, a content key of devices, or {@link DEFAULT_LOCALE}. */
  readonly locale: string;
  /** Absent: the built-in title. */
  readonly title?: TemplateText;
  readonly body: TemplateText;
}

/** Undefined when one of them cannot be read. @param title null for none. */
export function compileTexts(title: string | null, body: string): Pick<CopyTemplate, 'title' | 'body'> | undefined {
  const text = readText(body);
  const heading = title === null ? undefined : readText(title);
  if ('fault' in text || (heading && 'fault' in heading)) return undefined;
  return { body: text.text, ...(heading && { title: heading.text }) };
}

/** What a template says of one event, before it is cut to {@link COPY_LIMITS}. */
export interface RenderedTemplate {
  /** Absent: the built-in title. */
  readonly title?: string;
  readonly body: string;
  /** The body tells itself for how many messages it stands. */
  readonly tellsCount: boolean;
}

/** Undefined when the body misses a value: half a sentence is worse than the next rule's words. */
export function renderTemplate(
  { title, body }: Pick<CopyTemplate, 'title' | 'body'>,
  read: ValueReader,
): RenderedTemplate | undefined {
  const text = renderText(body, read);
  if (text === undefined) return undefined;
  return { title: title && renderText(title, read), body: text, tellsCount: variablesIn(body).includes('count') };
}
