import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type AppApi, PLATFORM_KEY } from '../../../bench/support/platform.js';
import { TestServer } from '../../../bench/support/postgres.js';
import { Outputs } from '../../chaos/stage/outputs.js';
import { ChaosNode, newSlot, type Slot } from '../../chaos/stage/node.js';
import { type Credentials, OWN_ORIGIN } from './api.js';
import { LogReader } from './checks.js';
import type { Caller } from './inbound.js';
import { VENDORS } from './vendors.js';

const PASSWORD = 'correct horse battery staple';

/** A platform of its own, with an app whose vendors call it and another one whose API is called. */
export class Site {
  private constructor(
    private readonly server: TestServer,
    readonly databaseUrl: string,
    readonly node: ChaosNode,
    readonly slot: Slot,
    private readonly outputs: Outputs,
    readonly log: LogReader,
    private readonly folder: string,
  ) {}

  static async open(seed: number): Promise<Site> {
    const server = await TestServer.start(path.resolve('.data/security/postgres'));
    const databaseUrl = await server.create('malformed');
    const log = new LogReader();
    const outputs = new ReadOutputs(path.resolve('.data/security', `malformed-${seed}.log`), log);
    const folder = await mkdtemp(path.join(os.tmpdir(), 'bellhop-malformed-'));
    const slot = await newSlot('node');
    const node = await ChaosNode.start({
      slot,
      databaseUrl,
      outputs,
      watchFile: path.join(folder, 'watch'),
      environment: { BELLHOP_API_RATE: '0', BELLHOP_RECEIPTS_RATE: '0', BELLHOP_EGRESS_ALLOW: '' },
    });
    return new Site(server, databaseUrl, node, slot, outputs, log, folder);
  }

  /** Vendors that call one app. */
  async callers(): Promise<Caller[]> {
    const home = await this.node.api.createApp();
    return Promise.all(
      VENDORS.map(async (vendor) => {
        const { path: address } = await home.integrate(vendor.plugin, vendor.config);
        return { vendor, path: address };
      }),
    );
  }

  /** Keys of two other apps, and the session of a person. */
  async credentials(): Promise<Credentials & { readonly reserved: ReadonlySet<string> }> {
    const [yard, other] = [await this.node.api.createApp(), await this.node.api.createApp()];
    const operator = await this.operator();
    const shown = JSON.stringify(await this.everything(yard));
    return {
      app: yard.key,
      otherApp: other.key,
      platform: PLATFORM_KEY,
      cookie: operator.cookie,
      reserved: new Set([...(shown.match(/\b(?:app|key)_[0-9a-f]{32}\b/g) ?? []), operator.id]),
    };
  }

  /** Apps and keys that requests are made with: nobody may revoke them on the way. */
  private async everything(api: AppApi): Promise<unknown[]> {
    const as = (address: string): Promise<{ data: { id: string }[] }> =>
      fetch(this.slot.url + address, { headers: { authorization: `Bearer ${PLATFORM_KEY}` } }).then((reply) =>
        reply.json(),
      ) as never;
    const apps = await as('/v1/apps');
    const keys = await Promise.all(apps.data.map(({ id }) => as(`/v1/apps/${id}/api-keys`)));
    return [api.appId, apps, ...keys];
  }

  private async operator(): Promise<{ id: string; cookie: string }> {
    const call = (address: string, body: object) =>
      fetch(this.slot.url + address, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${PLATFORM_KEY}`,
          'content-type': 'application/json',
          ...Object.fromEntries(OWN_ORIGIN),
        },
        body: JSON.stringify(body),
      });
    const person = { email: 'ada@example.com', name: 'Ada', roles: [{ role: 'admin', appId: null }] };
    const invited = (await (await call('/v1/operators', person)).json()) as { id: string; link: { url: string } };
    const token = invited.link.url.split('/').at(-1);
    const signedIn = await call('/v1/session/link', { token, password: PASSWORD });
    const [cookie = ''] = signedIn.headers.getSetCookie();
    if (signedIn.status !== 201) throw new Error(`The operator was refused: ${await signedIn.text()}`);
    return { id: invited.id, cookie: cookie.split(';', 1)[0] ?? '' };
  }

  /** @returns the seconds that its end took. */
  stop(): Promise<number> {
    return this.node.stop();
  }

  async close(): Promise<void> {
    await this.node.kill();
    this.outputs.close();
    await this.server.stop();
    await rm(this.folder, { recursive: true });
  }
}

/** Lines that the process prints for people, outside of its log. */
const FOR_PEOPLE = /^(Bellhop \(|SIGTERM: )/;

class ReadOutputs extends Outputs {
  constructor(
    name: string,
    private readonly log: LogReader,
  ) {
    super(name);
  }

  override take(who: string, line: string): void {
    super.take(who, line);
    if (!FOR_PEOPLE.test(line)) this.log.take(line);
  }
}
