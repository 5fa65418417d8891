import { executed, loadCaseFile } from '@bellhop/contracts/testing';
import { rongCloudMessage } from '@bellhop/simulators';
import { entryOf, fixtureBytes, fixturePath, people, VectorBench, withBody } from '../support/vector-bench.js';
import { wireOf } from '../support/vectors.js';

// Every callback of RongCloud over HTTP against the running platform on PostgreSQL, one integration each.

const { appKey, appSecret, cases } = loadCaseFile(fixturePath('rongcloud', 'inbound-callbacks.json'));
const routed = entryOf(cases, 'RC-IN-03');
const online = entryOf(cases, 'RC-IN-11');

const bench = new VectorBench({
  plugin: 'rongcloud',
  people: people('rongcloud.user_id', '456', '543', '567', '31232', '999'),
  configOf: (settings) => ({ appKey, appSecret, ...settings }),
});

bench.describeCases(cases, { 'RC-IN-14': 'RC-IN-11' });

describe('the signatures', () => {
  interface RongCloudSignature {
    readonly id: string;
    readonly secret: string;
    readonly nonce: string;
    readonly timestamp: string;
    readonly signature: string;
    readonly expect?: 'accept' | 'reject' | 'reject-by-format';
  }
  const { vectors, negative } = JSON.parse(
    fixtureBytes('rongcloud', 'signature-vectors.json').toString('utf8'),
  ) as Record<'vectors' | 'negative', RongCloudSignature[]>;

  it.each([...vectors, ...negative].map((vector) => [vector.id, vector] as const))('%s', async (id, vector) => {
    const { secret, nonce, timestamp, signature, expect: expected = 'accept' } = vector;
    const door = await bench.open({ appSecret: secret, toleranceSeconds: 0 });
    const app = { appKey: '', appSecret: '' };
    const callback = rongCloudMessage(app, { fromUserId: 'a', toUserId: '456' }, { now: new Date(0) });
    const request = wireOf({ ...callback, query: { signTimestamp: timestamp, nonce, signature } });
    const { outcome, reply, rows } = await door.receive(request, new Date('2026-01-15T08:00:00Z'));
    const wanted = expected === 'accept' ? ['accepted', 200, 1] : ['rejected', 401, 0];
    expect([outcome, reply.status, rows.length]).toEqual(wanted);
    executed('rongcloud/signature-vectors.json', id);
  });
});

bench.describeRules([
  {
    id: 'RC-IN-04',
    title: 'recipients as a repeated field',
    request: withBody(
      wireOf(routed),
      routed.bodyRaw.replace(/groupUserIds=.*$/, 'groupUserIds=543&groupUserIds=567').replace('0001-AAAA', '0001-AAAB'),
    ),
    now: routed.now,
    expect: {
      http: 200,
      canonical: { conversation: 'group', to: 'g1', text: '你好', directedUserIds: ['543', '567'] },
      dedupeKey: 'rongcloud:msg:B0PG-GRP1-0001-AAAB',
      pushCandidate: true,
    },
    more: ({ rows }) => expect(rows[0]?.skips).toEqual([null, null]),
  },
  {
    id: 'RC-IN-12',
    title: 'an online status that is one object; 1 is offline, which may be pushed to',
    given: wireOf(online),
    request: withBody(
      wireOf(online),
      JSON.stringify({ ...(JSON.parse(online.bodyRaw) as object[])[0], status: '1', time: 1_767_225_660_000 }),
    ),
    now: online.now,
    expect: { http: 200, canonical: [{ userId: '31232', state: 'offline', sessionId: 's-1', pushEligible: true }] },
    more: async (_observed, door) =>
      expect(await door.presence()).toMatchObject([
        { session: 's-1', state: 'offline', observedAt: new Date(1_767_225_660_000) },
      ]),
  },
]);
