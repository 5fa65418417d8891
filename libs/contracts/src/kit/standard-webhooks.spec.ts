import { Webhook } from 'standardwebhooks';
import { EgressRefusedError } from '../errors.js';
import type { Egress } from '../outbound.js';
import { type HttpCall, HttpFailure } from './http.js';
import { isWebhookSecret, newWebhookSecret, postWebhook, signWebhook } from './standard-webhooks.js';

const SECRET = 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';
const BODY = '{"type":"delivery.accepted","timestamp":"2026-01-01T00:00:00Z","data":{"deliveryId":"d_1"}}';
const ID = 'msg_01J9ZQ6Y8N5W3T2R1K0H7F4D2C';
const URL = 'https://hooks.example.com/bellhop';
const NOW = new Date('2026-01-01T00:00:00.900Z');

/** Remembers calls; answers with a status, or fails. */
class FakeEgress implements Egress {
  readonly calls: HttpCall[] = [];
  constructor(
    private readonly answer: number | Error = 204,
    private readonly headers: Record<string, string> = {},
  ) {}

  refusal(): undefined {
    return undefined;
  }

  async call(_url: string, call: HttpCall) {
    this.calls.push(call);
    if (this.answer instanceof Error) throw this.answer;
    return { status: this.answer, headers: new Headers(this.headers), body: 'nobody reads this' };
  }
}

const post = (egress: Egress, signal?: AbortSignal, secrets: readonly string[] = [SECRET], now = NOW) =>
  postWebhook(egress, { url: URL, id: ID, body: BODY, secrets }, now, signal);

describe('signatures', () => {
  // Computed with the reference library.
  it('are those of the specification', () => {
    expect(signWebhook({ id: ID, body: BODY, secrets: [SECRET] }, 1_767_225_600)).toBe(
      'v1,x7ZIQHUKL6U3UgMdRzKUpYCHWC9qgF+cmixo1BSQvLg=',
    );
  });

  it('are what the reference library accepts, with the old secret and with the new one', async () => {
    const egress = new FakeEgress();
    const other = newWebhookSecret();
    const body = JSON.stringify({ type: 'a.b', timestamp: '2026-01-01T00:00:00Z', data: { text: '您好 "🚌"\n' } });
    await postWebhook(egress, { url: URL, id: ID, body, secrets: [other, SECRET] }, new Date());
    const { headers = {}, body: sent = '' } = egress.calls[0] as HttpCall;
    expect(new Webhook(other).verify(sent, headers)).toEqual(JSON.parse(body));
    expect(new Webhook(SECRET).verify(Buffer.from(sent), headers)).toEqual(JSON.parse(body));
    expect(() => new Webhook(newWebhookSecret()).verify(sent, headers)).toThrow('No matching signature');
    expect(() => new Webhook(SECRET).verify(sent.replace('a.b', 'a.c'), headers)).toThrow('No matching signature');
    expect(() => new Webhook(SECRET).verify(sent, { ...headers, 'webhook-id': 'msg_2' })).toThrow('No matching');
  });

  it('bear the time of the attempt; the id stays', async () => {
    const egress = new FakeEgress();
    await post(egress);
    await post(egress, undefined, [SECRET], new Date(NOW.getTime() + 60_000));
    const headers = egress.calls.map((call) => call.headers ?? {});
    expect(headers.map((it) => it['webhook-timestamp'])).toEqual(['1767225600', '1767225660']);
    expect(headers.map((it) => it['webhook-id'])).toEqual([ID, ID]);
    expect(headers[0]?.['webhook-signature']).not.toBe(headers[1]?.['webhook-signature']);
  });
});

describe('secrets', () => {
  const ofBytes = (count: number): string => `whsec_${Buffer.alloc(count, 0xfb).toString('base64')}`;

  it('are random and of the documented form', () => {
    expect(isWebhookSecret(newWebhookSecret())).toBe(true);
    expect(newWebhookSecret()).not.toBe(newWebhookSecret());
  });

  it.each([SECRET, ofBytes(24), ofBytes(64)])('may be %s', (text) => expect(isWebhookSecret(text)).toBe(true));

  it.each([
    '',
    'whsec_',
    SECRET.slice(6),
    SECRET.slice(0, -1),
    `${SECRET}\n`,
    ofBytes(23),
    ofBytes(65),
    ofBytes(24).replaceAll('+', '-'),
    'whsk_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=',
    undefined,
    42,
  ])('may not be %j', (value) => expect(isWebhookSecret(value)).toBe(false));
});

describe('answers', () => {
  it.each([
    [200, {}, { kind: 'accepted' }],
    [204, {}, { kind: 'accepted' }],
    [
      301,
      { location: 'http://169.254.169.254/' },
      { kind: 'rejected', reason: 'webhook.redirected', vendorCode: 'HTTP 301' },
    ],
    [304, {}, { kind: 'rejected', reason: 'webhook.redirected', vendorCode: 'HTTP 304' }],
    [400, {}, { kind: 'transient', reason: 'webhook.refused', vendorCode: 'HTTP 400' }],
    [404, {}, { kind: 'transient', reason: 'webhook.refused', vendorCode: 'HTTP 404' }],
    [410, {}, { kind: 'misconfigured', reason: 'webhook.gone', field: 'url', vendorCode: 'HTTP 410' }],
    [429, {}, { kind: 'throttled', scope: 'channel', reason: 'webhook.busy', vendorCode: 'HTTP 429' }],
    [
      429,
      { 'retry-after': '7' },
      { kind: 'throttled', scope: 'channel', reason: 'webhook.busy', vendorCode: 'HTTP 429', retryAfterMs: 7000 },
    ],
    [502, {}, { kind: 'throttled', scope: 'channel', reason: 'webhook.busy', vendorCode: 'HTTP 502' }],
    [504, {}, { kind: 'throttled', scope: 'channel', reason: 'webhook.busy', vendorCode: 'HTTP 504' }],
    [500, {}, { kind: 'transient', reason: 'webhook.failed', vendorCode: 'HTTP 500' }],
    [
      503,
      { 'retry-after': 'Thu, 01 Jan 2026 00:01:00 GMT' },
      { kind: 'transient', reason: 'webhook.failed', vendorCode: 'HTTP 503', retryAfterMs: 59_100 },
    ],
  ])('%s %j', async (status, headers, outcome) => {
    expect(await post(new FakeEgress(status, headers as Record<string, string>))).toEqual(outcome);
  });

  it.each([
    ['ECONNREFUSED', new HttpFailure('ECONNREFUSED', false), { kind: 'transient', reason: 'webhook.no_answer' }],
    ['TimeoutError', new HttpFailure('TimeoutError', true), { kind: 'transient', reason: 'webhook.no_answer' }],
    [
      'refused',
      new EgressRefusedError('why'),
      { kind: 'misconfigured', reason: 'egress.refused', field: 'url', detail: 'why' },
    ],
  ])('none: %s', async (_, error, outcome) => expect(await post(new FakeEgress(error))).toMatchObject(outcome));

  it('none because we gave up: not known if it was sent', async () => {
    const aborted = AbortSignal.abort();
    expect(await post(new FakeEgress(new HttpFailure('AbortError', true)), aborted)).toMatchObject({ kind: 'unknown' });
    expect(await post(new FakeEgress(new HttpFailure('AbortError', false)), aborted)).toMatchObject({
      kind: 'transient',
    });
  });

  it('passes defects on', async () => {
    await expect(post(new FakeEgress(new TypeError('a defect')))).rejects.toThrow(TypeError);
  });
});
