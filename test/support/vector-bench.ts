import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { IdentityRef } from '@bellhop/contracts';
import {
  caseFaults,
  type CaseExpectation,
  executed,
  faultsOf,
  type InboundCase,
  matchSubset,
  type VectorCase,
  type VectorExpectation,
} from '@bellhop/contracts/testing';
import type { Copy } from '../../src/core/notifications/content.js';
import { copyOf } from '../../src/core/routing/copy.js';
import { type TestApp, TestPlatform } from './app.js';
import { Door, equip, type Observed, type StoredEvent, userOf, type WireRequest, wireOf } from './vectors.js';

type Settings = VectorCase['settings'];

/** A vendor whose inbound vectors are sent over HTTP to the running platform, one integration each. */
export interface BenchVendor {
  readonly plugin: string;
  /** Those whom the vectors name and who have an account here; the others are strangers to the platform. */
  readonly people: readonly IdentityRef[];
  /** The settings of the files in the words of the plugin. */
  readonly configOf: (settings: Settings) => Record<string, unknown>;
  /** The body that must be kept. Absent: the one that was sent. */
  readonly clearText?: (source: Sent) => Buffer;
}

interface Sent {
  readonly settings?: Settings;
  readonly request: { readonly body: Buffer };
}

/** An id that a vendor's documents state as a rule and that no file holds. */
export interface Rule {
  readonly id: string;
  readonly title: string;
  readonly settings?: Settings;
  readonly given?: WireRequest;
  readonly request: WireRequest;
  readonly now: Date;
  /** In the words of the vendor's own files. */
  readonly expect: VectorExpectation | CaseExpectation;
  readonly more?: (observed: Observed, door: Door) => unknown;
}

export function people(kind: string, ...values: string[]): IdentityRef[] {
  return values.map((value) => ({ kind, value }));
}

/** A file of a vendor's fixtures; without a name their folder. */
export function fixturePath(vendor: string, file = ''): string {
  return path.join(import.meta.dirname, '../../libs/vendors', vendor, 'fixtures', file);
}

export const fixtureBytes = (vendor: string, file: string): Buffer => readFileSync(fixturePath(vendor, file));

export function entryOf<T extends { readonly id: string }>(list: readonly T[], id: string): T {
  const entry = list.find((each) => each.id === id);
  if (!entry) throw new Error(`there is no ${id}`);
  return entry;
}

/** The same request with another body. */
export const withBody = (request: WireRequest, body: Buffer | string): WireRequest => ({
  ...request,
  body: Buffer.from(body as string),
});

/** Runs the tests of a file against a platform of its own. */
export class VectorBench {
  private platform: TestPlatform | undefined;
  private app: TestApp;

  constructor(private readonly vendor: BenchVendor) {
    beforeAll(async () => {
      this.platform = await TestPlatform.start();
      this.app = await this.platform.createApp();
      await equip(this.app, vendor.people);
    });
    afterAll(() => this.platform?.stop());
  }

  open(settings: Settings = {}): Promise<Door> {
    const { plugin, configOf, people: known } = this.vendor;
    return Door.open(this.app, plugin, configOf(settings), known);
  }

  /** One test per vector. */
  describeVectors(vectors: readonly VectorCase[]): void {
    describe(`the vectors of ${this.vendor.plugin}`, () => {
      it.each(vectors.map((vector) => [vector.id, vector.title, vector] as const))('%s %s', async (id, _t, vector) => {
        const door = await this.open(vector.settings);
        for (const given of vector.given) await door.receive(wireOf(given), given.now, given.urlSecretValid);
        const startedAt = performance.now();
        const observed = await door.receive(wireOf(vector), vector.now, vector.urlSecretValid);
        expect(performance.now() - startedAt).toBeLessThan(vector.expect.maxMillis ?? 5_000);
        expect(vectorFaults(observed, vector.expect)).toEqual([]);
        expect(this.storageFaults(observed, vector)).toEqual([]);
        executed(vector.source, id);
      });
    });
  }

  /**
   * One test per case.
   * @param laterThan what came first, and is later by the vendor's clock, of cases that say nothing on an empty store.
   */
  describeCases(cases: readonly InboundCase[], laterThan: Readonly<Record<string, string>> = {}): void {
    describe(`the cases of ${this.vendor.plugin}`, () => {
      it.each(cases.map((each) => [each.id, each] as const))('%s', async (id, each) => {
        const door = await this.open();
        const first = cases.find((other) => other.id === (each.expect.duplicateOf ?? laterThan[id]));
        if (first) await door.receive(wireOf(first), first.now);
        const before = await door.presence();
        const observed = await door.receive(wireOf(each), each.now);
        expect(observed.reply.status).not.toBe(500);
        expect([...caseFaults(observed, each.expect), ...pushFaults(observed, each.expect)]).toEqual([]);
        expect(this.storageFaults(observed, each)).toEqual([]);
        const isStale = each.expect.ignored === 'STALE';
        expect(await door.presence()).toEqual(isStale ? before : sessionsOf(observed));
        await this.expectSame(observed, entryNamed(cases, each.expect.sameAs));
        executed(each.source, id);
      });
    });
  }

