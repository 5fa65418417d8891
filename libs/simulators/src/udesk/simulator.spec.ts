import { createHash, randomUUID } from 'node:crypto';
import { startUdeskSimulator, type UdeskSimulator, type UdeskSimulatorOptions, udeskTestAccount } from './simulator.js';

const account = udeskTestAccount();
const START = Date.parse('2026-01-15T08:00:00Z');
let simulator: UdeskSimulator;
let now: number;

beforeEach(() => start());
afterEach(() => simulator.close());

async function start(options: UdeskSimulatorOptions = {}): Promise<void> {
  now = START;
  simulator = await startUdeskSimulator({ now: () => now, ...options });
}

interface Proof {
  readonly nonce?: string;
  readonly apiToken?: string;
  readonly email?: string;
  readonly skewSeconds?: number;
}

function proofOf({ nonce = randomUUID(), apiToken = account.apiToken, email = account.email, skewSeconds = 0 }: Proof) {
  const timestamp = String(Math.floor(now / 1000) + skewSeconds);
  const sign = createHash('sha256').update([email, apiToken, timestamp, nonce, 'v2'].join('&')).digest('hex');
  return { email, timestamp, sign, nonce, sign_version: 'v2' };
}

async function call(
  path: string,
  options: { readonly body?: object; readonly query?: Record<string, string>; readonly proof?: Proof } = {},
) {
  const query = new URLSearchParams({ ...options.query, ...proofOf(options.proof ?? {}) });
  const response = await fetch(`${simulator.url}/open_api_v1/${path}?${query.toString()}`, {
    method: options.body ? 'POST' : 'GET',
    ...(options.body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(options.body) }),
  });
  const text = await response.text();
  const fields = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
  return { status: response.status, ...fields, text } as {
    status: number | string;
    code?: number;
    status_code?: number;
  };
}

const turn = (body: object, proof?: Proof) => call('im/h5push', { body, ...(proof && { proof }) });
const customer = { web_token: 'user_1', im_web_plugin_id: 42 };

describe('the switch of the Udesk simulator', () => {
  it('keeps the state of each customer that it knows', async () => {
    simulator.addCustomer({ web_token: 'user_1', customer_token: 'c1' });
    expect(await turn({ ...customer, h5push: true })).toMatchObject({ code: 1000, status: '推送中', status_code: 1 });
    expect(await turn({ customer_token: 'c1', im_web_plugin_id: 42 })).toMatchObject({ status_code: 1 });
    expect(await turn({ ...customer, h5push: false })).toMatchObject({ status: '无推送', status_code: 0 });
    expect(await turn({ ...customer, web_token: 'user_2' })).toMatchObject({ code: 1000, status_code: 3 });
  });

  it.each([
    ['no token', { im_web_plugin_id: 42 }],
    ['two tokens', { ...customer, sdk_token: 's' }],
    ['no plugin', { web_token: 'user_1' }],
    ['an empty body', {}],
  ])('refuses %s', async (_name, body) => {
    expect(await turn(body)).toMatchObject({ status: 200, code: 2062 });
  });
});

describe('what every call has to pass', () => {
  it.each<readonly [string, Proof]>([
    ['another token', { apiToken: 'wrong' }],
    ['another e-mail', { email: 'a@example.com' }],
    ['an old timestamp', { skewSeconds: -901 }],
    ['a timestamp to come', { skewSeconds: 901 }],
  ])('is not passed by %s', async (_name, proof) => {
    expect(await turn(customer, proof)).toMatchObject({ status: 200, code: 2059 });
  });

  it('takes a nonce once in 15 minutes', async () => {
    expect(await turn(customer, { nonce: 'n' })).toMatchObject({ code: 1000 });
    now += 15 * 60_000 - 1;
    expect(await turn(customer, { nonce: 'n' })).toMatchObject({ code: 2059 });
    now += 15 * 60_000;
    expect(await turn(customer, { nonce: 'n' })).toMatchObject({ code: 1000 });
  });

  it('takes 60 calls in any minute, over all APIs', async () => {
    const answers: unknown[] = [];
    for (let count = 0; count < 60; count++) answers.push((await turn(customer)).code);
    expect(new Set(answers)).toEqual(new Set([1000]));
    expect((await call('im/customer_status', { query: { web_token: 'a' } })).status).toBe(429);
    now += 60_000;
    expect(await call('im/customer_status', { query: { web_token: 'a' } })).toMatchObject({ code: 1000 });
  });

  it('knows the older signature when asked to', async () => {
    await simulator.close();
    await start({ signVersion: 'v1' });
    const timestamp = String(now / 1000);
    const sign = createHash('sha1').update(`${account.email}&${account.apiToken}&${timestamp}`).digest('hex');
    const query = new URLSearchParams({ email: account.email, timestamp, sign, web_token: 'a' });
    const response = await fetch(`${simulator.url}/open_api_v1/im/customer_status?${query.toString()}`);
    expect(await response.json()).toMatchObject({ code: 1000 });
    expect(await turn(customer)).toMatchObject({ code: 2059 });
  });
});

