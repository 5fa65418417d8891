import { type Egress } from '@bellhop/contracts';
import { executed, PickyEgress, testContext } from '@bellhop/contracts/testing';
import { type NimSimulator, startNimSimulator } from '@bellhop/simulators';
import { APP, configFor, fixture } from '../testing/builders.js';
import { checkSum, NimApi } from './nim.api.js';
import type { NimConfig } from './nim.manifest.js';
import { onlineStatusRequest } from './nim.request.js';

interface SignatureVector {
  readonly id: string;
  readonly appSecret: string;
  readonly nonce: string;
  readonly curTime: string;
  readonly checkSum: string;
}

const { outbound } = fixture<{ outbound: { vectors: readonly SignatureVector[] } }>('signature-vectors.json');
const NEVER = new AbortController().signal;
const request = onlineStatusRequest(['kf_bot']);

describe('the checksum of a call', () => {
  it('has four examples', () => expect(outbound.vectors).toHaveLength(4));

  it.each(outbound.vectors.map((each) => [each.id, each] as const))(
    '%s',
    (id, { appSecret, nonce, curTime, ...is }) => {
      expect(checkSum(appSecret, nonce, curTime)).toBe(is.checkSum);
      executed('nim/signature-vectors.json', id);
    },
  );
});

describe('a call to NIM', () => {
  let clock = Date.parse('2026-01-01T00:00:00Z');
  let simulator: NimSimulator;

  beforeAll(async () => {
    simulator = await startNimSimulator({ ...APP, accounts: ['kf_bot'], refuseReusedNonces: true, now: () => clock });
  });
  beforeEach(() => simulator.reset());
  afterAll(() => simulator.close());

  const api = (changes: Partial<NimConfig> = {}, aheadMs = 0, egress?: Egress) => {
    const context = testContext({ now: () => new Date(clock + aheadMs), ...(egress && { egress }) });
    return new NimApi(configFor(changes, simulator), context);
  };

  it('proves itself anew each time', async () => {
    const calls = api();
    for (let i = 0; i < 3; i++) expect(await calls.call(request, NEVER)).toMatchObject({ ok: true });
    const nonces = simulator.requests.map(({ headers }) => headers['nonce']!);
    expect(new Set(nonces).size).toBe(3);
    expect(nonces.filter((nonce) => nonce.length > 128)).toEqual([]);
    expect(simulator.requests[0]?.headers).toMatchObject({
      appkey: APP.appKey,
      curtime: String(clock / 1000),
      'content-type': 'application/x-www-form-urlencoded;charset=utf-8',
    });
  });

  it('is made once more when NIM dislikes the first one, and under another checksum', async () => {
    simulator.script('kf_bot', [{ code: 414, desc: 'bad http header' }]);
    expect(await api().call(request, NEVER)).toMatchObject({ ok: true });
    expect(simulator.counters.answers).toEqual({ 414: 1, 200: 1 });
  });

  it('is not made a third time', async () => {
    simulator.script('kf_bot', [{ code: 414, desc: 'accids' }], { repeatLast: true });
    expect(await api().call(request, NEVER)).toMatchObject({
      outcome: { kind: 'rejected', reason: 'request.invalid' },
    });
    expect(simulator.counters.requests).toBe(2);
  });

  it('with another secret names the setting', async () => {
    expect(await api({ appSecret: 'another' }).call(request, NEVER)).toMatchObject({
      outcome: { kind: 'misconfigured', reason: 'credentials.refused', field: 'appSecret' },
    });
  });

  it.each([
    [301_000, 'ahead of'],
    [-301_000, 'behind'],
  ])('by a clock that is %d ms off says so', async (aheadMs, word) => {
    expect(await api({}, aheadMs).call(request, NEVER)).toMatchObject({
      outcome: { kind: 'misconfigured', reason: 'clock.skewed', detail: `our clock is 301 s ${word} NIM's` },
    });
    expect(simulator.counters.requests).toBe(1);
  });

  it('by a clock that is five minutes off is still good', async () => {
    expect(await api({}, 300_000).call(request, NEVER)).toMatchObject({ ok: true });
  });

  it('goes to the next address after one that cannot be reached, and stays there', async () => {
    const dead = await unusedAddress();
    const calls = api({ baseUrls: [dead, simulator.baseUrl] });
    expect(await calls.call(request, NEVER)).toMatchObject({ outcome: { kind: 'transient' } });
    expect(await calls.call(request, NEVER)).toMatchObject({ ok: true });
    expect(await calls.call(request, NEVER)).toMatchObject({ ok: true });
    expect(simulator.counters.requests).toBe(2);
  });

  it('goes to the next address after HTTP 502, and is not repeated by itself', async () => {
    const second = await startNimSimulator({ ...APP, accounts: ['kf_bot'], now: () => clock });
    simulator.script('*', [{ status: 502, body: '' }]);
    const calls = api({ baseUrls: [simulator.baseUrl, `${second.baseUrl}/`] });
    expect(await calls.call(request, NEVER)).toMatchObject({ outcome: { kind: 'transient', vendorCode: 'HTTP 502' } });
    expect(second.counters.requests).toBe(0);
    expect(await calls.call(request, NEVER)).toMatchObject({ ok: true });
    expect(second.counters.requests).toBe(1);
    await second.close();
  });

  it('leaves out addresses that may not be called', async () => {
    const refused = 'http://10.0.0.1/nimserver';
    const egress = new PickyEgress((url) => url.startsWith(refused));
    const calls = api({ baseUrls: [refused, simulator.baseUrl] }, 0, egress);
    expect(await calls.call(request, NEVER)).toMatchObject({ ok: true });
    expect(await api({ baseUrls: [refused] }, 0, egress).call(request, NEVER)).toMatchObject({
      outcome: { kind: 'misconfigured', reason: 'egress.refused', field: 'baseUrls' },
    });
    expect(simulator.counters.requests).toBe(1);
  });

  it('stays with an address whose fate is unknown', async () => {
    simulator.script('*', ['lost']);
    const calls = api({ baseUrls: [simulator.baseUrl, await unusedAddress()] });
    expect(await calls.call(request, NEVER)).toMatchObject({ outcome: { kind: 'unknown' } });
    expect(await calls.call(request, NEVER)).toMatchObject({ ok: true });
  });

  it('that takes too long has an unknown fate', async () => {
    simulator.script('*', ['silent']);
    expect(await api({ deadlineMs: 100 }).call(request, NEVER)).toMatchObject({
      outcome: { kind: 'unknown', reason: 'network.no_answer', vendorCode: 'TimeoutError' },
    });
  });

  it('is not made after it was given up', async () => {
    expect(await api().call(request, AbortSignal.abort())).toMatchObject({ outcome: { kind: 'transient' } });
    expect(simulator.counters.requests).toBe(0);
  });

  it('moves with the time', async () => {
    clock += 3_600_000;
    expect(await api().call(request, NEVER)).toMatchObject({ ok: true });
  });

  async function unusedAddress(): Promise<string> {
    const gone = await startNimSimulator(APP);
    await gone.close();
    return gone.baseUrl;
  }
});