  /** One test per rule. */
  describeRules(rules: readonly Rule[]): void {
    describe('rules of the documents without a vector', () => {
      it.each(rules.map((rule) => [rule.id, rule.title, rule] as const))('%s %s', async (_id, _title, rule) => {
        const { given, request, now, expect: expected } = rule;
        const door = await this.open(rule.settings);
        if (given) await door.receive(given, now);
        const observed = await door.receive(request, now);
        const faults =
          'outcome' in expected
            ? vectorFaults(observed, expected)
            : [...caseFaults(observed, expected), ...pushFaults(observed, expected)];
        expect(faults).toEqual([]);
        expect(this.storageFaults(observed, rule)).toEqual([]);
        await rule.more?.(observed, door);
      });
    });
  }

  /** Where the tables differ from what an outcome means for them. */
  storageFaults({ outcome, code, rows, raw }: Observed, sent: Sent): string[] {
    if (EMPTY_HANDED.has(outcome)) return rows.length + raw.length === 0 ? [] : [`${outcome}, and something is stored`];
    const kept = this.vendor.clearText?.(sent) ?? sent.request.body;
    const states = rows.map(({ state, reason }) => (reason ? `${state} ${reason}` : state));
    const expected = rows.map((row, i) => this.stateOf(row, rows.slice(i + 1)) ?? `${outcome} ${code}`);
    return [
      ...(raw.length === 1 && raw[0]?.equals(kept) ? [] : ['the bytes are not kept as they came']),
      ...(new Set(rows.map(({ callbackId }) => callbackId)).size === 1 ? [] : ['the rows are of several callbacks']),
      ...(rows.length === 1 || rows.every(({ event }) => event) ? [] : ['a callback without events has several rows']),
      ...matchSubset(states, expected, '/states'),
    ];
  }

  /** How an event must have ended; undefined for a row without one. */
  private stateOf({ event, copy }: StoredEvent, later: readonly StoredEvent[]): string | undefined {
    if (!event) return undefined;
    const { identities, devices } = event.recipient;
    const isKnown = identities.some((one) => this.vendor.people.some((person) => userOf(person) === userOf(one)));
    // A device of the callback itself is somebody too, where the gateway of its platform is at hand.
    if (!isKnown && !devices.some(({ platform }) => platform === 'android')) return 'ignored unroutable';
    if (!event.push.notify) return 'routed silent';
    if (later.some((row) => row.event?.push.notify)) return 'routed batched';
    return copy ? 'routed' : 'routed with a notification';
  }

  /** Another integration that gets the twin of a case makes the same of it. */
  private async expectSame({ events, reply }: Observed, twin: InboundCase | undefined): Promise<void> {
    if (!twin) return;
    const other = await (await this.open()).receive(wireOf(twin), twin.now);
    expect(events).toEqual(other.events);
    expect(reply).toEqual(other.reply);
  }
}

const EMPTY_HANDED: ReadonlySet<Observed['outcome']> = new Set(['rejected', 'handshake', 'duplicate', 'nothing']);

const entryNamed = (cases: readonly InboundCase[], id: string | undefined): InboundCase | undefined =>
  cases.find((each) => each.id === id);

/** Where a result differs from a vector, the copy that the core renders included. */
function vectorFaults(observed: Observed, expected: VectorExpectation): string[] {
  const copies = expected.events?.flatMap(({ notification }, i) => copyFaults(observed.rows[i], notification)) ?? [];
  return [...faultsOf(observed, expected), ...copies];
}

/** Both what the pure function makes of the stored event and, where somebody was found, what the notification holds. */
function copyFaults(row: StoredEvent | undefined, expected: Copy | undefined): string[] {
  if (!expected) return [];
  const rendered = row?.event && copyOf(row.event, 'zh-CN', { hideContent: false, count: 1 });
  return [
    ...matchSubset(rendered, expected, '/copy'),
    ...(row?.copy ? matchSubset(row.copy['zh-CN'], expected, '/notification') : []),
  ];
}

/** Whether those concerned may be pushed to, and if not the reason that stands in their deliveries. */
function pushFaults({ rows }: Observed, { pushCandidate, reason }: CaseExpectation): string[] {
  if (pushCandidate === undefined) return [];
  const skips = rows.flatMap(({ skips: own }) => own);
  const expected = pushCandidate ? null : reason?.toLowerCase();
  return skips.length > 0 && skips.every((skip) => skip === expected) ? [] : [`/skips: ${JSON.stringify(skips)}`];
}

/** Presence as the events of a callback tell it. */
function sessionsOf({ events }: Observed): object[] {
  const sessions = events.flatMap(({ presence, recipient, occurredAt }) => {
    const [person] = recipient.identities;
    return presence && person && occurredAt
      ? [{ userId: userOf(person), session: presence.session, state: presence.state, observedAt: new Date(occurredAt) }]
      : [];
  });
  return sessions.toSorted((a, b) => (a.userId < b.userId ? -1 : 1));
}
