import type { HttpReply, IdentityRef, InboundEvent } from '@bellhop/contracts';
import type { InboundCase, Received, VectorCase } from '@bellhop/contracts/testing';
import { type Callback, fcmTestServiceAccount } from '@bellhop/simulators';
import { Agent, request as openRequest } from 'node:http';
import { IdentitiesService } from '../../src/core/users/identities.service.js';
import { IntegrationCache } from '../../src/core/integrations/integration-cache.js';
import type { Copy } from '../../src/core/notifications/content.js';
import { Metrics } from '../../src/platform/metrics.js';
import { eventually, type TestApp } from './app.js';

/** A request as it goes over the wire: names as the vendor spells them, bytes untouched. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  /** Without the question mark. */
  readonly search: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export function wireOf(source: VectorCase | InboundCase | Callback): WireRequest {
  if ('bodyRaw' in source) {
    const { method, query, headers, bodyRaw } = source;
    return { method, path: '', search: query, headers, body: Buffer.from(bodyRaw) };
  }
  const { method, path, query, headers, body } = 'request' in source ? source.request : source;
  return { method, path, search: new URLSearchParams(query).toString(), headers, body: Buffer.from(body as string) };
}

/** An event as it stands in the table, with what routing made of it. */
export interface StoredEvent {
  readonly id: string;
  readonly callbackId: string;
  readonly state: string;
  readonly reason: string | null;
  readonly parseMode: 'strict' | 'tolerant';
  readonly event: InboundEvent | null;
  /** Of the notification that it led to. */
  readonly copy: Readonly<Record<string, Copy>> | null;
  /** Why its deliveries are not sent: one entry per delivery, null for those that may go. */
  readonly skips: readonly (string | null)[];
}

/** What the platform did with one request, in the form of the contract tests, and what it keeps of it. */
export interface Observed extends Received {
  readonly rows: readonly StoredEvent[];
  /** Bodies that were stored for it. */
  readonly raw: readonly Buffer[];
}

const ROWS = `
  SELECT e.id, e.callback_id AS "callbackId", e.state, e.reason, e.parse_mode AS "parseMode", e.event,
         n.content -> 'copy' AS copy,
         ARRAY(SELECT CASE WHEN d.state = 'skipped' THEN d.reason END FROM delivery d
               WHERE d.app_id = e.app_id AND d.notification_id = e.notification_id) AS skips
  FROM inbound_event e LEFT JOIN notification n ON n.app_id = e.app_id AND n.id = e.notification_id
  WHERE e.integration_id = $1
  ORDER BY e.id`;

const agent = new Agent({ keepAlive: true });

/** An integration of the running platform; the counterpart of InboundHarness, with PostgreSQL behind it. */
export class Door {
  private readonly seen = new Set<string>();

  private constructor(
    private readonly app: TestApp,
    private readonly plugin: string,
    readonly integrationId: string,
    private readonly url: string,
  ) {}

  /** A new integration, on which nothing has arrived. `people` are linked to users, one each. */
  static async open(
    app: TestApp,
    plugin: string,
    config: Record<string, unknown>,
    people: readonly IdentityRef[] = [],
  ): Promise<Door> {
    const { id, publicId, inboundUrl } = await app.integrate({ plugin, name: plugin, config });
    const identities = app.platform.app.get(IdentitiesService);
    await Promise.all(
      people.map((person) => identities.link(app.id, userOf(person), { integrationId: publicId, ...person })),
    );
    return new Door(app, plugin, id, inboundUrl);
  }

  /** Sends a request at a time of the platform's clock and waits until what it brought is routed. */
  async receive(request: WireRequest, now: Date, urlSecretValid = true): Promise<Observed> {
    this.app.platform.setTime(now);
    const before = await this.counts();
    const url = urlSecretValid ? this.url : this.url.replace(/[^/]+$/, 'another-secret');
    const reply = await send(url, request);
    const label = await this.counted(before);
    const rows = await eventually(async () => {
      const all = await this.query<StoredEvent>(ROWS);
      return !all.some(({ state }) => state === 'accepted') && all.filter(({ id }) => !this.seen.has(id));
    });
    const raw = await this.rawBodies();
    for (const { id } of rows) this.seen.add(id);
    const events = rows.flatMap(({ event }) => event ?? []);
    return { ...outcomeOf(rows, label, this.plugin), reply, events, parseMode: rows[0]?.parseMode, rows, raw };
  }

