import { Webhook } from 'standardwebhooks';
import {
  type ReceivedWebhook,
  startWebhookReceiver,
  type WebhookReceiver,
  type WebhookReceiverOptions,
} from './receiver.js';

const SECRET = 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';
const OTHER = 'whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=';

describe('the webhook receiver', () => {
  let receiver: WebhookReceiver;
  afterEach(() => receiver.close());

  const start = async (options: WebhookReceiverOptions = { secrets: [SECRET] }) => {
    receiver = await startWebhookReceiver(options);
  };

  /** As the reference library signs it. */
  async function send(path = '', { id = 'msg_1', userId = 'u', secret = SECRET, at = new Date(), changed = '' } = {}) {
    const body = JSON.stringify({ type: 'a.b', data: { userId } });
    const headers = {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': `v1,AAAA ${new Webhook(secret).sign(id, at, body)}`,
    };
    return fetch(receiver.url + path, { method: 'POST', headers, body: body + changed, redirect: 'manual' });
  }

  const answers = (): string[] => receiver.requests.map(({ answer }: ReceivedWebhook) => answer);

  it('believes what one of its secrets has signed, and nothing else', async () => {
    await start();
    expect((await send()).status).toBe(204);
    expect((await send('', { secret: OTHER })).status).toBe(401);
    expect((await send('', { changed: ' ' })).status).toBe(401);
    expect((await send('', { at: new Date(Date.now() - 301_000) })).status).toBe(401);
    expect((await fetch(receiver.url, { method: 'POST', body: '{}' })).status).toBe(401);
    receiver.trust(OTHER);
    expect((await send('', { secret: OTHER })).status).toBe(204);
    receiver.distrust(OTHER);
    expect((await send('', { secret: OTHER })).status).toBe(401);
    expect(answers()).toEqual([
      '204',
      '401 signature wrong',
      '401 signature wrong',
      '401 timestamp too far away',
      '401 headers missing',
      '204',
      '401 signature wrong',
    ]);
    expect(receiver.counters).toMatchObject({ requests: 7, genuine: 2 });
  });

  it('takes everything when it knows no secret, and says that it is not proved', async () => {
    await start({});
    expect((await send()).status).toBe(204);
    expect(receiver.requests[0]).toMatchObject({ genuine: false, id: 'msg_1', payload: { type: 'a.b' } });
  });

  it('behaves as path, user or script say', async () => {
    await start();
    expect((await send('/status418')).status).toBe(418);
    expect((await send('', { userId: 'u-status404' })).status).toBe(404);
    expect((await send('', { userId: 'u-ok' })).status).toBe(204);
    expect((await send('/busy7')).headers.get('retry-after')).toBe('7');
    expect((await send('/redirect')).headers.get('location')).toBe('http://169.254.169.254/latest/meta-data/');
    expect(await (await send('/huge')).text()).toHaveLength(1_000_000);
    expect((await send('/slow10')).status).toBe(204);
    await expect(send('/drop')).rejects.toThrow('fetch failed');
    receiver.script('status500');
    expect([(await send()).status, (await send()).status]).toEqual([500, 204]);
    expect(() => receiver.script('status500', 'nonsense')).toThrow('no such mode: nonsense');
  });

  it('fails as often as it is told, for each id', async () => {
    await start();
    const statuses: number[] = [];
    for (const id of ['a', 'a', 'b', 'a', 'b']) statuses.push((await send('/fail2', { id })).status);
    expect(statuses).toEqual([500, 500, 500, 204, 500]);
    expect(receiver.counters.repeated).toBe(3);
    receiver.reset();
    expect([receiver.requests, receiver.counters.requests]).toEqual([[], 0]);
  });

  it('holds calls back, and counts those that are open', async () => {
    await start();
    receiver.hold();
    const sending = Promise.all([send('', { id: 'a' }), send('', { id: 'b' })]);
    await receiver.received(2);
    expect(answers()).toEqual([]);
    receiver.release();
    expect((await sending).map(({ status }) => status)).toEqual([204, 204]);
    expect(receiver.counters.mostAtOnce).toBe(2);
  });

  it('is told what to do over its control endpoint', async () => {
    await start({ controlPort: 0 });
    const rules = { modes: ['status503'], trust: [SECRET] };
    await fetch(`${receiver.controlUrl}/rules`, { method: 'POST', body: JSON.stringify(rules) });
    expect((await send()).status).toBe(503);
    const requests = (await (await fetch(`${receiver.controlUrl}/requests`)).json()) as ReceivedWebhook[];
    expect(requests).toMatchObject([{ id: 'msg_1', genuine: true, answer: '503' }]);
  });
});
