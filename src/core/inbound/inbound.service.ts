import {
  type Acceptance,
  type HttpReply,
  type InboundAdapter,
  type InboundResult,
  MalformedPayloadError,
  type ParsedInbound,
  type RawRequest,
  type Refusal,
  sha256Hex,
} from '@bellhop/contracts';
import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { newId } from '../../platform/ids.js';
import { Metrics } from '../../platform/metrics.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import type { CallbackDraft, EventDraft } from './callback.js';
import { CallbackStore, quarantine } from './callback-store.js';

const KEY_LIMIT = 512;

/** The one flow of every callback: verify → parse → store → acknowledge in the vendor's words. */
@Injectable()
export class InboundService {
  private readonly log = new Logger(InboundService.name);

  constructor(
    private readonly store: CallbackStore,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
  ) {}

  async receive(integration: OpenedIntegration, adapter: InboundAdapter, request: RawRequest): Promise<HttpReply> {
    const now = this.clock.now();
    const verdict = adapter.verify(request, integration.config, now);
    if (!verdict.ok) return this.refuse(adapter, verdict);
    return this.keep(adapter, this.draft(integration, adapter, verdict, now));
  }

  /** Answers the vendor's address check, which may come with a method that callbacks do not use; undefined when it is none. */
  handshake({ config }: OpenedIntegration, adapter: InboundAdapter, request: RawRequest): HttpReply | undefined {
    const greeting = adapter.handshake?.(request, config, this.clock.now());
    if (!greeting) return undefined;
    return 'ok' in greeting ? this.refuse(adapter, greeting) : this.greet(adapter, greeting);
  }

  private async keep(adapter: InboundAdapter, draft: CallbackDraft): Promise<HttpReply> {
    if (draft.events.length === 0) return this.reply(adapter, 'stored', 'nothing');
    try {
      const result = await this.store.store(draft);
      if (result === 'reused') return this.reply(adapter, 'refused', draft.proof?.reusedCode ?? result);
      if (result === 'refused' || draft.events[0]?.state === 'quarantined') {
        return this.reply(adapter, 'malformed', 'quarantined');
      }
      return this.reply(adapter, result, result);
    } catch (error) {
      this.log.error({ integrationId: draft.integrationId, cause: (error as Error).message }, 'Callback not stored');
      return this.reply(adapter, 'unavailable', 'unavailable');
    }
  }

  /** A proved callback, parsed; one that cannot be used becomes a quarantined event. */
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
      return quarantine(callback, ...this.faultOf(adapter, error));
    }
  }

  private faultOf(adapter: InboundAdapter, error: unknown): [code: string, detail?: string] {
    if (error instanceof MalformedPayloadError) return [error.code, error.message];
    this.log.error({ plugin: adapter.manifest.id, cause: (error as Error).message }, 'Adapter failed to parse');
    return ['plugin.parse_failed'];
  }

  private refuse(adapter: InboundAdapter, refusal: Refusal): HttpReply {
    this.log.warn({ plugin: adapter.manifest.id, code: refusal.code }, 'Callback refused');
    return this.reply(adapter, 'refused', refusal.code);
  }

  private greet(adapter: InboundAdapter, reply: HttpReply): HttpReply {
    this.metrics.inbound.inc({ plugin: adapter.manifest.id, result: 'handshake' });
    return reply;
  }

  private reply(adapter: InboundAdapter, result: InboundResult, label: string): HttpReply {
    this.metrics.inbound.inc({ plugin: adapter.manifest.id, result: label });
    return adapter.acknowledge(result);
  }
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
