import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { InboundAdapter, InboundEvent, RawRequest } from '@bellhop/contracts';
import { executed, fixtureName } from './executed.js';
import { InboundHarness, rawRequest, type Received } from './inbound-harness.js';

/** The part of `expect` that an adapter answers for, and what the core adds. */
export interface VectorExpectation {
  readonly outcome: Received['outcome'];
  readonly errorCode?: string;
  readonly http?: { readonly status: number; readonly body?: string };
  readonly parseMode?: 'strict' | 'tolerant';
  /** Subsets of {@link viewOf}, plus `notification`: copy, which the core renders. */
  readonly events?: readonly ({
    readonly notification?: { readonly title?: string; readonly body?: string };
  } & Readonly<Record<string, unknown>>)[];
  readonly maxMillis?: number;
}

/** One entry of a folder's `vectors.json`, ready to run. */
export interface VectorCase {
  /** The file it stands in, as {@link executed} names it. */
  readonly source: string;
  readonly id: string;
  readonly title: string;
  /** The clock to inject. */
  readonly now: Date;
  /** To run first, in order, on the same empty store. */
  readonly given: readonly VectorCase[];
  readonly profile?: string;
  /** The file's `config`, or the profile of it that the vector names. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** False when the address carries another secret than `settings.urlSecret`. */
  readonly urlSecretValid: boolean;
  readonly request: RawRequest;
  readonly expect: VectorExpectation;
}

interface VectorFile {
  readonly config: Readonly<Record<string, unknown>> & { readonly profiles?: Readonly<Record<string, object>> };
  readonly inbound: readonly VectorEntry[];
}

interface VectorEntry {
  readonly id: string;
  readonly title: string;
  readonly now: string;
  readonly given?: readonly string[];
  readonly profile?: string;
  readonly request: {
    readonly method: string;
    /** `/hooks/{vendor}/{source}/{secret?}/{rest?}` */
    readonly path: string;
    readonly query?: Readonly<Record<string, string>>;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
    /** A file of the folder, sent byte for byte. */
    readonly bodyFile?: string;
  };
  readonly expect: VectorExpectation;
}

/** The inbound vectors of a fixture folder, in the order of the file. */
export function loadVectors(folder: string): VectorCase[] {
  const name = path.join(folder, 'vectors.json');
  const file = JSON.parse(readFileSync(name, 'utf8')) as VectorFile;
  const cases = new Map<string, VectorCase>();
  for (const entry of file.inbound) cases.set(entry.id, toCase(name, file.config, entry, cases));
  return [...cases.values()];
}

function toCase(
  file: string,
  config: VectorFile['config'],
  entry: VectorEntry,
  earlier: ReadonlyMap<string, VectorCase>,
): VectorCase {
  const { id, title, profile, expect } = entry;
  const settings = (profile === undefined ? config : config.profiles?.[profile]) as VectorCase['settings'];
  const [urlSecret, ...rest] = entry.request.path.split('/').slice(4);
  return {
    source: fixtureName(file),
    id,
    title,
    now: new Date(entry.now),
    given: (entry.given ?? []).map((name) => found(earlier.get(name), name)),
    ...(profile !== undefined && { profile }),
    settings,
    urlSecretValid: settings.urlSecret === undefined || settings.urlSecret === urlSecret,
    request: toRequest(path.dirname(file), entry.request, rest.join('/')),
    expect,
  };
}

function found(given: VectorCase | undefined, id: string): VectorCase {
  if (!given) throw new Error(`${id} is named under "given" and does not stand before it`);
  return given;
}

function toRequest(folder: string, request: VectorEntry['request'], rest: string): RawRequest {
  const { method, query = {}, headers, body = '', bodyFile } = request;
  const bytes = bodyFile === undefined ? body : readFileSync(path.join(folder, bodyFile));
  return rawRequest({ method, path: rest, query, headers, body: bytes });
}

