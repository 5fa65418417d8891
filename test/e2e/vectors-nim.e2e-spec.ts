import { md5Hex, sha1Hex } from '@bellhop/contracts';
import { executed, loadCaseFile } from '@bellhop/contracts/testing';
import { nimCopy } from '@bellhop/simulators';
import { entryOf, fixtureBytes, fixturePath, people, VectorBench, withBody } from '../support/vector-bench.js';
import { wireOf } from '../support/vectors.js';

// Every message copy of NIM over HTTP against the running platform on PostgreSQL, one integration each.

const file = loadCaseFile(fixturePath('nim', 'inbound-copy-events.json'));
const { appKey, appSecret, cases } = file;
const nim = (copy: object, now: Date) => wireOf(nimCopy(file, copy, { now }));
const copyOfCase = (id: string) => JSON.parse(entryOf(cases, id).bodyRaw) as object;
const nimNow = entryOf(cases, 'NIM-IN-02').now;

const bench = new VectorBench({
  plugin: 'nim',
  people: people('nim.accid', 'lisi', 'wangwu'),
  configOf: (settings) => ({ appKey, appSecret, ...settings }),
});

bench.describeCases(cases);

describe('the checksums', () => {
  interface NimSignature {
    readonly id: string;
    readonly appSecret: string;
    readonly bodyRaw: string;
    readonly md5: string;
    readonly curTime: string;
    readonly checkSum: string;
  }
  const { inbound } = JSON.parse(fixtureBytes('nim', 'signature-vectors.json').toString('utf8')) as {
    inbound: { vectors: NimSignature[] };
  };

  it.each(inbound.vectors.map((vector) => [vector.id, vector] as const))('%s', async (id, vector) => {
    const door = await bench.open({ appSecret: vector.appSecret });
    const headers = { CurTime: vector.curTime, MD5: vector.md5, CheckSum: vector.checkSum };
    const request = { method: 'POST', path: '', search: '', headers, body: Buffer.from(vector.bodyRaw) };
    const now = new Date(Number(vector.curTime));
    const forged = await door.receive({ ...request, headers: { ...headers, CheckSum: '0'.repeat(40) } }, now);
    expect([forged.code, forged.reply.status]).toEqual(['nim.checksum_invalid', 401]);
    const proved = await door.receive(request, now);
    // The probe holds nothing, an empty body is no JSON, and the rest is an event of no known type.
    const outcomes = { '{}': ['nothing', 200], '': ['quarantined', 400] }[vector.bodyRaw] ?? ['ignored', 200];
    expect([proved.outcome, proved.reply.status]).toEqual(outcomes);
    executed('nim/signature-vectors.json', id);
  });
});

bench.describeRules([
  {
    id: 'NIM-IN-09',
    title: 'a message of somebody on the blacklist is stored and never pushed',
    request: nim({ ...copyOfCase('NIM-IN-02'), msgidServer: '8364802', msgidClient: 'c-6', blacklist: 'true' }, nimNow),
    now: nimNow,
    expect: { http: 200, pushCandidate: false, reason: 'BLACKLISTED' },
  },
  {
    id: 'NIM-IN-15',
    title: 'a login that was overtaken by the logout changes nothing',
    given: wireOf(entryOf(cases, 'NIM-IN-12')),
    request: wireOf(entryOf(cases, 'NIM-IN-10')),
    now: nimNow,
    expect: { http: 200, canonical: [{ type: 'presence.changed', state: 'online' }] },
    more: async (_observed, door) =>
      expect(await door.presence()).toMatchObject([
        { session: 'c25f82d0', state: 'loggedOut', observedAt: new Date(1_767_225_700_000) },
      ]),
  },
  {
    id: 'NIM-IN-20',
    title: 'a good checksum does not vouch for another body',
    request: withBody(
      wireOf(entryOf(cases, 'NIM-IN-02')),
      entryOf(cases, 'NIM-IN-02').bodyRaw.replace('hello', 'hullo'),
    ),
    now: nimNow,
    expect: { http: 401, reason: 'BAD_MD5' },
  },
]);

describe('NIM, to whom 500 means delivered,', () => {
  const now = new Date('2026-01-15T08:00:00Z');
  const message = String.raw`"eventType":"1","convType":"PERSON","to":"lisi"`;

  it.each([
    ['no object', '[]', 400],
    ['null', 'null', 400],
    ['a list without end', '['.repeat(100_000), 400],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), 400],
    [
      'half a surrogate pair',
      String.raw`{${message},"fromAccount":"\ud800","body":"\udfff","msgidServer":"\ud800"}`,
      200,
    ],
    ['NUL', String.raw`{${message},"fromAccount":"a\u0000","body":"\u0000","msgidServer":"\u0000"}`, 200],
    ['keys of the prototype', '{"__proto__":{"eventType":"1"},"constructor":1}', 200],
    ['a time far ahead', '{"eventType":"2","accid":"lisi","timestamp":"9999999999999"}', 200],
    ['a body above the limit', `{"x":"${'x'.repeat(262_144)}"}`, 413],
  ])('never gets it for %s', async (_name, content, status) => {
    const body = Buffer.from(content as string);
    const curTime = String(now.getTime());
    const md5 = md5Hex(body);
    const headers = { CurTime: curTime, MD5: md5, CheckSum: sha1Hex(appSecret, md5, curTime) };
    const observed = await (await bench.open()).receive({ method: 'POST', path: '', search: '', headers, body }, now);
    expect(observed.reply.status).toBe(status);
    expect(bench.storageFaults(observed, { request: { body } })).toEqual([]);
  });
});
