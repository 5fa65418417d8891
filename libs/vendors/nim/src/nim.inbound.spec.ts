import { readFileSync } from 'node:fs';
import path from 'node:path';
import { accept, type InboundEvent, type RawRequest, readConfig } from '@bellhop/contracts';
import {
  acknowledgement,
  describeCases,
  describeInbound,
  executed,
  InboundHarness,
  loadCaseFile,
} from '@bellhop/contracts/testing';
import { type Callback, nimCopy, nimLogin, nimLogout, nimMessage } from '@bellhop/simulators';
import { NimInbound } from './nim.inbound.js';
import { NimConfig } from './nim.manifest.js';

interface CopyVector {
  readonly id: string;
  readonly appSecret: string;
  readonly bodyRaw: string;
  readonly md5: string;
  readonly curTime: string;
  readonly checkSum: string;
}

const fixtures = path.join(import.meta.dirname, '../fixtures');
const { appKey, appSecret, cases } = loadCaseFile(path.join(fixtures, 'inbound-copy-events.json'));
const { inbound } = JSON.parse(readFileSync(path.join(fixtures, 'signature-vectors.json'), 'utf8')) as {
  inbound: { vectors: CopyVector[] };
};
const adapter = new NimInbound();
const configWith = (others: Partial<NimConfig> = {}) => readConfig(NimConfig, { appKey, appSecret, ...others });
const config = configWith();
const now = new Date('2026-01-15T08:00:00Z');
const direct = { fromAccount: 'zhangsan', to: 'lisi', body: 'hello' };

describeCases(adapter, config, cases);
describeInbound(adapter, {
  config,
  cases,
  now,
  signedParts: ['body', 'header.md5', 'header.checksum', 'header.curtime'],
});

describe('the checksum of NIM', () => {
  it.each(inbound.vectors.map((vector) => [vector.id, vector] as const))('%s', (id, vector) => {
    const headers = { curtime: vector.curTime, md5: vector.md5, checksum: vector.checkSum };
    const request = { method: 'POST', path: '', query: {}, headers, body: Buffer.from(vector.bodyRaw) };
    const at = new Date(Number(vector.curTime));
    expect(adapter.verify(request, configWith({ appSecret: vector.appSecret }), at)).toMatchObject({ ok: true });
    expect(adapter.verify({ ...request, body: Buffer.from('{ }') }, config, at)).toMatchObject({
      code: 'nim.md5_mismatch',
    });
    executed('nim/signature-vectors.json', id);
  });

  it.each(['curtime', 'md5', 'checksum'])('needs the header %s', (name) => {
    const { [name]: _left, ...headers } = toRequest(nimMessage(config, direct, { now })).headers;
    const request = { ...toRequest(nimMessage(config, direct, { now })), headers };
    expect(adapter.verify(request, config, now)).toMatchObject({ reason: 'missing', code: 'nim.signature_missing' });
  });

  it('is fresh for a quarter of an hour', () => {
    const request = toRequest(nimMessage(config, direct, { now }));
    const later = new Date(+now + 900_001);
    expect(adapter.verify(request, config, new Date(+now + 900_000))).toMatchObject({ ok: true });
    expect(adapter.verify(request, config, later)).toMatchObject({ reason: 'stale', code: 'nim.curtime_stale' });
    expect(adapter.verify(request, configWith({ toleranceSeconds: 0 }), later)).toMatchObject({ ok: true });
  });

  it('that is forged is refused', () => {
    const harness = new InboundHarness(adapter, config);
    const received = harness.receive(toRequest(nimMessage(config, direct, { now, forged: true })), now);
    expect(received).toMatchObject({ outcome: 'rejected', code: 'nim.checksum_invalid', reply: { status: 401 } });
  });
});

