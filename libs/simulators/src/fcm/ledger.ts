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
  requests = 0;
  accepted = 0;
  validated = 0;
  connections = 0;
  maxStreams = 0;
  tokenRequests = 0;
  tokensIssued = 0;
  readonly bearers = new Set<string>();
  readonly acceptedByToken = new Map<string, number>();
  #answers = new Map<string, number>();
  #kept: FcmRequest[] = [];

  /** @param limit sends that are kept; 0 keeps none and counts no tokens. */
  constructor(private readonly limit: number) {}

  get latest(): readonly FcmRequest[] {
    return this.limit === 0 ? [] : this.#kept.slice(-this.limit);
  }

  get counters(): FcmCounters {
    const { requests, accepted, validated, connections, maxStreams, tokenRequests, tokensIssued } = this;
    const counts = { requests, accepted, validated, connections, maxStreams, tokenRequests, tokensIssued };
    return { ...counts, bearers: this.bearers.size, answers: Object.fromEntries(this.#answers) };
  }

  /** Cheap unless sends are kept: then `details` is asked for the record. */
  write(answer: string, details: () => Omit<FcmRequest, 'answer'>): void {
    this.#answers.set(answer, (this.#answers.get(answer) ?? 0) + 1);
    if (this.limit === 0) return;
    this.#kept.push({ ...details(), answer });
    // Trimming in blocks keeps the cost of a record constant.
    if (this.#kept.length >= 2 * this.limit) this.#kept = this.#kept.slice(-this.limit);
  }

  deliver(token: string): void {
    this.accepted++;
    if (this.limit > 0) this.acceptedByToken.set(token, (this.acceptedByToken.get(token) ?? 0) + 1);
  }

  reset(): void {
    this.requests = this.accepted = this.validated = this.connections = this.maxStreams = 0;
    this.tokenRequests = this.tokensIssued = 0;
    this.bearers.clear();
    this.acceptedByToken.clear();
    this.#answers.clear();
    this.#kept = [];
  }
}
