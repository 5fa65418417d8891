import {
  type Acceptance,
  type Acknowledgement,
  CommandRejectedError,
  type HttpReply,
  type InboundAdapter,
  MalformedPayloadError,
  type ParsedInbound,
  type RawRequest,
  type Refusal,
  sha256Hex,
  type VerifiedRequest,
} from '@bellhop/contracts';
import { Injectable, Logger } from '@nestjs/common';
import { RateLimits } from '../../access/limits/rate-limits.js';
import { Clock } from '../../platform/clock.js';
import { newId, publicId } from '../../platform/ids.js';
import { Metrics } from '../../platform/metrics.js';
import { type SpanSubject, Telemetry } from '../../platform/telemetry.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import type { CallbackDraft, EventDraft, StoreResult } from './callback.js';
import { CallbackStore, quarantine } from './callback-store.js';
import { ReadPorts } from './read-port.js';

const KEY_LIMIT = 512;

/** What the adapter is told; the request is added where the reply is made. */
type Result = Partial<Acknowledgement> & Pick<Acknowledgement, 'result'>;

/** The one flow of every callback: verify → answer a question, or parse → store → acknowledge in the vendor's words. */
@Injectable()
export class InboundService {
  private readonly log = new Logger(InboundService.name);

  constructor(
    private readonly store: CallbackStore,
    private readonly reads: ReadPorts,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
    private readonly limits: RateLimits,
    private readonly telemetry: Telemetry,
  ) {}

  async receive(integration: OpenedIntegration, adapter: InboundAdapter, request: RawRequest): Promise<HttpReply> {
    const now = this.clock.now();
    const verdict = adapter.verify(request, integration.config, now);
    if (!verdict.ok) return this.refuse(adapter, request, verdict);
    if (!this.limits.admitsCallback(integration.row.id, now)) return this.decline(adapter, request, 'rate_limited');
    try {
      const answer = await this.answer(integration, adapter, verdict.request);
      return answer ?? (await this.keep(adapter, request, this.draft(integration, adapter, verdict, now)));
    } catch (error) {
      if (error instanceof CommandRejectedError) return this.reject(adapter, request, error);
      return this.excuse(adapter, request, integration.row.id, error as Error);
    }
  }

  /** Answers the vendor's address check, which may come with a method that callbacks do not use; undefined when it is none. */
  handshake({ config }: OpenedIntegration, adapter: InboundAdapter, request: RawRequest): HttpReply | undefined {
    const greeting = adapter.handshake?.(request, config, this.clock.now());
    if (!greeting) return undefined;
    return 'ok' in greeting ? this.refuse(adapter, request, greeting) : this.count(adapter, 'handshake', greeting);
  }

  /** In the words that make the vendor send it again later. */
  decline(adapter: InboundAdapter, request: RawRequest, code = 'overloaded'): HttpReply {
    return this.reply(adapter, request, { result: 'unavailable', code }, code);
  }

  /**
   * A proved callback, parsed; one that cannot be used becomes a quarantined event.
   * @throws {CommandRejectedError} for a command that breaks a rule: nothing of it is kept.
   */
  draft(
    { row, config }: OpenedIntegration,
    adapter: InboundAdapter,
    { request, proof }: Acceptance,
    receivedAt: Date,
  ): CallbackDraft {
    const { appId, id: integrationId } = row;
    const parseMode = 'strict';
    const callback = { id: newId(), appId, integrationId, receivedAt, request, proof, parseMode, events: [] } as const;
    try {
      const parsed = adapter.parse(request, config);
      return { ...callback, parseMode: parsed.parseMode, events: eventDrafts(parsed, request) };
    } catch (error) {
      if (error instanceof CommandRejectedError) throw error;
      return quarantine(callback, ...this.faultOf(adapter, error));
    }
  }