describe('the other calls', () => {
  it('take a rating of a conversation that has ended', async () => {
    simulator.closeConversation(3001, [36, 37]);
    const rate = (body: object) => call('im/sessions/survey', { body });
    expect(await rate({ im_sub_session_id: 3001, option_id: 36, remark: '好' })).toMatchObject({ code: 1000 });
    expect(simulator.surveys).toEqual([{ conversation: 3001, option: 36, remark: '好' }]);
    expect(await rate({ im_sub_session_id: 3002, option_id: 36 })).toMatchObject({ code: 9200 });
    expect(await rate({ im_sub_session_id: 3001, option_id: 1 })).toMatchObject({ code: 2062 });
    expect(await rate({ option_id: 36 })).toMatchObject({ code: 2062 });
  });

  it('tell what a customer does, by the first token in their order', async () => {
    simulator.addCustomer({ customer_token: 'c' }, 1);
    simulator.addCustomer({ web_token: 'w' }, 2);
    const status = async (query: Record<string, string>) => (await call('im/customer_status', { query })).status_code;
    expect(await status({ web_token: 'w', customer_token: 'c' })).toBe(1);
    expect(await status({ web_token: 'w' })).toBe(2);
    expect(await status({ web_token: 'nobody' })).toBe(3);
  });

  it('are no others', async () => {
    expect((await call('customers')).status).toBe(404);
  });
});

it('plays scripts, on the control endpoint too, and forgets them', async () => {
  await simulator.close();
  await start({ controlPort: 0 });
  const rules = {
    customers: [{ web_token: 'user_1' }],
    scripts: [{ path: 'im/h5push', steps: [{ json: { code: 2002 } }, { status: 502, body: '<h1>' }, 'ok'] }],
    closed: [{ conversation: 1, options: [2] }],
  };
  const control = (path: string, init?: RequestInit) => fetch(`${simulator.controlUrl}${path}`, init);
  await control('/rules', { method: 'POST', body: JSON.stringify(rules) });
  expect(await turn(customer)).toMatchObject({ code: 2002 });
  expect((await turn(customer)).status).toBe(502);
  expect(await turn({ ...customer, h5push: true })).toMatchObject({ status_code: 1 });
  expect(await (await control('/requests')).json()).toMatchObject([
    { path: 'im/h5push', answer: '200 2002', body: customer },
    { answer: '502' },
    { answer: '200 1000' },
  ]);
  expect(simulator.counters).toEqual({ requests: 3, answers: { '200 2002': 1, '502': 1, '200 1000': 1 } });
  await control('/reset', { method: 'POST' });
  expect(await turn(customer)).toMatchObject({ status_code: 3 });
});

it('drops connections, is silent and comes back', async () => {
  simulator.script('*', ['drop', 'silence']);
  await expect(turn(customer)).rejects.toThrow('fetch failed');
  const silent = turn(customer).catch((error: unknown) => error);
  await simulator.received(2);
  await simulator.refuse();
  expect(await silent).toBeInstanceOf(Error);
  await expect(turn(customer)).rejects.toThrow('fetch failed');
  await simulator.listen();
  expect(await turn(customer)).toMatchObject({ code: 1000 });
});
