import { Journal, Latest } from '../journal.js';
import type { RongCloudCommand, RongCloudPlatform, RongCloudPushCommand, RongCloudShown } from './commands.js';

/** A call as it arrived, and how it ended. */
export interface RongCloudRequest {
  readonly at: Date;
  readonly method: string;
  /** With its format: `/push.json`. */
  readonly path: string;
  /** Those that the protocol knows, the signature left out. Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON as a value, a form as lists by name; undefined when it was neither. */
  readonly body: unknown;
  /** Undefined when the call was refused before it was understood. */
  readonly command: RongCloudCommand | undefined;
  /** HTTP status with the vendor's code (`429 1008`), or the name of a fault. */
  readonly answer: string;
}

/** What a device showed. */
export interface RongCloudArrival extends RongCloudShown {
  readonly deviceId: string;
  readonly userId: string;
  readonly platform: RongCloudPlatform;
}

/** A push or broadcast that was taken. */
export interface RongCloudPush {
  readonly id: string;
  readonly at: Date;
  readonly command: RongCloudPushCommand;
  readonly arrivals: readonly RongCloudArrival[];
}

export interface RongCloudCounters {
  /** Calls that arrived, whatever became of them. */
  readonly requests: number;
  /** Pushes and broadcasts that were taken. */
  readonly pushes: number;
  /** Arrivals on devices. */
  readonly arrivals: number;
  /** Connections ever made. */
  readonly connections: number;
  /** Calls per answer. */
  readonly answers: Readonly<Record<string, number>>;
}

/** Remembers the latest calls and pushes, and counts all of them. */
export class Ledger {
  #pushed = 0;
  #arrived = 0;
  readonly #journal: Journal<RongCloudRequest>;
  readonly #pushes: Latest<RongCloudPush>;

  /** @param limit calls and pushes that are kept. */
  constructor(limit: number) {
    this.#journal = new Journal(limit);
    this.#pushes = new Latest(limit);
  }

  get requests(): readonly RongCloudRequest[] {
    return this.#journal.requests;
  }

  get pushes(): readonly RongCloudPush[] {
    return this.#pushes.all;
  }

  /** All but those that are counted as they arrive. */
  get counters(): Omit<RongCloudCounters, 'requests' | 'connections'> {
    return { pushes: this.#pushed, arrivals: this.#arrived, answers: this.#journal.answers };
  }

  write(request: RongCloudRequest): void {
    this.#journal.write(request);
  }

  take(push: RongCloudPush): void {
    this.#pushed++;
    this.#arrived += push.arrivals.length;
    this.#pushes.add(push);
  }

  reset(): void {
    this.#pushed = this.#arrived = 0;
    this.#journal.clear();
    this.#pushes.clear();
  }
}
