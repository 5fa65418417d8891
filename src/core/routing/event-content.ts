import type { InboundEvent } from '@bellhop/contracts';
import type { App } from '../../access/app.entity.js';
import { publicId } from '../../platform/ids.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import type { IntegrationSettings } from '../integrations/integration.settings.js';
import type { Content, Copy } from '../notifications/content.js';
import { type CopyTemplate, DEFAULT_LOCALE } from '../templates/render.js';
import { speakersFor, templateFor } from '../templates/template-choice.js';
import { valuesOf } from '../templates/template-variables.js';
import { copyOf, type CopyLocale, LOCALES } from './copy.js';
import type { AcceptedEvent } from './accepted-event.js';
import type { Intent } from './facts.js';

/** Language of devices that name none: the event's, then the integration's, then the app's. */
export function localeOf(event: InboundEvent, settings: IntegrationSettings, app: App): string {
  return event.locale ?? settings.defaultLocale ?? app.defaultLocale;
}

const nearest = (locale: string): CopyLocale =>
  LOCALES.find((known) => known.split('-')[0] === locale.split('-')[0]) ?? (locale === '' ? 'zh-CN' : 'en');

/** By language tag; a map, because vendors choose some of the tags. */
type Copies = ReadonlyMap<string, Copy>;

/** What copy is made of besides the event. */
interface CopySources {
  readonly app: App;
  /** Language of devices that name none. */
  readonly locale: string;
  readonly templates: readonly CopyTemplate[];
  readonly hideContent: boolean;
  readonly count: number;
}

/**
 * What an event shows, in every language there is copy for. Without copy the default is empty.
 * @param locale language of devices that name none.
 * @param templates of the app.
 */
export function contentOf(
  { id, event }: AcceptedEvent,
  { row }: OpenedIntegration,
  app: App,
  count: number,
  locale: string,
  templates: readonly CopyTemplate[] = [],
): Content {
  const { push } = event;
  const { hideContent } = row.settings;
  return {
    copy: copiesOf(event, { app, locale, templates, hideContent, count }),
    badge: push.badge,
    collapseId: push.collapseId,
    threadId: push.threadId ?? event.conversation?.id,
    deepLink: push.deepLink && `${app.deepLinkScheme}://${push.deepLink}`,
    extras: {
      ...push.extras,
      kind: event.kind,
      sourceId: publicId('int', row.id),
      eventId: publicId('evt', id),
      ...(count > 1 && { messageCount: String(count) }),
    },
    sound: 'default',
  };
}

/**
 * Templates stand in front of the built-in words. The default, for languages and content keys that nobody has words for,
 * is built-in unless a template is meant for everybody; words that only templates have are better than none.
 */
function copiesOf(event: InboundEvent, sources: CopySources): Content['copy'] {
  const { locale } = sources;
  const builtIn = spoken(LOCALES, (tag) => copyOf(event, tag as CopyLocale, sources));
  const worded = templateCopies(event, sources);
  const [anything] = worded.values();
  const fallback = worded.get(DEFAULT_LOCALE) ?? builtIn.get(nearest(locale)) ?? worded.get(locale) ?? anything ?? {};
  return { ...Object.fromEntries([...builtIn, ...worded]), default: fallback };
}

/** What the templates say, for every language that has one, and for those of the built-in words. */
function templateCopies(event: InboundEvent, { app, locale, templates, hideContent, count }: CopySources): Copies {
  const speakers = speakersFor(event, templates, hideContent);
  if (speakers.length === 0) return new Map();
  const read = valuesOf({ event, count, app }, hideContent);
  const tags = [...LOCALES, locale, ...speakers.map((template) => template.locale)];
  return spoken(tags, (tag) => {
    const template = templateFor(tag, speakers, read);
    const language = nearest(tag === DEFAULT_LOCALE ? locale : tag);
    return template && copyOf(event, language, { hideContent, count, template });
  });
}

function spoken(tags: readonly string[], copyIn: (tag: string) => Copy | undefined): Copies {
  const copies = tags.map((tag) => [tag, copyIn(tag)] as const);
  return new Map(copies.filter((entry): entry is [string, Copy] => entry[1] !== undefined));
}

export function intentOf(event: InboundEvent, integrationId: string, content: Content): Intent {
  return {
    category: event.kind,
    vetoes: event.push.vetoes ?? [],
    forced: event.push.forced ?? false,
    hasCopy: Object.keys(content.copy.default).length > 0,
    conversation: event.conversation?.id,
    userSender: event.sender?.role === 'user' ? event.sender.id : undefined,
    servedOnlineBy: event.push.skipWhenOnline ? integrationId : undefined,
    accountOf: integrationId,
  };
}
