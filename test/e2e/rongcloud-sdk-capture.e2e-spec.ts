import { executed } from '@bellhop/contracts/testing';
import { type RongCloudSimulator, startRongCloudSimulator } from '@bellhop/simulators';
import { readFileSync } from 'node:fs';
import { callSdk, type SdkCall } from '../support/rongcloud-sdk/index.js';

// What was captured of the vendor's SDK is what it still does: our own API and the simulator are made after it.

const APP = { appKey: 'uwd1c0sxdlx2', appSecret: 'Y1W2MeFwwwRxa0' };
const FILE = 'rongcloud/node-sdk-capture.json';

interface Captured {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly contentType: string;
  readonly bodyRaw: string;
  readonly bodyBytes: number;
}

interface CapturedReply {
  readonly http: number;
  readonly bodyRaw: string;
  /** In words; the code stands in quotes. */
  readonly sdkResult: string;
}

const { requests, replies } = JSON.parse(
  readFileSync(new URL('../../libs/vendors/rongcloud/fixtures/node-sdk-capture.json', import.meta.url), 'utf8'),
) as { requests: readonly Captured[]; replies: readonly CapturedReply[] };

const tags = ['bj', '男'];
const platform = ['ios', 'android'];
const notification = { alert: 'this is a push' };
const CALLS: Readonly<Record<string, SdkCall>> = {
  'tag-set': ['User.Tag.set', { id: '31232', tags }],
  'tag-batch-set': ['User.Tag.batchSet', { users: [{ id: 'id1' }, { id: 'id2' }], tags }],
  'tags-get': ['User.Tag.getList', [{ id: 'id1' }, { id: 'id2' }]],
  'tag-remove': ['User.Tag.remove', { id: '31232' }],
  'push-all': ['Push.push', { platform, audience: { is_to_all: true }, notification }],
  'broadcast-by-user': [
    'Push.message',
    {
      platform,
      fromUserId: 'fromuseId1',
      audience: { userid: ['123', '456'] },
      message: { content: '{"content":"1111","extra":"aa"}', objectName: 'RC:TxtMsg' },
      notification,
    },
  ],
};

describe("RongCloud's server SDK", () => {
  let vendor: RongCloudSimulator;
  const sdk = (...calls: readonly SdkCall[]) =>
    callSdk({ appkey: APP.appKey, secret: APP.appSecret, api: vendor.url }, ...calls);

  beforeAll(async () => {
    vendor = await startRongCloudSimulator({ ...APP, quotaPerHour: Infinity, quotaPerDay: Infinity });
  });
  afterAll(() => vendor?.close());

  it('sends what was captured', async () => {
    await sdk(...requests.map(({ id }) => CALLS[id] as SdkCall));
    const sent = vendor.requests.map(({ method, path, headers, body, answer }) => ({
      method,
      path,
      type: headers['content-type'],
      bytes: headers['content-length'],
      body: headers['content-type'] === 'application/json' ? JSON.stringify(body) : body,
      answer,
    }));
    expect(sent).toEqual(
      requests.map(({ method, path, contentType, bodyRaw, bodyBytes }) => ({
        method,
        path,
        type: contentType,
        bytes: String(bodyBytes),
        body: contentType === 'application/json' ? bodyRaw : { userIds: ['id1', 'id2'] },
        answer: '200',
      })),
    );
    executed(FILE, ...requests.map(({ id }) => id));
  });

  it('makes of a reply what was captured', async () => {
    vendor.script(replies.map(({ http: status, bodyRaw: body }) => ({ status, body })));
    const results = (await sdk(...replies.map(() => CALLS['push-all'] as SdkCall))) as { code: unknown }[];
    expect(results.map(({ code }) => code)).toEqual(replies.map(({ sdkResult }) => /"(\d*)"/.exec(sdkResult)?.[1]));
    executed(FILE, ...replies.map((_, place) => `replies/${place}`));
  });
});
