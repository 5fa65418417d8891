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
  pushed = 0;
  readonly #answers = new Map<string, number>();
  #requests: NimRequest[] = [];
  #pushes: NimPush[] = [];

  /** @param limit requests, and pushes, that are kept. */
  constructor(private readonly limit: number) {}

  get requests(): readonly NimRequest[] {
    return this.#requests.slice(-this.limit);
  }

  get pushes(): readonly NimPush[] {
    return this.#pushes.slice(-this.limit);
  }

  /** All but `requests`, which are counted as they arrive. */
  get counters(): Omit<NimCounters, 'requests'> {
    const answers = Object.fromEntries(this.#answers);
    return { accepted: answers['200'] ?? 0, pushes: this.pushed, answers };
  }

  write(request: NimRequest): void {
    this.#answers.set(request.answer, (this.#answers.get(request.answer) ?? 0) + 1);
    this.#requests = this.#keep(this.#requests, request);
  }

  push(push: NimPush): void {
    this.pushed++;
    this.#pushes = this.#keep(this.#pushes, push);
  }

  reset(): void {
    this.pushed = 0;
    this.#answers.clear();
    this.#requests = [];
    this.#pushes = [];
  }

  /** Trimming in blocks keeps the cost of an entry constant. */
  #keep<T>(entries: T[], entry: T): T[] {
    entries.push(entry);
    return entries.length >= 2 * this.limit ? entries.slice(-this.limit) : entries;
  }
}
