import type { InboundEvent } from '@bellhop/contracts';
import { tagForms } from '../../platform/language-tags.js';
import { type CopyTemplate, DEFAULT_LOCALE, type RenderedTemplate, renderTemplate } from './render.js';
import type { ValueReader } from './template-text.js';

/** Why a template of the right kind does not speak: the push has words of its own, or nothing is to be shown. */
export type Silence = 'explicit_text' | 'no_words';

/** Text that the vendor or the sender chose for the push. */
const explicitText = ({ push }: InboundEvent): string | undefined => (push.forced && push.forcedText) || push.text;

/**
 * Explicit text wins over templates, unless it is hidden anyway. A custom message without text is a signal of the app:
 * only a template for custom messages makes it visible.
 */
export function silenceOf(
  event: InboundEvent,
  { messageType }: Pick<CopyTemplate, 'messageType'>,
  hideContent: boolean,
): Silence | undefined {
  const explicit = explicitText(event);
  if (explicit && !hideContent) return 'explicit_text';
  return !explicit && messageType === '' && isSignal(event) ? 'no_words' : undefined;
}

function isSignal({ kind, message }: InboundEvent): boolean {
  return kind === 'conversation.message' && (!message || (message.type === 'custom' && !message.text));
}

/** The templates that may speak for an event. */
export function speakersFor(
  event: InboundEvent,
  templates: readonly CopyTemplate[],
  hideContent: boolean,
): readonly CopyTemplate[] {
  return templates.filter(
    (template) =>
      template.kind === event.kind &&
      (template.messageType === '' || template.messageType === event.message?.type) &&
      !silenceOf(event, template, hideContent),
  );
}

/**
 * What the nearest template says: that of the tag, of its shorter forms, then that for everybody; in each language the
 * one for the type of message before the one for every type. A template that lacks a value leaves the word to the next.
 */
export function templateFor(
  tag: string,
  speakers: readonly CopyTemplate[],
  read: ValueReader,
): RenderedTemplate | undefined {
  for (const form of [...tagForms(tag), DEFAULT_LOCALE]) {
    const inLanguage = speakers.filter(({ locale }) => locale === form);
    const typedFirst = [...inLanguage].sort((a, b) => Number(a.messageType === '') - Number(b.messageType === ''));
    for (const template of typedFirst) {
      const rendered = renderTemplate(template, read);
      if (rendered) return rendered;
    }
  }
  return undefined;
}
