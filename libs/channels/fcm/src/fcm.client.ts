import {
  CHANNEL_CLOSED,
  type ChannelClient,
  type CheckResult,
  failedCheck,
  OpenCalls,
  type SendItem,
  type SendOutcome,
} from '@bellhop/contracts';
import type { FcmCredential } from './fcm.oauth.js';
import { settleDoubts, UNAUTHENTICATED } from './fcm.outcomes.js';
import { type AndroidStyle, type FcmMessage, FcmPayloads, probePayload } from './fcm.payload.js';
import { messageFor } from './fcm.request.js';
import type { FcmTransport } from './fcm.transport.js';

export interface FcmClientSettings {
  readonly androidStyle: AndroidStyle;
  /** Milliseconds after which a call settles. */
  readonly deadlineMs: number;
}

/** Nobody subscribes to it; `validate_only` keeps the message from anybody anyway. */
const PROBE: FcmMessage = { target: { topic: 'bellhop-connection-test' }, payload: probePayload() };

/** One Firebase project, opened. */
export class FcmClient implements ChannelClient {
  readonly sender = {
    send: (items: readonly SendItem[], signal: AbortSignal) =>
      this.#calls.run(
        () => this.#send(items, signal),
        items.map((): SendOutcome => CHANNEL_CLOSED),
      ),
  };
  readonly #payloads: FcmPayloads;
  readonly #calls = new OpenCalls();
  #closed: Promise<void> | undefined;

  constructor(
    private readonly transport: FcmTransport,
    private readonly credential: FcmCredential,
    private readonly settings: FcmClientSettings,
  ) {
    this.#payloads = new FcmPayloads(settings.androidStyle);
  }

  check(signal: AbortSignal): Promise<CheckResult> {
    return this.#calls.check(async () => {
      const [outcome] = await this.#deliver([PROBE], signal, true);
      return outcome ? toCheck(outcome) : { ok: false, code: 'gateway.unknown_answer', detail: 'no outcome' };
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#calls.close().then(() => this.transport.close());
    return this.#closed;
  }

  async #send(items: readonly SendItem[], signal: AbortSignal): Promise<readonly SendOutcome[]> {
    const prepared = items.map((item) => this.#prepare(item));
    const messages = prepared.filter((one) => 'payload' in one);
    const sent = (await this.#deliver(messages, signal))[Symbol.iterator]();
    return prepared.map((one) => ('payload' in one ? sent.next().value! : one));
  }

  /** What is to be sent, or why it cannot be. */
  #prepare(item: SendItem): FcmMessage | SendOutcome {
    const message = messageFor(item, this.#payloads);
    return 'payload' in message ? message : message.outcome;
  }

  async #deliver(
    messages: readonly FcmMessage[],
    signal: AbortSignal,
    validateOnly = false,
  ): Promise<readonly SendOutcome[]> {
    if (messages.length === 0) return [];
    const sentAt = new Date();
    const deadline = startDeadline(signal, this.settings.deadlineMs);
    try {
      const outcomes = await this.#withFreshToken(messages, deadline.signal, validateOnly);
      const payloads = messages.map((message) => message.payload);
      return settleDoubts(outcomes, payloads, sentAt);
    } finally {
      deadline.release();
    }
  }

  /** A refused access token is replaced once; only what it was refused for goes again. */
  async #withFreshToken(
    messages: readonly FcmMessage[],
    signal: AbortSignal,
    validateOnly: boolean,
  ): Promise<readonly SendOutcome[]> {
    const startedAt = Date.now();
    const first = await this.transport.send(messages, signal, validateOnly);
    const refused = messages.filter((_, index) => isUnauthenticated(first[index]));
    if (refused.length === 0) return first;
    this.credential.renew(startedAt);
    const second = (await this.transport.send(refused, signal, validateOnly))[Symbol.iterator]();
    return first.map((outcome) => (isUnauthenticated(outcome) ? second.next().value! : outcome));
  }
}

function isUnauthenticated(outcome: SendOutcome | undefined): boolean {
  return outcome?.kind === 'misconfigured' && outcome.reason === UNAUTHENTICATED;
}

function toCheck(outcome: SendOutcome): CheckResult {
  if (outcome.kind === 'accepted') return { ok: true, detail: 'FCM accepted a message for validation' };
  return failedCheck(outcome);
}

/** A signal that aborts with `signal` or after `ms`; its timer keeps the process alive until it is released. */
function startDeadline(signal: AbortSignal, ms: number): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const follow = () => controller.abort(signal.reason);
  const timer = setTimeout(() => controller.abort(new DOMException('deadline', 'TimeoutError')), ms);
  signal.addEventListener('abort', follow, { once: true });
  if (signal.aborted) follow();
  return {
    signal: controller.signal,
    release: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', follow);
    },
  };
}
