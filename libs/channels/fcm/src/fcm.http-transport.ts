import { parseJson, type SendOutcome } from '@bellhop/contracts';
import { Flight, type WireResult } from './fcm.connection.js';
import { FcmConnections } from './fcm.connections.js';
import type { FcmCredential } from './fcm.oauth.js';
import { outcomeOf, outcomeOfAbort, outcomeOfSilence } from './fcm.outcomes.js';
import { type FcmMessage, renderJson } from './fcm.payload.js';
import type { FcmTransport } from './fcm.transport.js';

export interface HttpTransportSettings {
  /** Where FCM is; a path is kept as a prefix. */
  readonly baseUrl: string;
  readonly projectId: string;
  /** PEM, trusted instead of the public authorities. */
  readonly certificateAuthority?: string;
  /** Default 15,000. */
  readonly pingMs?: number;
}

/** One request per message over kept HTTP/2 connections, without hidden retries. */
export class FcmHttpTransport implements FcmTransport {
  readonly #connections: FcmConnections;
  readonly #path: string;

  constructor(
    private readonly credential: FcmCredential,
    { baseUrl, projectId, certificateAuthority, pingMs = 15_000 }: HttpTransportSettings,
  ) {
    const { origin, pathname } = new URL(baseUrl);
    this.#path = `${pathname.replace(/\/$/, '')}/v1/projects/${encodeURIComponent(projectId)}/messages:send`;
    this.#connections = new FcmConnections({ origin, certificateAuthority, pingMs });
  }

  async send(
    messages: readonly FcmMessage[],
    signal: AbortSignal,
    validateOnly = false,
  ): Promise<readonly SendOutcome[]> {
    const access = await this.credential.access(signal);
    if (!access.ok) return messages.map(() => access.outcome);
    if (signal.aborted) return messages.map(() => outcomeOfAbort(signal.reason, false));
    const flights = messages.map((message) => this.#launch(message, access.token, validateOnly));
    const giveUp = () => flights.forEach((flight) => flight.cancel());
    signal.addEventListener('abort', giveUp, { once: true });
    const outcomes = await Promise.all(
      flights.map((flight, index) => outcomeOfFlight(flight, messages[index]!, signal)),
    );
    signal.removeEventListener('abort', giveUp);
    return outcomes;
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }

  #launch(message: FcmMessage, bearer: string, validateOnly: boolean): Flight {
    const flight = new Flight(this.#path, bearer, renderJson(message, Date.now(), validateOnly));
    this.#connections.submit(flight);
    return flight;
  }
}

async function outcomeOfFlight(flight: Flight, message: FcmMessage, signal: AbortSignal): Promise<SendOutcome> {
  const result = await flight.result;
  if (result.kind === 'answer') return outcomeOfResult(result, flight, message);
  return signal.aborted ? outcomeOfAbort(signal.reason, result.sent) : outcomeOfSilence(result);
}

function outcomeOfResult(
  { status, retryAfter, text }: Extract<WireResult, { kind: 'answer' }>,
  { bearer, startedAt = Date.now() }: Flight,
  { target }: FcmMessage,
): SendOutcome {
  const secrets = [...Object.values(target), bearer];
  return outcomeOf({ status, retryAfter, body: parseJson(text) ?? text }, { sentAt: new Date(startedAt), secrets });
}
