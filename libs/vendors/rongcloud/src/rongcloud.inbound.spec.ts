import { readFileSync } from 'node:fs';
import path from 'node:path';
import { accept, type InboundEvent, type RawRequest, readConfig, type Verdict } from '@bellhop/contracts';
import { describeCases, describeInbound, executed, loadCaseFile } from '@bellhop/contracts/testing';
import { rongCloudMessage, rongCloudPresence, rongCloudSamples } from '@bellhop/simulators';
import { RongCloudInbound } from './rongcloud.inbound.js';
import { RongCloudConfig } from './rongcloud.manifest.js';

interface SignatureVector {
  readonly id: string;
  readonly secret: string;
  readonly nonce: string;
  readonly timestamp: string;
  readonly signature: string;
  readonly expect?: 'accept' | 'reject' | 'reject-by-format';
}

const fixtures = path.join(import.meta.dirname, '../fixtures');
const { appKey, appSecret, cases } = loadCaseFile(path.join(fixtures, 'inbound-callbacks.json'));
const signatures = JSON.parse(readFileSync(path.join(fixtures, 'signature-vectors.json'), 'utf8')) as Record<
  'vectors' | 'negative',
  SignatureVector[]
>;
const adapter = new RongCloudInbound();
const configWith = (others: Partial<RongCloudConfig> = {}) =>
  readConfig(RongCloudConfig, { appKey, appSecret, ...others });
const config = configWith();
const now = new Date('2026-01-15T08:00:00Z');

describeCases(adapter, config, cases);
describeInbound(adapter, {
  config,
  cases,
  now,
  signedParts: ['query.signature', 'query.signTimestamp', 'query.nonce'],
});

describe('the signature of RongCloud', () => {
  const vectors = [...signatures.vectors, ...signatures.negative];

  it.each(vectors.map((vector) => [vector.id, vector] as const))('%s', (id, vector) => {
    const { secret, nonce, timestamp, signature, expect: expected = 'accept' } = vector;
    const verdict = verifyQuery(
      { signTimestamp: timestamp, nonce, signature },
      { appSecret: secret, toleranceSeconds: 0 },
    );
    expect(verdict.ok).toBe(expected === 'accept');
    executed('rongcloud/signature-vectors.json', id);
  });

  it.each([
    ['signTimestamp', 'nonce', 'signature'],
    ['timestamp', 'nonce', 'signature'],
    ['rc-timestamp', 'rc-nonce', 'rc-signature'],
  ])('is read as %s, %s and %s', (...names) => {
    const { query } = rongCloudMessage(config, { fromUserId: 'a', toUserId: 'b' }, { now });
    const values = [query.signTimestamp, query.nonce, query.signature];
    const renamed = Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
    expect(verifyQuery(renamed)).toMatchObject({ ok: true });
  });

  it('refuses a nonce of 65 characters', () => {
    const { query } = rongCloudMessage(config, { fromUserId: 'a', toUserId: 'b' }, { now, nonce: '1'.repeat(65) });
    expect(verifyQuery(query)).toMatchObject({ code: 'rongcloud.signature_invalid' });
  });

  it.each([
    [900_000, true],
    [900_001, false],
    [-900_001, false],
  ])('is fresh for a quarter of an hour: %d ms', (age, ok) => {
    const { query } = rongCloudMessage(config, { fromUserId: 'a', toUserId: 'b' }, { now: new Date(+now - age) });
    expect(verifyQuery(query)).toMatchObject(ok ? { ok } : { ok, reason: 'stale', code: 'rongcloud.timestamp_stale' });
    expect(verifyQuery(query, { toleranceSeconds: 0 })).toMatchObject({ ok: true });
  });

  function verifyQuery(query: Record<string, string>, other: Partial<RongCloudConfig> = {}): Verdict {
    return adapter.verify(requestOf({ query }), configWith(other), now);
  }
});

