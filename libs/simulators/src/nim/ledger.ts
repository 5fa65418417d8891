import { Journal, Latest } from '../journal.js';

/** A request as it arrived, and how it ended. */
export interface NimRequest {
  readonly method: string;
  /** Without query, as sent. */
  readonly path: string;
  /** `appkey`, `nonce`, `curtime`, `checksum` and `content-type`, as far as they were sent. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyRaw: string;
  /** A form's fields under the names that were sent, or the parsed JSON; undefined when it could not be read. */
  readonly params: Readonly<Record<string, unknown>> | undefined;
  readonly at: Date;
  /** The vendor's code (`200`), `HTTP 502`, or the name of a fault. */
  readonly answer: string;
}

/** What NIM would hand to the push gateway of an account that is away. */
export interface NimPush {
  readonly accid: string;
  /** Last part of the path: `sendMsg.action`, `push_notification`. */
  readonly via: string;
  readonly from: string | undefined;
  readonly text: string;
  readonly payload: Readonly<Record<string, unknown>> | undefined;
  readonly sound: string | undefined;
  /** Overrides do-not-disturb. */
  readonly forced: boolean;
  /** Counts as unread. */
  readonly badge: boolean;
  /** The sender's nick stands before the text. */
  readonly nick: boolean;
  /** `ios`, `aos` and so on; undefined: every platform. */
  readonly targetOs: readonly string[] | undefined;
  /** Exact digits. */
  readonly messageId: string;
}

export interface NimCounters {
  /** Requests that came in completely. */
  readonly requests: number;
  /** Answered with code 200. */
  readonly accepted: number;
  readonly pushes: number;
  /** Requests per answer, in the words of {@link NimRequest.answer}. */
  readonly answers: Readonly<Record<string, number>>;
}

/** Remembers the latest requests and pushes, and counts all of them. */
export class Ledger {
  #pushed = 0;
  readonly #journal: Journal<NimRequest>;
  readonly #pushes: Latest<NimPush>;

  /** @param limit requests, and pushes, that are kept. */
  constructor(limit: number) {
    this.#journal = new Journal(limit);
    this.#pushes = new Latest(limit);
  }

  get requests(): readonly NimRequest[] {
    return this.#journal.requests;
  }

  get pushes(): readonly NimPush[] {
    return this.#pushes.all;
  }

  /** All but `requests`, which are counted as they arrive. */
  get counters(): Omit<NimCounters, 'requests'> {
    const { answers } = this.#journal;
    return { accepted: answers['200'] ?? 0, pushes: this.#pushed, answers };
  }

  write(request: NimRequest): void {
    this.#journal.write(request);
  }

  push(push: NimPush): void {
    this.#pushed++;
    this.#pushes.add(push);
  }

  reset(): void {
    this.#pushed = 0;
    this.#journal.clear();
    this.#pushes.clear();
  }
}
