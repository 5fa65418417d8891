import { executed } from '@bellhop/contracts/testing';
import { type NimSimulator, startNimSimulator } from '@bellhop/simulators';
import { APP, fixture } from '../testing/builders.js';
import { callRaw, proofOf } from '../testing/raw.js';

interface Captured {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly appSecret?: string;
  readonly bodyRaw: string;
}

interface Documented {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly bodyRaw: string;
}

const capture = fixture<{ requests: readonly Captured[] }>('sdk-capture.json').requests;
const documented = fixture<{ headers: Record<string, string>; requests: readonly Documented[] }>(
  'outbound-requests.json',
);

describe('the simulator', () => {
  const servers: NimSimulator[] = [];
  const start = async (app: typeof APP, seconds: string, accounts: readonly string[]) => {
    const now = () => Number(seconds) * 1000;
    const server = await startNimSimulator({ ...app, accounts, teams: { 14089002: ['accid1', 'accid2'] }, now });
    servers.push(server);
    return server;
  };
  afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));

  it('takes what the official SDK sends, in its own spelling', async () => {
    expect(capture).toHaveLength(2);
    const [message, notification] = capture as [Required<Captured>, Captured];
    const { AppKey = '', CurTime = '' } = message.headers;
    const server = await start({ appKey: AppKey, appSecret: message.appSecret }, CurTime, ['svc', 'user']);
    expect(await callRaw(server, { ...message, body: message.bodyRaw })).toMatchObject({ code: 200 });
    expect(server.pushes).toMatchObject([{ accid: 'user', text: '发来了一条消息', payload: { pushTitle: 't' } }]);
    const ours = await start(APP, CurTime, ['svc', 'user']);
    const headers = proofOf('n', new Date(Number(CurTime) * 1000));
    expect(await callRaw(ours, { path: notification.path, body: notification.bodyRaw, headers })).toMatchObject({
      code: 200,
    });
    expect(ours.pushes).toMatchObject([{ accid: 'user', text: 'hi', via: 'sendAttachMsg' }]);
    executed('nim/sdk-capture.json', 'requests/0', 'requests/1');
  });

  it.each(documented.requests.map((each) => [each.id, each] as const))(
    'takes %s',
    async (_id, { method, path, bodyRaw }) => {
      const { headers } = documented;
      const server = await start(APP, headers['CurTime']!, ['kf_bot', 'user', 'user1', 'user2']);
      const base = path.startsWith('/im/') ? path : `/nimserver${path}`;
      expect(await callRaw(server, { path: base, body: bodyRaw, method, headers })).toMatchObject({ code: 200 });
      expect(server.requests).toMatchObject([{ bodyRaw, answer: '200' }]);
    },
  );
});
