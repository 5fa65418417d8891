import { echatPush } from '@bellhop/simulators';
import { readFileSync, globSync } from 'node:fs';
import path from 'node:path';
import { Random } from '../chaos/stage/random.js';
import { type TestApp, TestPlatform } from '../support/app.js';
import { rawRequest, type RawReply } from '../support/raw-http.js';
import { forgeriesOf } from './malformed/forgeries.js';
import { type Callback, VENDORS, type Vendor } from './malformed/vendors.js';

const SIGNED = VENDORS.filter(({ proof }) => proof.length > 0);
const UNSIGNED = VENDORS.filter(({ proof }) => proof.length === 0);
const MINUTE_MS = 60_000;
/** How old a proof may be, and how far its time may lie ahead of ours, by default. */
const WINDOWS: Readonly<Record<string, readonly [pastMs: number, aheadMs: number]>> = {
  nim: [15 * MINUTE_MS, 15 * MINUTE_MS],
  rongcloud: [15 * MINUTE_MS, 15 * MINUTE_MS],
  echat: [24 * 60 * MINUTE_MS, 10 * MINUTE_MS],
};
/** A callback that leads to an event, of each vendor. */
const TELLING = /chatSend-text|-IN-02|im-html|start-and-text|tag-set/;

describe('proofs of callbacks', () => {
  let platform: TestPlatform;
  let app: TestApp;
  const random = new Random(1);

  beforeAll(async () => {
    platform = await TestPlatform.start({ role: 'api' });
  });
  afterAll(() => platform?.stop());
  beforeEach(async () => {
    app = await platform.createApp();
  });
  afterEach(() => platform.setTime(undefined));

  const open = async ({ plugin, config }: Vendor) =>
    (await app.integrate({ plugin, name: plugin, config: { ...config } })).inboundUrl;

  /** Names may come twice, in the query and among the headers. */
  function send(url: string, { method, path: below, query, headers, body }: Callback): Promise<RawReply> {
    const search = new URLSearchParams(query.map(([name, value]): [string, string] => [name, value]));
    const byName = Map.groupBy(headers, ([name]) => name);
    const sent = [...byName].map(([name, pairs]): [string, string | string[]] => {
      const values = pairs.map(([, value]) => value);
      return [name, values.length > 1 ? values : (values[0] ?? '')];
    });
    const address = `${url}${below && `/${below}`}?${search.toString()}`;
    return rawRequest(address, { method, headers: Object.fromEntries(sent) as Record<string, string>, body });
  }

  const stored = async (): Promise<number> => {
    const rows = await platform.sql.query<{ count: number }[]>(
      `SELECT ((SELECT count(*) FROM inbound_event WHERE app_id = $1) + (SELECT count(*) FROM inbound_raw WHERE app_id = $1)
             + (SELECT count(*) FROM inbound_guard g JOIN integration i ON i.id = g.integration_id WHERE i.app_id = $1))::int
         AS count`,
      [app.id],
    );
    return rows[0]?.count ?? -1;
  };
  function genuine(vendor: Vendor): Callback {
    const specimen = vendor.specimens.find(({ name }) => TELLING.test(name));
    if (!specimen) throw new Error(`${vendor.name} has no such fixture.`);
    return vendor.sign(random, specimen);
  }
  const isCommands = ({ name }: Vendor): boolean => name.includes('commands');

  describe.each(SIGNED)('$name', (vendor) => {
    it('are asked for, and are good once they are there', async () => {
      const url = await open(vendor);
      expect((await send(url, genuine(vendor))).status).toBe(200);
      expect(await stored()).toBeGreaterThan(0);
    });

    it('that are forged, absent, cut short, doubled or lists are refused, and leave nothing behind', async () => {
      const url = await open(vendor);
      const forgeries = forgeriesOf(genuine(vendor), vendor.proof);
      expect(forgeries.length).toBeGreaterThan(vendor.proof.length * 8);
      const answers = await Promise.all(
        forgeries.map(async ({ name, callback }) => {
          const answer = await send(url, callback);
          return { name, status: answer.status, known: vendor.prescribes(asAnswer(answer)) };
        }),
      );
      expect(answers.filter(({ status, known }) => status !== 401 || !known)).toEqual([]);
      expect(await stored()).toBe(0);
    });

    it('of another integration are refused', async () => {
      const config = Object.fromEntries(
        Object.entries(vendor.config).map(([name, value]) => [
          name,
          /secret|token/i.test(name) ? `${String(value)}-2` : value,
        ]),
      );
      const url = await open({ ...vendor, config });
      expect((await send(url, genuine(vendor))).status).toBe(401);
      expect(await stored()).toBe(0);
    });
  });

  it.each(SIGNED.filter((vendor) => !isCommands(vendor)))('$name: count for a while', async (vendor) => {
    const url = await open(vendor);
    const now = Date.now();
    const [past, ahead] = WINDOWS[vendor.plugin] ?? [0, 0];
    const at = async (ms: number): Promise<number> => {
      const callback = genuine(vendor);
      platform.setTime(new Date(now + ms));
      return (await send(url, callback)).status;
    };
    expect(await at(past + MINUTE_MS)).toBe(401);
    expect(await at(-ahead - MINUTE_MS)).toBe(401);
    expect(await stored()).toBe(0);
    expect(await at(past - MINUTE_MS)).toBe(200);
    expect(await at(MINUTE_MS - ahead)).toBe(200);
  });

  it('of Echat are good for one body', async () => {
    const vendor = SIGNED.find(({ name }) => name === 'echat, plain') as Vendor;
    const url = await open(vendor);
    const first = genuine(vendor);
    expect((await send(url, first)).status).toBe(200);
    const other = echatPush({ token: 'x' }, 'chatSend', '<xml><msgId>2</msgId></xml>', { now: new Date() });
    expect((await send(url, { ...first, body: Buffer.from(other.body) })).status).toBe(401);
    // The vendor itself sends the same once more.
    expect((await send(url, first)).status).toBe(200);
    const rows = await platform.sql.query<{ state: string; reason: string }[]>(
      `SELECT state, reason FROM inbound_event WHERE app_id = $1 AND state = 'quarantined'`,
      [app.id],
    );
    expect(rows).toEqual([{ state: 'quarantined', reason: 'echat.nonce_reused' }]);
  });

  describe.each(VENDORS.filter(({ name }) => !isCommands({ name } as Vendor)))('the address of $name', (vendor) => {
    it('is refused in every other spelling', async () => {
      const url = await open(vendor);
      const secret = url.split('/').at(-1) ?? '';
      const base = url.slice(0, -secret.length);
      const wrong = [
        '',
        secret.slice(0, -1),
        `${secret}A`,
        secret.slice(0, 1),
        `${secret},${secret}`,
        `${secret}%00`,
        `%${secret.charCodeAt(0).toString(16)}${secret.slice(1)}`,
        secret.toLowerCase() === secret ? secret.toUpperCase() : secret.toLowerCase(),
        `["${secret}"]`,
        `x/${secret}`,
        `/${secret}`,
        `;${secret}`,
        '__proto__',
        `?urlSecret=${secret}`,
      ];
      const replies = await Promise.all(wrong.map((text) => send(base + text, genuine(vendor))));
      expect(replies.map(({ status }, i) => [wrong[i], status])).toEqual(wrong.map((text) => [text, 401]));
      expect(await stored()).toBe(0);
    });
  });

  it('are the address alone where the vendor signs nothing', async () => {
    expect(UNSIGNED.map(({ plugin }) => plugin)).toEqual(['kf5', 'udesk']);
    for (const vendor of UNSIGNED) expect((await send(await open(vendor), genuine(vendor))).status).toBe(200);
  });

  it('and secrets are compared in constant time', () => {
    const root = path.resolve(import.meta.dirname, '../..');
    const files = globSync(
      '{libs/vendors/*/src/*.{inbound,crypto,proof,api},src/{access,core/inbound,core/receipts}/**/*}.ts',
      { cwd: root },
    );
    const compared =
      /\b\w*(?:signature|checksum|digest|hash|secret|token|password)\b(?:\[\d\])? [!=]== (?!undefined|null|''|'[^']*')/i;
    const hasty = files
      .filter((file) => !file.includes('.spec.'))
      .flatMap((file) =>
        readFileSync(path.join(root, file), 'utf8')
          .split('\n')
          .flatMap((line) => (compared.test(line) ? [`${file}: ${line.trim()}`] : [])),
      );
    expect(files.length).toBeGreaterThan(40);
    expect(hasty).toEqual([]);
  });
});

const asAnswer = ({ status, body, headers }: RawReply) => ({
  status,
  headers: new Map(Object.entries(headers).map(([name, value]) => [name, String(value)])),
  body: Buffer.from(body),
  headOnly: false,
  ms: 0,
});
