import { Journal } from '../journal.js';
import type { WireMessage } from './message-checks.js';

/** A send as it arrived, and how it ended. */
export interface FcmRequest {
  /** 1 for the first connection since the start. */
  readonly connection: number;
  readonly protocol: 'HTTP/1.1' | 'HTTP/2';
  readonly project: string;
  /** Registration token, installation id, topic or condition; empty when the body was not understood. */
  readonly token: string;
  /** Undefined when the body was refused before it was understood. */
  readonly message: WireMessage | undefined;
  readonly validateOnly: boolean;
  readonly at: Date;
  /** HTTP status with error code (`404 UNREGISTERED`), or the name of a fault. */
  readonly answer: string;
}

export interface FcmCounters {
  /** Sends that arrived, whatever became of them. */
  readonly requests: number;
  /** Messages taken for delivery: answered 200 and not `validate_only`. */
  readonly accepted: number;
  /** `validate_only` messages answered 200. */
  readonly validated: number;
  /** Connections ever made. */
  readonly connections: number;
  /** The most streams that one connection had open at a time. */
  readonly maxStreams: number;
  /** Distinct bearers. */
  readonly bearers: number;
  readonly tokenRequests: number;
  readonly tokensIssued: number;
  /** Sends per answer. */
  readonly answers: Readonly<Record<string, number>>;
}

/** Remembers the latest sends and counts all of them. */
export class Ledger {
  accepted = 0;
  validated = 0;
  connections = 0;
  maxStreams = 0;
  tokenRequests = 0;
  tokensIssued = 0;
  readonly bearers = new Set<string>();
  readonly acceptedByToken = new Map<string, number>();
  readonly #journal: Journal<FcmRequest>;

  /** @param limit sends that are kept; 0 keeps none and counts no tokens. */
  constructor(limit: number) {
    this.#journal = new Journal(limit);
  }

  get latest(): readonly FcmRequest[] {
    return this.#journal.requests;
  }

  /** All but `requests`, which are counted as they arrive. */
  get counters(): Omit<FcmCounters, 'requests'> {
    const { accepted, validated, connections, maxStreams, tokenRequests, tokensIssued } = this;
    const counts = { accepted, validated, connections, maxStreams, tokenRequests, tokensIssued };
    return { ...counts, bearers: this.bearers.size, answers: this.#journal.answers };
  }

  /** Cheap unless sends are kept: then `details` is asked for the record. */
  write(answer: string, details: () => Omit<FcmRequest, 'answer'>): void {
    if (this.#journal.keeps) this.#journal.write({ ...details(), answer });
    else this.#journal.count(answer);
  }

  deliver(token: string): void {
    this.accepted++;
    if (this.#journal.keeps) this.acceptedByToken.set(token, (this.acceptedByToken.get(token) ?? 0) + 1);
  }

  reset(): void {
    this.accepted = this.validated = this.connections = this.maxStreams = 0;
    this.tokenRequests = this.tokensIssued = 0;
    this.bearers.clear();
    this.acceptedByToken.clear();
    this.#journal.clear();
  }
}
