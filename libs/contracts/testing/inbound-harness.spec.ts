import {
  accept,
  CommandRejectedError,
  ConfigField,
  hmacSha256,
  type InboundAdapter,
  type InboundEvent,
  MalformedPayloadError,
  type ParsedInbound,
  type RawRequest,
  refuse,
  sameText,
  type Verdict,
} from '@bellhop/contracts';
import { IsString } from 'class-validator';
import { describeInbound, InboundHarness, matchSubset } from './index.js';

class AcmeConfig {
  @ConfigField({ title: 'Secret', secret: true })
  @IsString()
  secret: string;
}

/** A vendor as it should be: signed time, nonce and body; the body is a list of events. */
const acme: InboundAdapter<AcmeConfig> = {
  manifest: {
    id: 'acme',
    name: 'Acme',
    summary: 'A vendor for these tests.',
    documentation: 'https://acme.example/docs',
    setup: '1. Nothing to do.',
    config: AcmeConfig,
    authenticity: 'signature',
    methods: ['POST'],
    emits: ['conversation.message'],
    identities: [{ kind: 'acme.user', summary: 'A user.' }],
  },
  handshake: ({ query }) => (query.echo ? { status: 200, body: query.echo } : undefined),
  verify({ query, body, ...rest }: RawRequest, { secret }: AcmeConfig, now: Date): Verdict {
    const { time = '', nonce = '', signature = '' } = query;
    if (!signature || !time || !nonce) return refuse('missing', 'acme.signature_missing');
    if (!(Math.abs(now.getTime() - Number(time)) <= 60_000)) return refuse('stale', 'acme.stale');
    const expected = sign(secret, time, nonce, body);
    if (!sameText(signature, expected)) return refuse('mismatch', 'acme.signature_invalid');
    return accept({ query, body, ...rest }, undefined, { key: nonce, reusedCode: 'acme.nonce_reused' });
  },
  parse: ({ body }) => readAcme(body),
  acknowledge: ({ result }) => ({ status: { refused: 401, rejected: 400, unavailable: 503 }[result as string] ?? 200 }),
};

const sign = (secret: string, time: string, nonce: string, body: Buffer): string =>
  hmacSha256(secret, time, nonce, body).toString('hex');

function readAcme(body: Buffer): ParsedInbound {
  const words = body.toString();
  if (!/^[\w,-]*$/.test(words)) throw new MalformedPayloadError('acme.odd', 'The body is no list of words.');
  if (words.includes('forbidden')) throw new CommandRejectedError('acme.forbidden', 'That is forbidden.');
  const names = words.split(',').filter((name) => name !== '' && name.length < 100);
  return {
    events: names.filter((name) => name !== 'skip').map((name) => eventOf(name)),
    skipped: names.filter((name) => name === 'skip').map(() => ({ code: 'acme.skipped' })),
    parseMode: 'strict',
  };
}

/** `key-alias`; the key `nobody` names no recipient, a key that starts with `w` counts for a second only. */
function eventOf(name: string): InboundEvent {
  const [key = '', aliasKey] = name.split('-');
  return {
    kind: 'conversation.message',
    key: `id ${key}`,
    ...(aliasKey && { aliasKey }),
    ...(key.startsWith('w') && { dedupeWindowMs: 1000 }),
    recipient: { identities: key === 'nobody' ? [] : [{ kind: 'acme.user', value: 'u' }], devices: [] },
    push: { notify: true },
  };
}

const config: AcmeConfig = { secret: 'a secret of Acme' };
const now = new Date('2026-01-15T08:00:00.000Z');

function signed(words: string, nonce = words, overrides: Partial<RawRequest> = {}): RawRequest {
  const body = Buffer.from(words);
  const time = String(now.getTime());
  const query = { time, nonce, signature: sign(config.secret, time, nonce, body) };
  return { method: 'POST', path: '', query, headers: {}, body, ...overrides };
}

describeInbound(acme, {
  config,
  cases: [{ id: 'two events', request: signed('a,b') }],
  now,
  signedParts: ['query.time', 'query.nonce', 'query.signature', 'body'],
});

describe('InboundHarness', () => {
  const after = (...before: string[]) => {
    const harness = new InboundHarness(acme, config);
    for (const words of before) harness.receive(signed(words), now);
    return harness;
  };
  const summary = ({ outcome, code, reply, events }: ReturnType<InboundHarness<AcmeConfig>['receive']>) => [
    outcome,
    code,
    reply.status,
    events.length,
  ];

  it.each([
    ['a new event', [], signed('a'), ['accepted', undefined, 200, 1]],
    ['a redelivery', ['a'], signed('a'), ['duplicate', undefined, 200, 0]],
    ['a batch that is partly new', ['a'], signed('a,b'), ['accepted', undefined, 200, 1]],
    ['an alias seen under another key', ['a-x'], signed('b-x'), ['duplicate', undefined, 200, 0]],
    ['an alias that is the key of another', ['a'], signed('b-a'), ['accepted', undefined, 200, 1]],
    ['a key twice in one batch', [], signed('a,a'), ['accepted', undefined, 200, 1]],
    ['nobody to tell', [], signed('nobody'), ['unroutable', undefined, 200, 1]],
    ['parts without use', [], signed('skip'), ['ignored', 'acme.skipped', 200, 0]],
    ['nothing at all', [], signed('', 'n'), ['nothing', undefined, 200, 0]],
    ['a malformed body', [], signed('{}'), ['quarantined', 'acme.odd', 200, 0]],
    ['a command that breaks a rule', [], signed('a,forbidden'), ['rejected', 'acme.forbidden', 400, 0]],
    ['a proof used for another body', ['a'], signed('b', 'a'), ['quarantined', 'acme.nonce_reused', 401, 0]],
    ['a wrong proof', [], { ...signed('a'), body: Buffer.from('b') }, ['rejected', 'acme.signature_invalid', 401, 0]],
    ['another method', [], signed('a', 'a', { method: 'PUT' }), ['rejected', 'method_not_allowed', 405, 0]],
    ['an address check', [], signed('a', 'a', { query: { echo: 'hi' } }), ['handshake', undefined, 200, 0]],
  ])('%s', (_name, before, request, expected) => {
    expect(summary(after(...before).receive(request, now))).toEqual(expected);
  });

  it('refuses an address with another secret before anything else', () => {
    const result = after().receive(signed('a', 'a', { method: 'PUT' }), now, false);
    expect(summary(result)).toEqual(['rejected', 'acme.url_secret_invalid', 401, 0]);
  });

  it('forgets a digest when its window is over', () => {
    const harness = after('w');
    const at = (ms: number) => harness.receive(signed('w'), new Date(now.getTime() + ms)).outcome;
    expect([at(999), at(1000)]).toEqual(['duplicate', 'accepted']);
  });
});

describe('matchSubset', () => {
  it.each([
    [{ a: 1, b: 2 }, { a: 1 }, []],
    [{}, { a: null }, []],
    [{ a: [1, 2] }, { a: [1] }, ['/a: 2 items instead of 1']],
    [{ a: [{ b: 1 }] }, { a: [{ b: 2 }] }, ['/a/0/b: 1 instead of 2']],
    [{ a: 1 }, { a: { b: 1 } }, ['/a: 1 instead of an object']],
    [{}, { a: 'x' }, ['/a: nothing instead of "x"']],
  ])('%j in the light of %j', (actual, expected, faults) => {
    expect(matchSubset(actual, expected)).toEqual(faults);
  });
});
