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
  requests = 0;
  connections = 0;
  #pushed = 0;
  #arrived = 0;
  #answers = new Map<string, number>();
  #kept: RongCloudRequest[] = [];
  #pushes: RongCloudPush[] = [];

  /** @param limit calls and pushes that are kept. */
  constructor(private readonly limit: number) {}

  get latest(): readonly RongCloudRequest[] {
    return this.#kept;
  }

  get pushes(): readonly RongCloudPush[] {
    return this.#pushes;
  }

  get counters(): RongCloudCounters {
    const { requests, connections } = this;
    const answers = Object.fromEntries(this.#answers);
    return { requests, pushes: this.#pushed, arrivals: this.#arrived, connections, answers };
  }

  write(request: RongCloudRequest): void {
    this.#answers.set(request.answer, (this.#answers.get(request.answer) ?? 0) + 1);
    this.#kept = [...this.#kept, request].slice(-this.limit);
  }

  take(push: RongCloudPush): void {
    this.#pushed++;
    this.#arrived += push.arrivals.length;
    this.#pushes = [...this.#pushes, push].slice(-this.limit);
  }

  reset(): void {
    this.requests = this.connections = this.#pushed = this.#arrived = 0;
    this.#answers.clear();
    this.#kept = [];
    this.#pushes = [];
  }
}
