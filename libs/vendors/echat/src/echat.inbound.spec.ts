import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type InboundEvent, type RawRequest, readConfig } from '@bellhop/contracts';
import {
  describeInbound,
  describeVectors,
  InboundHarness,
  loadVectors,
  type Received,
  type VectorCase,
} from '@bellhop/contracts/testing';
import {
  type Callback,
  type EchatAccount,
  echatChat,
  echatPush,
  echatReply,
  echatSamples,
  echatUrlCheck,
  echatXml,
} from '@bellhop/simulators';
import { issuePushInfo } from './echat.crypto.js';
import { EchatInbound } from './echat.inbound.js';
import { EchatConfig } from './echat.manifest.js';

const fixtures = path.join(import.meta.dirname, '../fixtures');
const vectors = loadVectors(fixtures);
const adapter = new EchatInbound();

function configOf({ settings }: Pick<VectorCase, 'settings'>): EchatConfig {
  const { mode, token, freshnessMs, appId, encodingAesKey } = settings;
  return readConfig(EchatConfig, { mode, token, appId, encodingAesKey, maxAgeSeconds: Number(freshnessMs) / 1000 });
}

describeVectors(adapter, vectors, configOf);

for (const profile of ['plain', 'secure']) {
  const own = vectors.filter((vector) => vector.profile === profile);
  const [first] = own;
  if (!first) throw new Error(`no vectors of the profile ${profile}`);
  describeInbound(adapter, {
    config: configOf(first),
    // The vectors run one by one above; what junk does depends on few of them.
    cases: own.slice(0, 10),
    now: first.now,
    signedParts: ['query.signature', 'query.timestamp', 'query.nonce'],
  });
}

