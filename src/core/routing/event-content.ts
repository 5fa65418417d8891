import type { InboundEvent } from '@bellhop/contracts';
import type { App } from '../../access/app.entity.js';
import { publicId } from '../../platform/ids.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import type { IntegrationSettings } from '../integrations/integration.settings.js';
import type { Content, Copy } from '../notifications/content.js';
import { copyOf, type CopyLocale, LOCALES } from './copy.js';
import type { AcceptedEvent } from './accepted-event.js';
import type { Intent } from './facts.js';

/** Language of devices that name none: the event's, then the integration's, then the app's. */
export function localeOf(event: InboundEvent, settings: IntegrationSettings, app: App): string {
  return event.locale ?? settings.defaultLocale ?? app.defaultLocale;
}

const nearest = (locale: string): CopyLocale =>
  LOCALES.find((known) => known.split('-')[0] === locale.split('-')[0]) ?? (locale === '' ? 'zh-CN' : 'en');

/** What an event shows, in every language there is copy for. Without copy the default is empty. */
export function contentOf(
  { id, event }: AcceptedEvent,
  { row }: OpenedIntegration,
  app: App,
  count: number,
  locale: string,
): Content {
  const { push } = event;
  const options = { hideContent: row.settings.hideContent, count };
  const copies = LOCALES.map((language) => [language, copyOf(event, language, options)] as const);
  const spoken = copies.filter((entry): entry is [CopyLocale, Copy] => entry[1] !== undefined);
  const byLocale = Object.fromEntries(spoken);
  return {
    copy: { ...byLocale, default: byLocale[nearest(locale)] ?? {} },
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
