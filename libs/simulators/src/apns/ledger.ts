import type { IncomingHttpHeaders } from 'node:http2';

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
  readonly answers = new Map<string, number>();
  readonly acceptedByToken = new Map<string, number>();
  private kept: ApnsRequest[] = [];

  /** @param limit requests that are kept; 0 keeps none, and no tokens either. */
  constructor(private readonly limit: number) {}

  get keeps(): boolean {
    return this.limit > 0;
  }

  get latest(): readonly ApnsRequest[] {
    return this.keeps ? this.kept.slice(-this.limit) : [];
  }

  count(answer: string): void {
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
  }

  keep(request: ApnsRequest): void {
    const { token, answer } = request;
    if (answer === '200') this.acceptedByToken.set(token, (this.acceptedByToken.get(token) ?? 0) + 1);
    this.kept.push(request);
    // Trimming in blocks keeps the cost of a record constant.
    if (this.kept.length >= 2 * this.limit) this.kept = this.kept.slice(-this.limit);
  }

  reset(): void {
    this.connections = 0;
    this.maxStreams = 0;
    this.answers.clear();
    this.acceptedByToken.clear();
    this.kept = [];
  }
}