  private async answer(
    integration: OpenedIntegration,
    adapter: InboundAdapter,
    request: VerifiedRequest,
  ): Promise<HttpReply | undefined> {
    if (!adapter.query) return undefined;
    const answer = await adapter.query(request, integration.config, this.reads.of(integration));
    return answer && this.count(adapter, 'answered', answer);
  }

  private async keep(adapter: InboundAdapter, request: RawRequest, draft: CallbackDraft): Promise<HttpReply> {
    if (draft.events.length === 0) return this.reply(adapter, request, { result: 'stored' }, 'nothing');
    const stored = await this.store.store(draft);
    this.telemetry.note(() => eventsNoted(stored.eventIds));
    const result = resultOf(draft, stored);
    return this.reply(adapter, request, result, labelOf(result));
  }

  private faultOf(adapter: InboundAdapter, error: unknown): [code: string, detail?: string] {
    if (error instanceof MalformedPayloadError) return [error.code, error.message];
    this.log.error({ plugin: adapter.manifest.id, cause: (error as Error).message }, 'Adapter failed to parse');
    return ['plugin.parse_failed'];
  }

  private refuse(adapter: InboundAdapter, request: RawRequest, { code }: Refusal): HttpReply {
    this.log.warn({ plugin: adapter.manifest.id, code }, 'Callback refused');
    return this.reply(adapter, request, { result: 'refused', code }, code);
  }

  private reject(adapter: InboundAdapter, request: RawRequest, { code, message }: CommandRejectedError): HttpReply {
    this.log.warn({ plugin: adapter.manifest.id, code, detail: message }, 'Command rejected');
    return this.reply(adapter, request, { result: 'rejected', code, detail: message }, 'rejected');
  }

  private excuse(adapter: InboundAdapter, request: RawRequest, integrationId: string, cause: Error): HttpReply {
    this.log.error({ integrationId, cause: cause.message }, 'Callback not taken');
    return this.reply(adapter, request, { result: 'unavailable', code: 'unavailable' }, 'unavailable');
  }

  private reply(adapter: InboundAdapter, request: RawRequest, result: Result, label: string): HttpReply {
    return this.count(adapter, label, adapter.acknowledge({ request, eventIds: [], ...result }));
  }

  private count(adapter: InboundAdapter, result: string, reply: HttpReply): HttpReply {
    this.metrics.inbound.inc({ plugin: adapter.manifest.id, result });
    return reply;
  }
}

/** The trace of a callback is that of its first event. */
const eventsNoted = (ids: readonly string[]): SpanSubject => ({
  ...(ids[0] && { traceOf: ids[0] }),
  links: ids,
  facts: { 'bellhop.event.ids': ids.map((id) => publicId('evt', id)) },
});

function resultOf({ events, proof }: CallbackDraft, { outcome, eventIds }: StoreResult): Result {
  const [first] = events;
  if (outcome === 'reused') return { result: 'refused', code: proof?.reusedCode ?? outcome };
  if (outcome === 'refused') return { result: 'malformed', code: 'store.refused' };
  const ids = eventIds.map((id) => publicId('evt', id));
  if (first?.state === 'quarantined') return { result: 'malformed', code: first.reason, eventIds: ids };
  return { result: outcome, eventIds: ids };
}

function labelOf({ result, code }: Result): string {
  if (result === 'malformed') return 'quarantined';
  return result === 'refused' ? (code ?? result) : result;
}

function eventDrafts(parsed: ParsedInbound, request: RawRequest): EventDraft[] {
  const events = parsed.events.map((event): EventDraft => ({
    id: newId(),
    key: event.key.slice(0, KEY_LIMIT),
    aliasKey: event.aliasKey?.slice(0, KEY_LIMIT),
    dedupeWindowMs: event.dedupeWindowMs,
    state: 'accepted',
    event,
  }));
  const [skipped] = parsed.skipped;
  if (events.length > 0 || !skipped) return events;
  const key = `${skipped.code}:${sha256Hex(request.body)}`;
  return [{ id: newId(), key, state: 'ignored', reason: skipped.code, detail: skipped.detail }];
}
