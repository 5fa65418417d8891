import { createHash } from 'node:crypto';
import { type NimSimulator, startNimSimulator } from './simulator.js';

const APP = { appKey: 'go9dnk49bkd9jd9vmel1kglw0803mgq3', appSecret: 'example-secret' };
const START = Date.parse('2026-01-01T00:00:00Z');

describe('the NIM simulator', () => {
  let clock = START;
  let simulator: NimSimulator;
  let sequence = 0;

  beforeEach(async () => {
    clock = START;
    simulator = await startNimSimulator({
      ...APP,
      accounts: ['svc', 'user', 'other'],
      teams: { t1: ['svc', 'user', 'other'] },
      controlPort: 0,
      ratePerSecond: 3,
      refuseReusedNonces: true,
      now: () => clock,
    });
  });
  afterEach(() => simulator.close());

  function proof(changes: { nonce?: string; at?: number; secret?: string; appKey?: string } = {}) {
    const { nonce = `nonce-${++sequence}`, at = clock, secret = APP.appSecret, appKey = APP.appKey } = changes;
    const curTime = String(Math.floor(at / 1000));
    const checkSum = createHash('sha1')
      .update(secret + nonce + curTime)
      .digest('hex');
    return { AppKey: appKey, Nonce: nonce, CurTime: curTime, CheckSum: checkSum };
  }

  async function post(path: string, form: object, headers: Record<string, string> = proof()) {
    const body = new URLSearchParams(form as Record<string, string>);
    const response = await fetch(`${simulator.baseUrl}${path}`, { method: 'POST', headers, body });
    return { status: response.status, date: response.headers.get('date'), text: await response.text() };
  }

  const codeOf = ({ text }: { text: string }) => (JSON.parse(text) as { code: number }).code;
  const notification = { from: 'svc', to: 'user', attach: '{"k":1}', pushcontent: 'hi' };
  const message = { from: 'svc', ope: '0', to: 'user', type: '0', body: '{"msg":"hello"}' };
  const notify = (changes: object = {}, headers?: Record<string, string>) =>
    post('/msg/sendAttachMsg.action', { ...notification, ...changes }, headers);
  const tell = (changes: object = {}) => post('/msg/sendMsg.action', { ...message, ...changes });

  it.each<[title: string, changes: Parameters<typeof proof>[0], code: number]>([
    ['is new', {}, 200],
    ['is five minutes old', { at: START - 300_000 }, 200],
    ['is older than five minutes', { at: START - 301_000 }, 414],
    ['comes from the future', { at: START + 301_000 }, 414],
    ['has a nonce of 128 characters', { nonce: 'n'.repeat(128) }, 200],
    ['has a longer nonce', { nonce: 'n'.repeat(129) }, 414],
    ['has no nonce', { nonce: '' }, 414],
    ['is made with another secret', { secret: 'another' }, 414],
    ['names another app', { appKey: 'another' }, 414],
  ])('judges a checksum that %s', async (_title, changes, code) => {
    expect(codeOf(await notify({}, proof(changes)))).toBe(code);
  });

  it('refuses a nonce that was used', async () => {
    const headers = proof();
    expect([codeOf(await notify({}, headers)), codeOf(await notify({}, headers))]).toEqual([200, 431]);
  });

  it('tells its own time', async () => {
    expect((await notify()).date).toBe('Thu, 01 Jan 2026 00:00:00 GMT');
  });

  it('blocks an app that is too fast for ten seconds', async () => {
    const codes = async (count: number) => {
      const answers = [];
      for (let i = 0; i < count; i++) answers.push(codeOf(await tell()));
      return answers;
    };
    expect(await codes(5)).toEqual([200, 200, 200, 416, 416]);
    clock += 9_999;
    expect(await codes(1)).toEqual([416]);
    clock += 1;
    expect(await codes(3)).toEqual([200, 200, 200]);
    expect(codeOf(await notify())).toBe(200);
  });

  it('knows its accounts and teams', async () => {
    expect(codeOf(await notify({ to: 'ghost' }))).toBe(404);
    expect(codeOf(await notify({ from: 'ghost' }))).toBe(404);
    expect(codeOf(await notify({ msgtype: '1', to: 't2' }))).toBe(803);
    simulator.register('ghost');
    expect(codeOf(await notify({ to: 'ghost' }))).toBe(200);
    expect(simulator.login('ghost', 'DEVELOPER')).toBe(200);
    expect(simulator.login('nobody', 'DEVELOPER')).toBe(404);
  });

  it('writes ids that JavaScript would round', async () => {
    expect((await tell()).text).toMatch(/"msgid":9007199254740993,/);
  });

  it.each<[form: object, push: object | undefined]>([
    [{ ...message }, { text: 'hello', nick: true, badge: true, forced: false }],
    [
      { ...message, pushContent: 'copy', option: '{"needPushNick":false,"badge":false}' },
      { text: 'copy', nick: false, badge: false },
    ],
    [{ ...message, option: '{"push":false}' }, undefined],
    [{ ...message, type: '100', body: '{"x":1}' }, undefined],
    [
      { ...message, forcepushall: 'true', forcepushcontent: 'urgent' },
      { text: 'hello', forced: false },
    ],
    [
      { ...message, ope: '1', to: 't1', FORCEPUSHLIST: '["user"]', forcePushContent: 'urgent' },
      { text: 'urgent', forced: true },
    ],
    [
      { ...message, ope: '1', to: 't1', forcepushlist: '["other"]' },
      { text: 'hello', forced: false },
    ],
  ])('pushes a message as it says: %#', async (form, push) => {
    expect(codeOf(await post('/msg/sendMsg.action', form))).toBe(200);
    expect(simulator.pushesTo('user')).toMatchObject(push ? [{ via: 'sendMsg', from: 'svc', ...push }] : []);
  });

  it.each<[form: object, push: object | undefined]>([
    [
      { payload: '{"pushTitle":"t"}', sound: 'a.caf' },
      { text: 'hi', payload: { pushTitle: 't' }, sound: 'a.caf', nick: false },
    ],
    [
      { isForcePush: 'true', forcePushContent: 'urgent' },
      { text: 'urgent', forced: true },
    ],
    [{ isForcePush: 'true', msgtype: '1', to: 't1', forcePushList: '["other"]' }, { forced: false }],
    [{ isForcePush: 'true', msgtype: '1', to: 't1' }, { forced: true }],
    [{ pushcontent: '' }, undefined],
  ])('pushes a notification as it says: %#', async (form, push) => {
    expect(codeOf(await notify(form))).toBe(200);
    expect(simulator.pushesTo('user')).toMatchObject(push ? [{ via: 'sendAttachMsg', ...push }] : []);
  });

  it.each<[path: string, form: object]>([
    ['sendMsg', { ...message, type: '5' }],
    ['sendMsg', { ...message, body: 'hello' }],
    ['sendMsg', { ...message, ope: '' }],
    ['sendMsg', { ...message, option: '[]' }],
    ['sendMsg', { ...message, ope: '1', to: 't1', forcepushlist: 'user' }],
    ['sendAttachMsg', { ...notification, msgtype: '2' }],
    ['sendAttachMsg', { ...notification, attach: '' }],
    ['sendBatchAttachMsg', { fromAccid: 'svc', toAccids: 'user', attach: '{}' }],
    ['sendBatchAttachMsg', { fromAccid: 'svc', toAccids: '[]', attach: '{}' }],
    ['broadcastMsg', { body: 'x'.repeat(4097) }],
    ['broadcastMsg', { body: 'x', targetOs: '["amiga"]' }],
  ])('refuses %s with %j', async (path, form) => {
    expect(codeOf(await post(`/msg/${path}.action`, form))).toBe(414);
    expect(simulator.counters).toMatchObject({ accepted: 0, pushes: 0 });
  });

  it('keeps what it was asked', async () => {
    await notify({ note: 'ü' });
    expect(simulator.requests).toEqual([
      {
        method: 'POST',
        path: '/nimserver/msg/sendAttachMsg.action',
        headers: expect.objectContaining({ appkey: APP.appKey, curtime: '1767225600' }) as object,
        bodyRaw: expect.stringContaining('from=svc&to=user') as string,
        params: { ...notification, note: 'ü' },
        at: new Date(START),
        answer: '200',
      },
    ]);
    expect(simulator.counters).toEqual({ requests: 1, accepted: 1, pushes: 1, answers: { 200: 1 } });
  });

  it('speaks v2', async () => {
    const v2 = async (method: string, path: string, body?: object) => {
      const response = await fetch(simulator.url + path, {
        method,
        headers: proof(),
        ...(body && { body: JSON.stringify(body) }),
      });
      return response.text();
    };
    const config = { push_content: 'hi', push_payload: '{"pushTitle":"t"}' };
    const push = { target_type: 1, target_os: ['ios'], sender_account_id: 'svc', content: 'c', push_config: config };
    expect(await v2('POST', '/im/v2/push_notification', push)).toBe('{"code":200,"data":{"push_id":9007199254740993}}');
    expect(JSON.parse(await v2('GET', '/im/v2/push_notification/9007199254740993'))).toMatchObject({ data: push });
    expect(await v2('GET', '/im/v2/push_notification/1')).toBe('{"code":404,"msg":"push_id not exist"}');
    for (const wrong of [{ target_type: 2 }, { target_os: ['beos'] }, { push_config: { push_payload: 'x' } }]) {
      expect(JSON.parse(await v2('POST', '/im/v2/push_notification', { ...push, ...wrong }))).toMatchObject({
        code: 414,
      });
    }
    const desktop = { push_enabled_when_desktop_online: false };
    expect(JSON.parse(await v2('PATCH', '/im/v2/accounts/user/actions/push_config', desktop))).toMatchObject({
      code: 200,
    });
    expect(simulator.pushWhenDesktopOnline.get('user')).toBe(false);
    expect(simulator.pushesTo('user')).toMatchObject([{ text: 'hi', payload: { pushTitle: 't' }, targetOs: ['ios'] }]);
  });

  it('ends requests as it is told', async () => {
    simulator.script('user', [
      503,
      { code: 403, desc: 'no' },
      { status: 502, body: 'gateway' },
      'drop',
      'lost',
      'antispam',
    ]);
    expect(codeOf(await notify())).toBe(503);
    expect((await notify()).text).toBe('{"code":403,"desc":"no"}');
    expect(await notify()).toMatchObject({ status: 502, text: 'gateway' });
    await expect(notify()).rejects.toThrow(TypeError);
    expect(simulator.pushes).toHaveLength(0);
    await expect(notify()).rejects.toThrow(TypeError);
    expect(simulator.pushes).toHaveLength(1);
    expect((await tell()).text).toContain('"antispam":true');
    expect(simulator.pushes).toHaveLength(1);
    expect(codeOf(await notify())).toBe(200);
  });

  it('holds answers back', async () => {
    simulator.hold();
    const answer = notify();
    await simulator.received(1);
    expect(simulator.counters.answers).toEqual({});
    simulator.release();
    expect(codeOf(await answer)).toBe(200);
  });

  it('goes away and comes back on the same port', async () => {
    const { url } = simulator;
    await simulator.refuse();
    await expect(notify()).rejects.toThrow(TypeError);
    await simulator.resume();
    expect(simulator.url).toBe(url);
    expect(codeOf(await notify())).toBe(200);
  });

  it('is controlled over HTTP', async () => {
    const control = (path: string, rules?: object) =>
      fetch(`${simulator.controlUrl}${path}`, rules && { method: 'POST', body: JSON.stringify(rules) }).then((r) =>
        r.json(),
      );
    await control('/rules', {
      accounts: ['late'],
      scripts: [{ to: 'late', steps: [403], repeatLast: true }],
      latencyMs: 1,
    });
    expect([codeOf(await notify({ to: 'late' })), codeOf(await notify({ to: 'late' }))]).toEqual([403, 403]);
    expect(await control('/counters')).toMatchObject({ requests: 2, answers: { 403: 2 } });
    expect(await control('/requests')).toMatchObject([{ answer: '403' }, { answer: '403' }]);
    await control('/reset', {});
    expect(await control('/counters')).toEqual({ requests: 0, accepted: 0, pushes: 0, answers: {} });
    expect(codeOf(await notify({ to: 'late' }))).toBe(200);
  });

  it('has no other paths', async () => {
    expect(await post('/msg/sendNothing.action', {})).toMatchObject({ status: 404 });
  });
});