describe('a message copy', () => {
  it('is answered so that NIM never takes a failure for a delivery', () => {
    const results = ['stored', 'duplicate', 'refused', 'malformed', 'unavailable'] as const;
    const replies = results.map((result) => adapter.acknowledge(acknowledgement(result)));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 401, 400, 503]);
  });

  it('of a person goes to the other one', () => {
    expect(eventOf(nimMessage(config, { ...direct, fromNick: '张三' }, { now }))).toMatchObject({
      kind: 'conversation.message',
      recipient: { identities: [{ kind: 'nim.accid', value: 'lisi' }] },
      sender: { id: 'zhangsan', name: '张三', role: 'user' },
      conversation: { id: 'zhangsan', type: 'direct' },
    });
  });

  it('of a team goes to its members without the sender', () => {
    const message = { ...direct, to: 't1', convType: 'TEAM', tMembers: ['lisi', 'zhangsan', 'wangwu', 'lisi'] };
    const event = eventOf(nimMessage(config, message, { now }));
    expect(event.recipient.identities.map(({ value }) => value)).toEqual(['lisi', 'wangwu']);
    expect(event.conversation).toEqual({ id: 't1', type: 'group' });
  });

  it('keeps members that it cannot read in view', () => {
    const copy = { eventType: '1', convType: 'TEAM', ...direct, msgidServer: '1', tMembers: 'lisi;wangwu' };
    const event = eventOf(nimCopy(config, copy, { now }));
    expect(event.recipient.identities).toEqual([]);
    expect(event.attributes).toMatchObject({ tMembers: 'lisi;wangwu' });
  });

  it.each([
    [{ antispam: 'true' }, ['antispam']],
    [{ blacklist: 'true' }, ['blacklisted']],
    [{ blacklist: true, antispam: 'true' }, ['blacklisted', 'antispam']],
    [{ antispam: 'false' }, undefined],
  ])('carries the vetoes of %j', (fields, vetoes) => {
    const copy = { eventType: '1', convType: 'PERSON', msgType: 'TEXT', ...direct, msgidServer: '1', ...fields };
    expect(eventOf(nimCopy(config, copy, { now })).push.vetoes).toEqual(vetoes);
  });

  it.each([
    [
      'AUDIO',
      { url: 'https://a.example/a', dur: 4551, size: 1 },
      { type: 'audio', attachment: { durationSeconds: 5 } },
    ],
    ['LOCATION', { title: '杭州', lat: 30.1, lng: 120.2 }, { type: 'location', attachment: { name: '杭州' } }],
    ['FILE', { name: 'a.pdf', size: 9093 }, { type: 'file', attachment: { name: 'a.pdf', size: 9093 } }],
    ['NOTIFICATION', { id: 3 }, { type: 'custom', text: null }],
    ['HOLOGRAM', {}, { type: 'unknown' }],
  ])('of type %s', (msgType, attach, expected) => {
    const message = { fromAccount: 'a', to: 'b', msgType, attach: JSON.stringify(attach) };
    expect(eventOf(nimMessage(config, message, { now })).message).toMatchObject(expected);
  });

  it('keeps ids beyond 2^53 that come as numbers', () => {
    const body = '{"eventType":1,"convType":"PERSON","fromAccount":"a","to":"b","msgidServer":9007199254740993}';
    const { events } = adapter.parse(
      accept({ method: 'POST', path: '', query: {}, headers: {}, body: Buffer.from(body) }).request,
    );
    expect(events[0]?.key).toBe('nim:msg:9007199254740993');
  });

  it.each([
    [{ eventType: '1', convType: 'CHATROOM' }, 'nim.conversation_unknown'],
    [{ eventType: '4' }, 'nim.event_unknown'],
    [{ x: 1 }, 'nim.event_unknown'],
  ])('of no use is skipped: %j', (copy, code) => {
    expect(parse(nimCopy(config, copy, { now }))).toMatchObject({ events: [], skipped: [{ code }] });
  });

  it('without a server id is malformed', () => {
    const copy = { eventType: '1', convType: 'PERSON', ...direct };
    expect(() => parse(nimCopy(config, copy, { now }))).toThrow(
      expect.objectContaining({ code: 'nim.required_field_missing' }),
    );
  });

  it('of a recall names what it can', () => {
    const copy = { eventType: '8', fromAccount: 'a', tid: 't1', msgidServer: '7', tMembers: '["a","b"]' };
    expect(eventOf(nimCopy(config, copy, { now }))).toMatchObject({
      kind: 'message.recalled',
      key: 'nim:recall:7',
      conversation: { id: 't1', type: 'group' },
      recipient: { identities: [{ value: 'b' }] },
      push: { notify: false },
    });
    expect(eventOf(nimCopy(config, { eventType: '7' }, { now })).key).toMatch(/^nim:recall:[\da-f]{64}$/);
  });
});

describe('a login copy', () => {
  const session = { accid: 'lisi', clientType: 'WEB', deviceId: 'd1' };

  it('is a session that came or went', () => {
    expect(eventOf(nimLogin(config, session, { now }))).toMatchObject({
      key: `nim:presence:lisi|d1|${+now}|2`,
      presence: { state: 'online', client: 'desktop', session: 'd1' },
      push: { notify: false },
    });
  });

  it.each([
    ['1', 'loggedOut'],
    ['2', 'offline'],
    ['3', 'kicked'],
    ['4', 'kicked'],
    ['9', 'offline'],
  ] as const)('with reason %s leaves the person %s', (reason, state) => {
    expect(eventOf(nimLogout(config, { ...session, reason }, { now })).presence?.state).toBe(state);
  });
});

function toRequest({ method, path, query, headers, body }: Callback): RawRequest {
  const lowerCase = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return { method, path, query, headers: lowerCase, body: Buffer.from(body) };
}

function parse(callback: Callback) {
  return adapter.parse(accept(toRequest(callback)).request);
}

function eventOf(callback: Callback): InboundEvent {
  const [event] = parse(callback).events;
  if (!event) throw new Error('no event');
  return event;
}
