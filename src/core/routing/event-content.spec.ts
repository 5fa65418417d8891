import type { InboundEvent } from '@bellhop/contracts';
import { App } from '../../access/app.entity.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import { Integration } from '../integrations/integration.entity.js';
import { IntegrationSettings } from '../integrations/integration.settings.js';
import { contentOf, intentOf, localeOf } from './event-content.js';

const INTEGRATION = '019a8f3b-2c4d-7e5f-a0b1-c2d3e4f50617';
const EVENT = '019a8f3b-2c4d-7e5f-a0b1-c2d3e4f50618';
const app = Object.assign(new App(), { deepLinkScheme: 'shop', defaultLocale: 'zh-CN', timeZone: 'Asia/Shanghai' });

const bare: InboundEvent = {
  kind: 'conversation.message',
  key: 'k',
  recipient: { identities: [], devices: [] },
  sender: { id: 'u1', name: 'Amy', role: 'staff' },
  conversation: { id: 'c1' },
  message: { type: 'text', vendorType: 'text', text: 'the secret' },
  push: { notify: true },
};

const settings = (more: Partial<IntegrationSettings> = {}) => Object.assign(new IntegrationSettings(), more);

function content(more: Partial<InboundEvent> = {}, { count = 1, locale = 'zh-CN', hideContent = false } = {}) {
  const row = Object.assign(new Integration(), { id: INTEGRATION, settings: settings({ hideContent }) });
  const opened = { row } as OpenedIntegration;
  const accepted = { appId: '', id: EVENT, integrationId: INTEGRATION, callbackId: '', receivedAt: new Date(0) };
  return contentOf({ ...accepted, event: { ...bare, ...more } }, opened, app, count, locale);
}

describe('contentOf', () => {
  it('is everything but the device', () => {
    const push = {
      notify: true,
      badge: 3,
      collapseId: 'x-1',
      threadId: 't1',
      deepLink: 'support/chat?c=1',
      extras: { vendor: 'acme', orderId: 'A1' },
    };
    expect(content({ push })).toEqual({
      copy: {
        'zh-CN': { title: 'Amy', body: 'the secret' },
        en: { title: 'Amy', body: 'the secret' },
        default: { title: 'Amy', body: 'the secret' },
      },
      badge: 3,
      collapseId: 'x-1',
      threadId: 't1',
      deepLink: 'shop://support/chat?c=1',
      extras: {
        vendor: 'acme',
        orderId: 'A1',
        kind: 'conversation.message',
        sourceId: 'int_019a8f3b2c4d7e5fa0b1c2d3e4f50617',
        eventId: 'evt_019a8f3b2c4d7e5fa0b1c2d3e4f50618',
      },
      sound: 'default',
    });
  });

  it('groups by conversation where the vendor names no thread', () => {
    expect(content().threadId).toBe('c1');
    expect(content({ conversation: undefined }).threadId).toBeUndefined();
  });

  it('has no link where the event has none', () => {
    expect(content().deepLink).toBeUndefined();
  });

  it('lets no vendor pass for another event', () => {
    const forged = { sourceId: 'int_0', eventId: 'evt_0', kind: 'other' };
    expect(content({ push: { notify: true, extras: forged } }).extras).toEqual({
      kind: 'conversation.message',
      sourceId: 'int_019a8f3b2c4d7e5fa0b1c2d3e4f50617',
      eventId: 'evt_019a8f3b2c4d7e5fa0b1c2d3e4f50618',
    });
  });

  it('says for how many messages it stands', () => {
    expect(content({}, { count: 3 })).toMatchObject({
      copy: { 'zh-CN': { body: '[3条] the secret' }, en: { body: '[3] the secret' } },
      extras: { messageCount: '3' },
    });
    expect(content().extras).not.toHaveProperty('messageCount');
  });

  it('keeps hidden text out of everything', () => {
    const shown = content({}, { hideContent: true, count: 2 });
    expect(JSON.stringify(shown)).not.toContain('the secret');
    expect(shown.copy.en).toEqual({ title: 'Support', body: '[2] You have a new support message' });
  });

  it('without copy has an empty default, and no other', () => {
    expect(content({ message: undefined }).copy).toEqual({ default: {} });
  });

  it.each([
    ['zh-CN', 'zh'],
    ['zh', 'zh'],
    ['zh-TW', 'zh'],
    ['en', 'en'],
    ['en-GB', 'en'],
    ['ja', 'en'],
    ['', 'zh'],
  ])('speaks %p to a device that names no language as %s', (locale, language) => {
    const { copy } = content({ message: undefined, kind: 'ticket.replied', ticket: { id: '1' } }, { locale });
    expect(copy.default).toEqual(language === 'zh' ? copy['zh-CN'] : copy.en);
    expect(copy['zh-CN']).not.toEqual(copy.en);
  });
});

describe('localeOf', () => {
  it.each([
    ['ja', 'fr', 'ja'],
    [undefined, 'fr', 'fr'],
    [undefined, undefined, 'zh-CN'],
  ])('takes the event’s (%p), then the integration’s (%p): %p', (locale, defaultLocale, expected) => {
    expect(localeOf({ ...bare, locale }, settings({ defaultLocale }), app)).toBe(expected);
  });
});

describe('intentOf', () => {
  it.each([
    [{}, { category: 'conversation.message', vetoes: [], forced: false, hasCopy: true, conversation: 'c1' }],
    [{ conversation: undefined }, { conversation: undefined }],
    [{ message: undefined }, { hasCopy: false }],
    [{ push: { notify: true, vetoes: ['antispam'], forced: true } }, { vetoes: ['antispam'], forced: true }],
    [{ push: { notify: true, skipWhenOnline: true } }, { servedOnlineBy: INTEGRATION }],
    [{ push: { notify: true, skipWhenOnline: false } }, { servedOnlineBy: undefined }],
    [{ sender: { id: 'u1', role: 'user' } }, { userSender: 'u1' }],
    [{ sender: { id: 'u1', role: 'staff' } }, { userSender: undefined }],
    [{ sender: undefined }, { userSender: undefined }],
    [{}, { accountOf: INTEGRATION }],
  ] satisfies [Partial<InboundEvent>, object][])('of %j', (more, expected) => {
    expect(intentOf({ ...bare, ...more }, INTEGRATION, content(more))).toMatchObject(expected);
  });
});