const now = new Date('2026-01-15T08:00:00Z');
const plain: EchatAccount = { token: 'echat-test-token-01' };
const secure: EchatAccount = {
  ...plain,
  secure: { appId: 'ECHATAPP0001', encodingAesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' },
};
const chat = { companyId: '60', msgId: '900001', uid: 'user_10086' };

describe('the address check', () => {
  it('answers with the echostr and nothing else', () => {
    const { reply } = receive(echatUrlCheck(plain, '<b>8461</b>', { now }));
    expect(reply).toEqual({
      status: 200,
      headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
      body: '<b>8461</b>',
    });
  });

  it.each([
    ['', 400],
    ['e'.repeat(512), 200],
    ['e'.repeat(513), 400],
  ])('takes an echostr of 1 to 512 characters', (echostr, status) => {
    expect(receive(echatUrlCheck(plain, echostr, { now, method: 'POST' })).reply.status).toBe(status);
  });

  it('is proved like every call', () => {
    expect(receive(echatUrlCheck(plain, 'e', { now, forged: true }))).toMatchObject({
      outcome: 'rejected',
      code: 'echat.signature_invalid',
      reply: { status: 401 },
    });
  });
});

describe('the proof of a push', () => {
  it.each([
    ['a day', 86_400_000, 'accepted'],
    ['more than a day', 86_400_001, 'rejected'],
    ['minus ten minutes', -600_000, 'accepted'],
    ['less than that', -600_001, 'rejected'],
  ])('may be %s old', (_name, age, outcome) => {
    expect(receive(echatChat(plain, chat, { now: new Date(+now - age) })).outcome).toBe(outcome);
  });

  it('is good for one body', () => {
    const harness = new InboundHarness(adapter, plainConfig());
    const options = { now, nonce: 'n1' };
    const first = toRequest(echatChat(plain, chat, options));
    const other = toRequest(echatChat(plain, { ...chat, msgId: '900002' }, options));
    expect(harness.receive(first, now).outcome).toBe('accepted');
    expect(harness.receive(first, now).outcome).toBe('duplicate');
    expect(harness.receive(other, now)).toMatchObject({
      outcome: 'quarantined',
      code: 'echat.nonce_reused',
      reply: { status: 401 },
    });
  });

  it('is good for one body when its digits are divided otherwise', () => {
    const harness = new InboundHarness(adapter, plainConfig());
    const { query, ...callback } = echatChat(plain, chat, { now, nonce: '1' });
    expect(harness.receive(toRequest({ ...callback, query }), now).outcome).toBe('accepted');
    const shifted = { ...query, timestamp: `${query.timestamp?.slice(1)}`, nonce: '11' };
    const other = echatChat(plain, { ...chat, msgId: '2' }, { now }).body;
    expect(harness.receive(toRequest({ ...callback, query: shifted, body: other }), now)).toMatchObject({
      code: 'echat.nonce_reused',
    });
  });

  it('includes msg_signature where it comes', () => {
    const callback = echatChat(secure, chat, { now });
    const query = { ...callback.query, msg_signature: '0'.repeat(40) };
    expect(receive({ ...callback, query }, secureConfig())).toMatchObject({ code: 'echat.signature_invalid' });
  });
});

describe('secure mode', () => {
  it('opens what Echat encrypts', () => {
    expect(eventOf(echatChat(secure, chat, { now }), secureConfig())).toMatchObject({ key: '60:chatSend:900001' });
  });

  it.each(['secure-chatSend-wrapped.xml', 'secure-docs-malformed.xml'])('opens %s', (file) => {
    const envelope = readFileSync(path.join(fixtures, file), 'utf8');
    const { outcome } = receive(echatPush(plain, 'chatSend', envelope, { now }), secureConfig());
    expect(outcome).toBe('accepted');
  });

  it('needs App ID and key', () => {
    expect(() => readConfig(EchatConfig, { token: 't', mode: 'secure' })).toThrow(
      expect.objectContaining({
        issues: [
          expect.objectContaining({ field: '/appId' }),
          expect.anything(),
          expect.objectContaining({ field: '/encodingAesKey' }),
        ],
      }),
    );
    expect(readConfig(EchatConfig, { token: 't' }).mode).toBe('plain');
  });
});

describe('a push', () => {
  it.each(Object.entries(echatSamples))('is read as the vendor prints it: %s', (type, xml) => {
    expect(xml).toBe(readFileSync(path.join(fixtures, `docs-${type}-malformed.xml`), 'utf8'));
    const { parseMode, events } = receive(echatPush(plain, type, xml, { now }));
    expect(parseMode).toBe('tolerant');
    expect(events).toMatchObject([{ key: `60:${type}:345678`, conversation: { id: '1733339' }, push: { badge: 3 } }]);
  });

  it('never tells the address of the visitor', () => {
    const { events } = receive(echatPush(plain, 'msgReply', echatSamples.msgReply, { now }));
    expect(JSON.stringify(events)).not.toMatch(/visitor@example|13800000000|staff01/);
  });

  it.each([
    ['chatSend-injection.xml', 'echat.duplicate_field'],
    ['chatSend-doctype.xml', 'echat.xml_doctype_forbidden'],
  ])('with a trick is put aside: %s', (file, code) => {
    const body = readFileSync(path.join(fixtures, file), 'utf8');
    expect(receive(echatPush(plain, 'chatSend', body, { now }))).toMatchObject({ outcome: 'quarantined', code });
  });

  it.each(['toString', '__proto__', ''])('of type %p is ignored', (type) => {
    expect(receive(echatPush(plain, type, '<xml/>', { now })).code).toBe('echat.push_type_unsupported');
  });

  it('carries what the app needs to open the chat', () => {
    const { push } = eventOf(echatChat(plain, { ...chat, talkId: '7 7', unreadMsgCount: '3' }, { now }));
    expect(push).toMatchObject({
      badge: 3,
      collapseId: 'echat-60-7 7',
      deepLink: 'support/echat/chat?company=60&talk=7%207',
      extras: {
        vendor: 'echat',
        kind: 'conversation.message',
        chatCompanyId: '60',
        unreadMsgCount: '3',
        echatTimeStamp: String(+now),
      },
    });
  });

  it('keeps markup out of the text, and text that looks like markup in it', () => {
    const content = '<p>1 &lt; 2</p>&lt;b&gt;';
    expect(eventOf(echatChat(plain, { ...chat, content }, { now })).message?.text).toBe('1 < 2 <b>');
  });

  it.each([
    ['http://api.echatsoft.com/a', undefined],
    ['https://evil.example/a', undefined],
    ['https://notechatsoft.com/a', undefined],
    ['https://api.echatsoft.com/a', 'https://api.echatsoft.com/a'],
  ])('hands over the page with details when it is safe: %s', (viewUrl, echatUrl) => {
    const { push } = eventOf(echatReply(plain, 'msgReply', { ...chat, viewUrl }, { now }));
    expect(push.extras?.echatUrl).toBe(echatUrl);
    expect(push.deepLink).toBe('support/echat/message/900001');
  });

  it.each([
    [[], 'email', true],
    [['app'], 'email,sms', false],
    [['SMS'], 'email, sms', true],
    [['app'], '', true],
  ])('is shown when its reply channel is wanted: %j, %p', (replyChannels, replyChannel, notify) => {
    const config = plainConfig({ replyChannels });
    expect(eventOf(echatReply(plain, 'msgSend', { ...chat, replyChannel }, { now }), config).push.notify).toBe(notify);
  });

  it.each(['4', '5'])('to a visitor of another channel is not shown: %s', (visitorType) => {
    expect(eventOf(echatChat(plain, { ...chat, visitorType }, { now })).push.notify).toBe(false);
  });

  it('of another company is ignored', () => {
    const config = plainConfig({ allowedCompanyIds: ['61'] });
    expect(receive(echatChat(plain, chat, { now }), config)).toMatchObject({
      outcome: 'ignored',
      code: 'echat.company_not_allowed',
    });
  });

  it.each([
    ['ZH-CN', 'zh'],
    ['jp', 'ja'],
    ['en', 'en'],
    ['', undefined],
    ['1', undefined],
  ])('is in the language %p', (lan, locale) => {
    const xml = echatXml({ ...chat, lan });
    expect(eventOf(echatPush(plain, 'chatSend', xml, { now })).locale).toBe(locale);
  });
});

describe('a pushInfo that comes back', () => {
  const key = 'pushinfo-test-key';
  const vouch = (value: string, config: Partial<EchatConfig>) =>
    adapter.vouch({ kind: 'echat.push_info', value }, plainConfig(config), 'echat-demo');

  it('names the user when we signed it', () => {
    const value = issuePushInfo(key, 'echat-demo', 'user_10086');
    expect(vouch(value, { pushInfoKey: key })).toEqual({ userId: 'user_10086' });
    expect(vouch(value, {})).toBe('untrusted');
  });

  it('is looked up unsigned only when the operator wants it', () => {
    expect(vouch('device-7', { pushInfoKey: key })).toBe('untrusted');
    expect(vouch('device-7', { trustRawPushInfo: true })).toBeUndefined();
  });

  it('says nothing about other identities', () => {
    expect(adapter.vouch({ kind: 'echat.member_uid', value: 'u' }, plainConfig(), 'echat-demo')).toBeUndefined();
  });
});

function plainConfig(others: Partial<EchatConfig> = {}): EchatConfig {
  return readConfig(EchatConfig, { token: plain.token, ...others });
}

function secureConfig(): EchatConfig {
  return readConfig(EchatConfig, { token: plain.token, mode: 'secure', ...secure.secure });
}

function toRequest({ method, path, query, headers, body }: Callback): RawRequest {
  return { method, path, query, headers, body: Buffer.from(body) };
}

function receive(callback: Callback, config = plainConfig()): Received {
  return new InboundHarness(adapter, config).receive(toRequest(callback), now);
}

function eventOf(callback: Callback, config = plainConfig()): InboundEvent {
  const [event] = receive(callback, config).events;
  if (!event) throw new Error('no event');
  return event;
}
