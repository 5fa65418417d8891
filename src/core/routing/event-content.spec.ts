import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { ContentType, InboundEvent } from '@bellhop/contracts';
import { executed } from '@bellhop/contracts/testing';
import { App } from '../../access/app.entity.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import { Integration } from '../integrations/integration.entity.js';
import { IntegrationSettings } from '../integrations/integration.settings.js';
import { type Content, copyFor } from '../notifications/content.js';
import { compileTexts, type CopyTemplate } from '../templates/render.js';
import { contentOf, intentOf, localeOf } from './event-content.js';

const INTEGRATION = '019a8f3b-2c4d-7e5f-a0b1-c2d3e4f50617';
const EVENT = '019a8f3b-2c4d-7e5f-a0b1-c2d3e4f50618';
const app = Object.assign(new App(), {
  name: 'Shop',
  deepLinkScheme: 'shop',
  defaultLocale: 'zh-CN',
  timeZone: 'Asia/Shanghai',
});

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

interface Circumstances {
  readonly count?: number;
  readonly locale?: string;
  readonly hideContent?: boolean;
  readonly templates?: readonly CopyTemplate[];
}

function content(more: Partial<InboundEvent> = {}, circumstances: Circumstances = {}): Content {
  const { count = 1, locale = 'zh-CN', hideContent = false, templates } = circumstances;
  const row = Object.assign(new Integration(), { id: INTEGRATION, settings: settings({ hideContent }) });
  const opened = { row } as OpenedIntegration;
  const accepted = { appId: '', id: EVENT, integrationId: INTEGRATION, callbackId: '', receivedAt: new Date(0) };
  return contentOf({ ...accepted, event: { ...bare, ...more } }, opened, app, count, locale, templates);
}