  /** Sessions that the vendor reported here. */
  presence(): Promise<{ userId: string; session: string; state: string; observedAt: Date }[]> {
    return this.query(
      `SELECT user_id AS "userId", session, state, observed_at AS "observedAt" FROM presence
       WHERE source = $1::text ORDER BY user_id, session`,
    );
  }

  private query<T>(sql: string): Promise<T[]> {
    return this.app.platform.sql.query<T[]>(sql, [this.integrationId]);
  }

  private async rawBodies(): Promise<Buffer[]> {
    const rows = await this.query<{ id: string; body: Buffer }>(
      'SELECT callback_id AS id, body FROM inbound_raw WHERE integration_id = $1',
    );
    const fresh = rows.filter(({ id }) => !this.seen.has(id));
    for (const { id } of fresh) this.seen.add(id);
    return fresh.map(({ body }) => body);
  }

  /** What the metrics say became of callbacks, by plugin and result. */
  private async counts(): Promise<Map<string, number>> {
    const { values } = await this.app.platform.app.get(Metrics).inbound.get();
    return new Map(values.map(({ labels: { plugin, result }, value }) => [`${plugin} ${result}`, value]));
  }

  private async counted(before: ReadonlyMap<string, number>): Promise<string> {
    const grown = [...(await this.counts())].filter(([label, value]) => value !== (before.get(label) ?? 0));
    const [result = '', ...more] = grown.map(([label]) => label.slice(label.indexOf(' ') + 1));
    if (!result || more.length > 0) throw new Error(`One request was counted as ${JSON.stringify(grown)}`);
    return result;
  }
}

const NOTHING_STORED = ['handshake', 'duplicate', 'nothing'] as const;

function outcomeOf(rows: readonly StoredEvent[], label: string, plugin: string): Pick<Observed, 'outcome' | 'code'> {
  const [first] = rows;
  if (!first) {
    const outcome = NOTHING_STORED.find((name) => name === label);
    // The address is checked before the plugin is known; the files name it after the plugin all the same.
    const code = label === 'inbound.unauthorized' ? `${plugin}.url_secret_invalid` : label;
    return outcome ? { outcome } : { outcome: 'rejected', code };
  }
  const { state, reason, event } = first;
  if (state === 'quarantined') return { outcome: 'quarantined', code: reason ?? '' };
  if (!event) return { outcome: 'ignored', code: reason ?? '' };
  return { outcome: rows.every(namesNobody) ? 'unroutable' : 'accepted' };
}

function namesNobody({ event, state, reason }: StoredEvent): boolean {
  const { identities = [], devices = [] } = event?.recipient ?? {};
  return identities.length + devices.length === 0 && state === 'ignored' && reason === 'unroutable';
}

/** Over Node's own client: it neither renames headers nor adds any that matter here. */
function send(address: string, { method, path, search, headers, body }: WireRequest): Promise<HttpReply> {
  const url = `${address}${path && `/${path}`}${search && `?${search}`}`;
  return new Promise((resolve, reject) => {
    const request = openRequest(url, { method, agent, headers: { ...headers, 'Content-Length': body.length } });
    request.once('error', reject);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') });
      });
    });
    request.end(body);
  });
}

/** The user that {@link Door.open} links to an identity. */
export const userOf = ({ kind, value }: IdentityRef): string => `${kind}.${value}`;

/** Gives every person a phone, on a channel that is paused: deliveries are planned and stay where they are. */
export async function equip(app: TestApp, people: readonly IdentityRef[]): Promise<void> {
  const { id } = await app.integrate({
    plugin: 'fcm',
    name: 'paused',
    config: { serviceAccount: JSON.stringify(fcmTestServiceAccount('vectors')), transport: 'http' },
  });
  await app.platform.sql.query(
    `UPDATE integration SET state = 'paused', pause_reason = 'operator' WHERE app_id = $1 AND id = $2`,
    [app.id, id],
  );
  app.platform.app.get(IntegrationCache).forget(app.id, id);
  for (const [i, person] of people.entries()) {
    await app.device(userOf(person), 'fcm', `device-of-a-person-${String(i).padStart(8, '0')}`);
  }
}
