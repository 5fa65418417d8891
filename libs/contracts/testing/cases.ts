import { readFileSync } from 'node:fs';
import type { InboundAdapter, InboundEvent, RawRequest } from '@bellhop/contracts';
import { executed, fixtureName } from './executed.js';
import { InboundHarness, type Received } from './inbound-harness.js';
import { matchSubset } from './vectors.js';

/** What the files say of a case; absent members are not looked at. */
export interface CaseExpectation {
  readonly http: number;
  /** Why it is refused or quarantined, or with 200 why nothing is pushed. */
  readonly reason?: string;
  /** Acknowledged without an event; `STALE`: with one that whoever keeps the states puts aside. */
  readonly ignored?: string;
  /** The case whose event this one repeats. */
  readonly duplicateOf?: string;
  /** The case that gives the same event. */
  readonly sameAs?: string;
  readonly dedupeKey?: string;
  readonly dedupeKeyKind?: 'content-hash';
  /** Subsets of {@link factsOf}, one or a list of them. */
  readonly canonical?: object | readonly object[];
  readonly canonicalTypes?: readonly string[];
  readonly pushCandidate?: boolean;
}

/** One entry of a `cases` file. Its clock is its own timestamp. */
export interface InboundCase {
  /** The file it stands in, as {@link executed} names it. */
  readonly source: string;
  readonly id: string;
  readonly method: string;
  /** As it stands in the address, without the question mark. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyRaw: string;
  readonly expect: CaseExpectation;
  readonly now: Date;
  /** The same as the core hands it to an adapter. */
  readonly request: RawRequest;
}

export interface CaseFile {
  readonly appKey: string;
  readonly appSecret: string;
  readonly cases: readonly InboundCase[];
}

type CaseEntry = Pick<InboundCase, 'id' | 'method' | 'headers' | 'bodyRaw' | 'expect'> & { readonly query?: string };

export function loadCaseFile(file: string): CaseFile {
  const { appKey, appSecret, cases } = JSON.parse(readFileSync(file, 'utf8')) as CaseFile & {
    cases: readonly CaseEntry[];
  };
  return { appKey, appSecret, cases: cases.map((entry) => toCase(file, entry)) };
}

function toCase(file: string, { query = '', ...entry }: CaseEntry): InboundCase {
  const pairs = [...new URLSearchParams(query)].reverse();
  const request: RawRequest = {
    method: entry.method,
    path: '',
    query: Object.assign(Object.create(null), Object.fromEntries(pairs)) as Record<string, string>,
    headers: Object.fromEntries(Object.entries(entry.headers).map(([name, value]) => [name.toLowerCase(), value])),
    body: Buffer.from(entry.bodyRaw),
  };
  const timestamp = request.query.signTimestamp ?? request.headers.curtime ?? '0';
  const now = new Date(Number(timestamp) * (timestamp.length === 10 ? 1000 : 1));
  return { source: fixtureName(file), ...entry, query, now, request };
}

/** One test per case. */
export function describeCases<C extends object>(
  adapter: InboundAdapter<C>,
  config: C,
  cases: readonly InboundCase[],
): void {
  const receive = ({ expect: { duplicateOf }, request, now }: InboundCase): Received => {
    const harness = new InboundHarness(adapter, config);
    const first = cases.find(({ id }) => id === duplicateOf);
    if (first) harness.receive(first.request, first.now);
    return harness.receive(request, now);
  };
  describe(`${adapter.manifest.id} cases`, () => {
    it.each(cases.map((each) => [each.id, each] as const))('%s', (_id, each) => {
      const received = receive(each);
      expect(caseFaults(received, each.expect)).toEqual([]);
      const twin = cases.find(({ id }) => id === each.expect.sameAs);
      if (twin) expect(received).toEqual(receive(twin));
      executed(each.source, each.id);
    });
  });
}

/** Our codes, without the vendor, for the reasons of the files. */
const CODES: Readonly<Record<string, string>> = {
  APP_KEY_MISMATCH: 'app_key_mismatch',
  BAD_SIGNATURE: 'signature_invalid',
  SIGNATURE_MISSING: 'signature_missing',
  BAD_MD5: 'md5_mismatch',
  BAD_CHECKSUM: 'checksum_invalid',
  BODY_NOT_JSON: 'body_not_json',
  LOGIN_FAILED: 'login_failed',
  UNKNOWN_EVENT: 'event_unknown',
};

/** Where a result differs from what a case expects; empty when it does not. */
export function caseFaults({ outcome, code, reply, events }: Received, expected: CaseExpectation): string[] {
  const { http, reason, ignored, duplicateOf, dedupeKey, dedupeKeyKind, canonicalTypes, pushCandidate } = expected;
  const wanted = CODES[(http === 200 ? ignored : reason) ?? ''];
  const facts = events.map(factsOf);
  const canonical = expected.canonical && [expected.canonical].flat();
  return matchSubset(
    {
      status: reply.status,
      code: code?.split('.')[1],
      outcome,
      key: events[0]?.key,
      facts,
      pushed: facts.some((fact) => fact.pushCandidate),
    },
    {
      status: http,
      ...(wanted && { code: wanted }),
      ...(duplicateOf && { outcome: 'duplicate' }),
      ...(dedupeKey && { key: dedupeKey }),
      ...(canonical && { facts: canonical }),
      ...(canonicalTypes && { facts: canonicalTypes.map((type) => ({ type })) }),
      ...(pushCandidate !== undefined && { pushed: pushCandidate }),
    },
  ).concat(dedupeKeyKind && !/:hash:[\da-f]{64}$/.test(events[0]?.key ?? '') ? ['/key: no digest'] : []);
}

/** An event in the words of the `cases` files. */
export function factsOf(event: InboundEvent) {
  const { sender, conversation, message, presence, push, attributes } = event;
  const accounts = event.recipient.identities.map(({ value }) => value);
  const isGroup = conversation?.type === 'group';
  const atMs = event.occurredAt ? Date.parse(event.occurredAt) : null;
  return {
    type: event.kind === 'conversation.message' ? 'message.created' : event.kind,
    conversation: conversation?.type,
    from: sender?.id,
    fromNick: sender?.name,
    to: isGroup ? conversation.id : accounts[0],
    members: accounts,
    directedUserIds: isGroup ? accounts : null,
    messageId: message?.id,
    clientMessageId: message?.clientId,
    contentType: message?.vendorType,
    text: message?.text ?? null,
    attachment: message?.attachment,
    sentAtMs: atMs,
    atMs,
    source: attributes?.source,
    rawContent: attributes?.rawContent,
    pushText: push.text,
    storeOffline: attributes?.customSafeFlag === '1',
    userId: accounts[0],
    state: presence?.state,
    os: attributes?.os,
    clientType: attributes?.clientType,
    sessionId: presence?.session,
    deviceId: presence?.session,
    pushEligible: presence ? !['online', 'loggedOut', 'kicked'].includes(presence.state) : null,
    pushCandidate: push.notify && !push.vetoes?.length && hasCopy(event),
  };
}

/** Custom content is shown only with a text of its own; everything else has at least a placeholder. */
function hasCopy({ message, push }: InboundEvent): boolean {
  return Boolean(push.text ?? message?.text) || message?.type !== 'custom';
}
