import { chunks, clipDetail, isRecord, RECEIPT_KEY, scrub, type SendOutcome } from '@bellhop/contracts';
import { type App, deleteApp, initializeApp } from 'firebase-admin/app';
import { getMessaging, type Message, type Messaging, type SendResponse } from 'firebase-admin/messaging';
import { randomUUID } from 'node:crypto';
import { Gate } from './fcm.gate.js';
import type { FcmCredential } from './fcm.oauth.js';
import { outcomeOf, outcomeOfAbort, outcomeOfSilence } from './fcm.outcomes.js';
import { type FcmMessage, ttlSeconds } from './fcm.payload.js';
import type { FcmTransport } from './fcm.transport.js';

/** Messages that `sendEach` takes. */
const BATCH = 500;
/** Each batch has a connection of its own. */
const PARALLEL_BATCHES = 4;
/** Errors of requests that never reached FCM, as words of the SDK. */
const NOT_SENT = /REFUSED_STREAM|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|CERT|certificate/;
/** The SDK found fault with the message before it sent anything. */
const SDK_REFUSED = /^messaging\/(?:invalid-payload|invalid-argument)$/;

/** What is read of the SDK's errors. They carry the bearer and the token as well: never log one. */
interface SdkError {
  readonly code?: string;
  readonly message?: string;
  readonly httpResponse?: {
    readonly status: number;
    readonly headers: Record<string, unknown>;
    readonly data?: unknown;
  };
}

interface Batch {
  readonly messages: readonly FcmMessage[];
  readonly validateOnly: boolean;
}

/**
 * Google's SDK. It opens a connection per batch, retries 503 by itself, and may never settle when a connection breaks;
 * hence nothing here waits for it beyond the signal.
 */
export class FcmAdminTransport implements FcmTransport {
  readonly #app: App;
  readonly #messaging: Messaging;
  readonly #gate = new Gate(PARALLEL_BATCHES);
  #bearer = '';

  constructor(
    private readonly credential: FcmCredential,
    projectId: string,
  ) {
    // Lifetime 0 keeps the SDK from a cache of its own, which could not be told that a token was refused.
    const getAccessToken = () => Promise.resolve({ access_token: this.#bearer, expires_in: 0 });
    this.#app = initializeApp({ projectId, credential: { getAccessToken } }, `bellhop-${randomUUID()}`);
    this.#messaging = getMessaging(this.#app);
  }

  async send(
    messages: readonly FcmMessage[],
    signal: AbortSignal,
    validateOnly = false,
  ): Promise<readonly SendOutcome[]> {
    const access = await this.credential.access(signal);
    if (!access.ok) return messages.map(() => access.outcome);
    this.#bearer = access.token;
    const batches = chunks(messages, BATCH).map((part) => ({ messages: part, validateOnly }));
    return (await Promise.all(batches.map((batch) => this.#inTurn(batch, signal)))).flat();
  }

  async close(): Promise<void> {
    await deleteApp(this.#app);
  }

  async #inTurn(batch: Batch, signal: AbortSignal): Promise<readonly SendOutcome[]> {
    const leave = await this.#gate.enter(signal);
    if (!leave) return abandoned(batch, signal, false);
    try {
      return signal.aborted ? abandoned(batch, signal, false) : await orAborted(this.#sendEach(batch), batch, signal);
    } finally {
      leave();
    }
  }

  async #sendEach({ messages, validateOnly }: Batch): Promise<readonly SendOutcome[]> {
    const sentAt = new Date();
    const bearer = this.#bearer;
    const outcomeAt = (index: number, error: unknown) =>
      outcomeOfError(error as SdkError, sentAt, [...Object.values(messages[index]!.target), bearer]);
    try {
      const sdkMessages = messages.map((message) => toSdk(message, sentAt.getTime()));
      const { responses } = await this.#messaging.sendEach(sdkMessages, validateOnly);
      return responses.map((response, index) => outcomeOfResponse(response) ?? outcomeAt(index, response.error));
    } catch (error) {
      return messages.map((_, index) => outcomeAt(index, error));
    }
  }
}

/** The wire form is what the SDK sends, but for the time to live, which it wants in milliseconds. */
function toSdk({ target, payload: { body, expiresAt }, receipt }: FcmMessage, now: number): Message {
  const ttl = expiresAt && { android: { ...body.android, ttl: ttlSeconds(expiresAt, now) * 1000 } };
  const data = receipt !== undefined && { data: { ...body.data, [RECEIPT_KEY]: receipt } };
  return { ...target, ...body, ...data, ...ttl };
}

function outcomeOfResponse({ success, messageId }: SendResponse): SendOutcome | undefined {
  return success && messageId ? { kind: 'accepted', vendorMessageId: messageId } : undefined;
}

function outcomeOfError(error: SdkError | undefined, sentAt: Date, secrets: readonly string[]): SendOutcome {
  if (error?.httpResponse) return outcomeOfHttp(error.httpResponse, sentAt, secrets);
  const message = error?.message ?? '';
  const words = { vendorCode: error?.code, detail: clipDetail(scrub(message, secrets)) };
  if (SDK_REFUSED.test(error?.code ?? '')) return { kind: 'rejected', reason: 'payload.invalid', ...words };
  return outcomeOfSilence({ sent: !NOT_SENT.test(message), code: words.vendorCode, detail: words.detail });
}

function outcomeOfHttp(
  { status, headers, data }: NonNullable<SdkError['httpResponse']>,
  sentAt: Date,
  secrets: readonly string[],
): SendOutcome {
  const retryAfter = isRecord(headers) ? headers['retry-after'] : undefined;
  const answer = { status, body: data, ...(typeof retryAfter === 'string' && { retryAfter }) };
  return outcomeOf(answer, { sentAt, secrets });
}

async function orAborted(
  sending: Promise<readonly SendOutcome[]>,
  batch: Batch,
  signal: AbortSignal,
): Promise<readonly SendOutcome[]> {
  const { promise, resolve } = Promise.withResolvers<readonly SendOutcome[]>();
  const giveUp = () => resolve(abandoned(batch, signal, true));
  signal.addEventListener('abort', giveUp, { once: true });
  const outcomes = await Promise.race([sending, promise]);
  signal.removeEventListener('abort', giveUp);
  return outcomes;
}

function abandoned({ messages }: Batch, signal: AbortSignal, sent: boolean): readonly SendOutcome[] {
  return messages.map(() => outcomeOfAbort(signal.reason, sent));
}
