import type { IncomingHttpHeaders } from 'node:http2';
import { Journal } from '../journal.js';

/** A request as it arrived, and how it ended. */
export interface ApnsRequest {
  /** 1 for the first connection since the start. */
  readonly connection: number;
  readonly token: string;
  readonly headers: IncomingHttpHeaders;
  /** Parsed JSON; undefined when it is none. */
  readonly payload: unknown;
  readonly at: Date;
  /** Status with reason (`410 Unregistered`), `200`, the name of a fault, or `abandoned` by the client. */
  readonly answer: string;
}

export interface ApnsCounters {
  /** Requests that came in completely. */
  readonly requests: number;
  readonly accepted: number;
  /** Connections made. */
  readonly connections: number;
  /** The most unanswered streams that one connection had at a time. */
  readonly maxStreams: number;
  /** Distinct provider tokens (JWTs). */
  readonly providerTokens: number;
  /** Requests per answer, in the words of {@link ApnsRequest.answer}. */
  readonly answers: Readonly<Record<string, number>>;
}

/** Remembers the latest requests, and counts all of them. */
export class Ledger {
  connections = 0;
  maxStreams = 0;
  readonly journal: Journal<ApnsRequest>;
  readonly acceptedByToken = new Map<string, number>();

  /** @param limit requests that are kept; 0 keeps none, and no tokens either. */
  constructor(limit: number) {
    this.journal = new Journal(limit);
  }

  keep(request: ApnsRequest): void {
    const { token, answer } = request;
    if (answer === '200') this.acceptedByToken.set(token, (this.acceptedByToken.get(token) ?? 0) + 1);
    this.journal.write(request);
  }

  reset(): void {
    this.connections = 0;
    this.maxStreams = 0;
    this.journal.clear();
    this.acceptedByToken.clear();
  }
}