/** Runs a vector, and what it presupposes, on an empty store. */
export function runVector<C extends object>(adapter: InboundAdapter<C>, config: C, vector: VectorCase): Received {
  const harness = new InboundHarness(adapter, config);
  for (const { request, now, urlSecretValid } of vector.given) harness.receive(request, now, urlSecretValid);
  return harness.receive(vector.request, vector.now, vector.urlSecretValid);
}

/** One test per vector. `configOf` turns the settings of the file into the adapter's. */
export function describeVectors<C extends object>(
  adapter: InboundAdapter<C>,
  vectors: readonly VectorCase[],
  configOf: (vector: VectorCase) => C,
): void {
  describe(`${adapter.manifest.id} vectors`, () => {
    it.each(vectors.map((vector) => [vector.id, vector.title, vector] as const))('%s %s', (_id, _title, vector) => {
      const startedAt = performance.now();
      const received = runVector(adapter, configOf(vector), vector);
      expect(performance.now() - startedAt).toBeLessThan(vector.expect.maxMillis ?? 1000);
      expect(faultsOf(received, vector.expect)).toEqual([]);
      executed(vector.source, vector.id);
    });
  });
}

/** Where a result differs from what a vector expects, copy put aside; empty when it does not. */
export function faultsOf(received: Received, expected: VectorExpectation): string[] {
  const { outcome, errorCode, http, parseMode, events } = expected;
  const facts = events?.map(({ notification: _copy, ...facts }) => facts);
  return matchSubset(
    { ...received, events: received.events.map(viewOf) },
    {
      outcome,
      ...(errorCode !== undefined && { code: errorCode }),
      ...(http && { reply: http }),
      ...(parseMode && { parseMode }),
      ...(facts && { events: facts }),
    },
  );
}

/**
 * Where `actual` lacks something of `expected`, one line per place; empty when it contains all of it.
 * Objects may have more members, lists may not have more items, null stands for absent too.
 */
export function matchSubset(actual: unknown, expected: unknown, at = ''): string[] {
  if (typeof expected !== 'object' || expected === null) {
    return (actual ?? null) === expected ? [] : [`${at || '/'}: ${show(actual)} instead of ${show(expected)}`];
  }
  if (typeof actual !== 'object' || actual === null) return [`${at || '/'}: ${show(actual)} instead of an object`];
  const surplus =
    Array.isArray(expected) && (actual as unknown[]).length !== expected.length
      ? [`${at}: ${String((actual as unknown[]).length)} items instead of ${expected.length}`]
      : [];
  return [
    ...surplus,
    ...Object.entries(expected).flatMap(([name, value]) =>
      matchSubset((actual as Record<string, unknown>)[name], value, `${at}/${name}`),
    ),
  ];
}

const show = (value: unknown): string => JSON.stringify(value) ?? 'nothing';

/**
 * An event in the words of the vector files: the one place that knows both vocabularies. Absent facts are null.
 * Facts without a field in {@link InboundEvent} are expected in `attributes`: `pluginId`, `companyId`, `visitorType`,
 * and `notice` (which notice a conversation.notice is; the files call that messageType too).
 */
export function viewOf(event: InboundEvent) {
  const { message, conversation, sender, attributes, push, recipient } = event;
  return {
    kind: event.kind,
    notify: push.notify,
    occurredAt: event.occurredAt ?? null,
    ticketId: event.ticket?.id ?? null,
    text: message?.text ?? null,
    messageType: attributes?.notice ?? message?.type ?? null,
    messageId: message?.id ?? null,
    url: message?.attachment?.url ?? null,
    fileName: message?.attachment?.name ?? null,
    conversationId: conversation?.id ?? null,
    closeType: conversation?.closeType ?? null,
    survey: conversation?.survey ?? null,
    staff: sender ? { id: sender.id ?? null, name: sender.name ?? null, robot: sender.role === 'robot' } : null,
    unreadCount: push.badge ?? null,
    lang: event.locale ?? null,
    pluginId: attributes?.pluginId ?? null,
    companyId: attributes?.companyId ?? null,
    visitorType: attributes?.visitorType ?? null,
    recipient: {
      identities: recipient.identities.map(({ kind, value }) => ({ type: kind, value })),
      devices: recipient.devices,
    },
  };
}