describe('a routed message', () => {
  it('is not pushed to people whose session is online', () => {
    const event = eventOf(rongCloudMessage(config, { fromUserId: 'a', toUserId: 'b', text: 'hi' }, { now }));
    expect(event).toMatchObject({
      kind: 'conversation.message',
      conversation: { id: 'a', type: 'direct' },
      recipient: { identities: [{ kind: 'rongcloud.user_id', value: 'b' }] },
      push: { notify: true, skipWhenOnline: true },
    });
  });

  it('names nobody in a group unless it is directed', () => {
    const group = { fromUserId: 'a', toUserId: 'g1', channelType: 'GROUP' };
    expect(eventOf(rongCloudMessage(config, group, { now })).recipient.identities).toEqual([]);
    const directed = eventOf(rongCloudMessage(config, { ...group, groupUserIds: ['b', 'a'] }, { now }));
    expect(directed.recipient.identities).toEqual([{ kind: 'rongcloud.user_id', value: 'b' }]);
    expect(directed.conversation).toEqual({ id: 'g1', type: 'group' });
  });

  it.each([
    ['groupUserIds=%5B%22b%22%2C%22c%22%5D', ['b', 'c']],
    ['groupUserIds=[9007199254740993,567]', ['9007199254740993', '567']],
    ['groupUserIds=b&groupUserIds=c', ['b', 'c']],
    ['groupUserIds=b,c', ['b', 'c']],
    ['groupUserIds=', []],
  ])('reads the recipients of a directed message: %s', (field, expected) => {
    const body = `fromUserId=a&toUserId=g1&objectName=RC:TxtMsg&channelType=GROUP&msgUID=1&${field}`;
    expect(eventOf({ body }).recipient.identities.map(({ value }) => value)).toEqual(expected);
  });

  it.each([
    ['RC:TxtMsg', { content: 'hi' }, { type: 'text', text: 'hi' }],
    ['RC:ImgMsg', { content: 'base64', imageUri: 'https://a.example/p' }, { type: 'image', text: null }],
    ['RC:HQVCMsg', { remoteUrl: 'https://a.example/v', duration: 7 }, { attachment: { durationSeconds: 7 } }],
    ['RC:VcMsg', { content: 'base64', duration: 3 }, { type: 'audio', text: null }],
    ['RC:SightMsg', { sightUrl: 'https://a.example/s' }, { type: 'video', attachment: { url: 'https://a.example/s' } }],
    ['RC:FileMsg', { name: 'a.pdf', size: '12' }, { type: 'file', attachment: { name: 'a.pdf', size: 12 } }],
    ['RC:LBSMsg', { poi: '天安门' }, { type: 'location', attachment: { name: '天安门' } }],
    ['RC:New', { content: 'x' }, { type: 'unknown', text: null }],
    ['APP:Order', { content: 'x' }, { type: 'custom', text: null }],
  ])('of type %s', (objectName, content, expected) => {
    const message = { fromUserId: 'a', toUserId: 'b', objectName, content: JSON.stringify(content) };
    expect(eventOf(rongCloudMessage(config, message, { now })).message).toMatchObject(expected);
  });

  it.each(['RC:RcCmd', 'RC:RcNtf'])('that recalls another one (%s) shows nothing', (objectName) => {
    const message = { fromUserId: 'a', toUserId: 'b', objectName, content: '{"messageUId":"M-1"}' };
    expect(eventOf(rongCloudMessage(config, message, { now }))).toMatchObject({
      kind: 'message.recalled',
      message: { id: 'M-1' },
      push: { notify: false },
    });
  });

  it('shows no signal between clients', () => {
    const message = { fromUserId: 'a', toUserId: 'b', objectName: 'RC:ReadNtf', content: '{}' };
    expect(eventOf(rongCloudMessage(config, message, { now })).push.notify).toBe(false);
  });

  it('with a blocked word is vetoed', () => {
    const message = { fromUserId: 'a', toUserId: 'b', sensitiveType: '1' };
    expect(eventOf(rongCloudMessage(config, message, { now })).push.vetoes).toEqual(['antispam']);
  });

  it('without msgUID is the same event in whatever order its fields come', () => {
    const fields = ['fromUserId=a', 'toUserId=b', 'objectName=RC:TxtMsg', 'channelType=PERSON'];
    const [one, other] = [fields, fields.toReversed()].map((each) => eventOf({ body: each.join('&') }));
    expect(one?.key).toMatch(/^rongcloud:hash:[\da-f]{64}$/);
    expect(other?.key).toBe(one?.key);
  });

  it('is read as the vendor prints it', () => {
    const read = parse({ body: rongCloudSamples.messageRoute });
    expect(read).toMatchObject({ parseMode: 'tolerant', events: [{ message: { text: 'hello' } }] });
  });

  it('without recipient is malformed', () => {
    expect(() => parse({ body: 'fromUserId=a' })).toThrow(
      expect.objectContaining({ code: 'rongcloud.required_field_missing' }),
    );
  });
});

describe('an online status', () => {
  it.each([true, false])('comes as a list or as one object (list: %p)', (asList) => {
    const session = { userid: 'u1', status: '1', os: 'Websocket', time: +now, sessionId: 's-1' } as const;
    expect(eventOf(rongCloudPresence(config, [session], { now }, asList))).toMatchObject({
      key: `rongcloud:presence:u1|s-1|1|${+now}`,
      occurredAt: now.toISOString(),
      presence: { state: 'offline', client: 'desktop', session: 's-1' },
      push: { notify: false },
    });
  });

  it('that makes no sense is skipped, the others stay', () => {
    const read = parse({ body: '[{"userid":"u1","status":"9"},7,{"userid":"u2","status":0,"time":1768464000000}]' });
    expect(read.skipped).toHaveLength(2);
    expect(read.events).toMatchObject([{ presence: { state: 'online' } }]);
  });

  it('is recognised by its body whatever the content type', () => {
    const body = '{"userid":"u2","status":"0"}';
    expect(eventOf({ body, headers: { 'content-type': 'application/x-www-form-urlencoded' } }).kind).toBe(
      'presence.changed',
    );
  });
});

interface Parts {
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

function requestOf({ query = {}, headers = {}, body = '' }: Parts): RawRequest {
  return { method: 'POST', path: '', query, headers, body: Buffer.from(body) };
}

function parse(parts: Parts) {
  return adapter.parse(accept(requestOf(parts)).request, config);
}

function eventOf(parts: Parts): InboundEvent {
  const [event] = parse(parts).events;
  if (!event) throw new Error('no event');
  return event;
}