function template(locale: string, body: string, more: Partial<CopyTemplate> & { heading?: string } = {}): CopyTemplate {
  const { heading, ...rest } = more;
  const texts = compileTexts(heading ?? null, body);
  if (!texts) throw new Error(body);
  return { kind: 'conversation.message', messageType: '', locale, ...texts, ...rest };
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

describe('contentOf with templates', () => {
  const english = template('en', 'A word from {{sender.name}}', { heading: '{{app.name}}' });
  const bodies = (shown: Content, ...locales: string[]) => locales.map((locale) => copyFor(shown, locale).body);

  it('puts them in front of the built-in words, each in its language', () => {
    const { copy } = content({}, { templates: [english, template('fr', 'Un message de {{sender.name}}')] });
    expect(copy).toEqual({
      'zh-CN': { title: 'Amy', body: 'the secret' },
      en: { title: 'Shop', body: 'A word from Amy' },
      fr: { title: 'Amy', body: 'Un message de Amy' },
      default: { title: 'Amy', body: 'the secret' },
    });
  });

  it('finds the words of a language for its regions, and those for the region first', () => {
    const chinese = [template('zh', 'zh'), template('zh-Hans', 'zh-Hans'), template('zh-Hant', 'zh-Hant')];
    expect(bodies(content({}, { templates: chinese }), 'zh-CN', 'zh-Hans', 'zh-Hant')).toEqual([
      'zh',
      'zh-Hans',
      'zh-Hant',
    ]);
    const notified = content({}, { templates: chinese, locale: 'zh-Hant-TW' });
    expect(bodies(notified, 'zh-Hant-TW')).toEqual(['zh-Hant']);
  });

  it('gives built-in words to languages and keys that have none, unless a template is meant for them', () => {
    const key = template('vip', 'For you alone');
    expect(bodies(content({}, { templates: [english, key] }), 'vip', 'ja', 'other')).toEqual([
      'For you alone',
      'the secret',
      'the secret',
    ]);
    const everybody = template('default', 'Something happened');
    expect(bodies(content({}, { templates: [english, everybody] }), 'en', 'zh-CN', 'ja')).toEqual([
      'A word from Amy',
      'Something happened',
      'Something happened',
    ]);
  });

  it('prefers the one for the type of the message', () => {
    const picture = template('en', 'A picture', { messageType: 'image' });
    const message = { type: 'image', vendorType: 'x', text: null } as const;
    expect(bodies(content({ message }, { templates: [english, picture] }), 'en')).toEqual(['A picture']);
    expect(bodies(content({}, { templates: [english, picture] }), 'en')).toEqual(['A word from Amy']);
  });

  it('shows no half sentences', () => {
    const sender = { role: 'staff' } as const;
    expect(bodies(content({ sender }, { templates: [english] }), 'en')).toEqual(['the secret']);
    const titled = template('en', 'Hello', { heading: '{{sender.name}}' });
    expect(content({ sender }, { templates: [titled] }).copy.en).toEqual({ title: 'Support', body: 'Hello' });
  });

  it('counts once', () => {
    const counting = template('zh-CN', '{{count}} 条新消息');
    expect(bodies(content({}, { templates: [english, counting], count: 3 }), 'en', 'zh-CN')).toEqual([
      '[3] A word from Amy',
      '3 条新消息',
    ]);
  });

  it('leaves text that the vendor chose alone', () => {
    const push = { notify: true, text: 'chosen' };
    expect(content({ push }, { templates: [english] }).copy).toEqual(content({ push }).copy);
  });

  it('hides what people wrote and how they are called, whatever the template says', () => {
    const hidden = { hideContent: true, count: 2 };
    const telling = template('zh-CN', '{{message.text}}', { heading: '{{sender.name}}' });
    const neutral = template('en', 'News at {{app.name}}', { heading: 'From {{sender.name}}' });
    const explicit = { notify: true, text: 'the secret', forced: true, forcedText: 'the secret' };
    for (const push of [bare.push, explicit, { notify: true, prefixSender: true }]) {
      const shown = content({ push }, { ...hidden, templates: [telling, neutral] });
      expect(JSON.stringify(shown)).not.toMatch(/the secret|Amy/);
      expect(shown.copy['zh-CN']).toEqual({ title: '在线客服', body: '[2条] 您有一条新的客服消息' });
      expect(shown.copy.en).toEqual({ title: 'Support', body: '[2] News at Shop' });
    }
  });

  it('has words for events that have none of their own', () => {
    const signal = { message: { type: 'custom', vendorType: 'x', text: null } } as const;
    const silent = content(signal, { templates: [english] });
    expect([silent.copy, intentOf(bare, INTEGRATION, silent).hasCopy]).toEqual([{ default: {} }, false]);
    // Once one language has words, everybody is told: in the language of the event, or else in that one.
    const worded = template('en', 'A signal', { messageType: 'custom' });
    const shown = content(signal, { templates: [worded] });
    expect(intentOf(bare, INTEGRATION, shown).hasCopy).toBe(true);
    expect(bodies(shown, 'en', 'zh-CN', 'fr')).toEqual(['A signal', 'A signal', 'A signal']);
    const both = [worded, template('fr', 'Un signal', { messageType: 'custom' })];
    expect(bodies(content(signal, { templates: both, locale: 'fr-CA' }), 'en', 'zh-CN')).toEqual([
      'A signal',
      'Un signal',
    ]);
  });

  it.each(['constructor', '__proto__', 'toString'])('is not led astray by the language %p', (locale) => {
    const signal = { message: undefined };
    const odd = template(locale, 'odd', { kind: 'conversation.started' });
    expect(content(signal, { locale, templates: [english] }).copy.default).toEqual({});
    const started = { kind: 'conversation.started', message: undefined } as const;
    const shown = JSON.parse(JSON.stringify(content(started, { templates: [odd] }))) as Content;
    expect(bodies(shown, locale, 'en')).toEqual(['odd', 'odd']);
  });
});

describe('the copy cases of the file', () => {
  interface CopyFile {
    readonly templates: readonly { readonly key: string; readonly msgType: ContentType; readonly text: string }[];
    readonly cases: readonly {
      readonly id: string;
      readonly message: Readonly<{
        type: ContentType;
        body: string;
        pushContent?: string;
        forcePushContent?: string;
        forced?: boolean;
        needPushNick?: boolean;
        fromNick?: string;
      }>;
      readonly device: { readonly customContentKey?: string };
      readonly expect: string | null;
    }[];
  }
  const file = JSON.parse(
    readFileSync(
      path.join(import.meta.dirname, '../../../libs/vendors/nim/fixtures/push-copy-resolution.json'),
      'utf8',
    ),
  ) as CopyFile;
  const templates = file.templates.map(({ key, msgType, text }) => template(key, text, { messageType: msgType }));

  // Devices without a key go by the language of the notification: one with built-in words, and one without.
  describe.each(['zh-CN', 'ja'])('to devices that speak %s', (locale) => {
    it.each(file.cases.map((each) => [each.id, each] as const))('%s', (id, { message, device, expect: expected }) => {
      const { type, body, pushContent, forcePushContent, forced, needPushNick, fromNick } = message;
      const said: Partial<InboundEvent> = {
        sender: { id: 'u1', name: fromNick, role: 'user' },
        message: { type, vendorType: type, text: body || null },
        push: { notify: true, text: pushContent, forced, forcedText: forcePushContent, prefixSender: needPushNick },
      };
      const shown = content(said, { locale, templates });
      expect(copyFor(shown, device.customContentKey ?? locale).body ?? null).toBe(expected);
      expect(intentOf({ ...bare, ...said }, INTEGRATION, shown).hasCopy).toBe(expected !== null);
      executed('nim/push-copy-resolution.json', id);
    });
  });

  it('are seven', () => {
    expect([file.cases.length, templates.length]).toEqual([7, 2]);
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
