import { type Callback, kf5Chat, nimMessage, sendCallback } from '@bellhop/simulators';
import { setTimeout as pause } from 'node:timers/promises';
import type { Ledger } from './ledger.js';
import { type Tenant, UNWILLING } from './tenants.js';

const CLIENTS = 32;
/** A vendor that gets no answer, or a refusal, comes back. */
const RETRY_MS = 50;

/** Finds the number of a callback in its body. */
export const MARK = 'mark-([0-9]+)!';
export const markOf = (number: number): string => `mark-${number}!`;

/** What a callback must lead to. */
export interface Expected {
  readonly tenant: Tenant;
  readonly deliveries: number;
  /** Of them, those that a rule keeps from being sent. */
  readonly skipped: number;
  /** State of its event in the end. Absent: `routed`. */
  readonly state?: string;
}

interface Kind extends Expected {
  readonly path: string;
  readonly write: () => Callback;
}

/** Vendors with many connections. A callback is sent until it is acknowledged. */
export class Senders {
  /** Answers other than success, and connections that broke or were not made before an answer. */
  refused = 0;
  broken = 0;
  repeated = 0;
  /** Callbacks that have been made so far, from 0. */
  made = 0;
  acknowledged = 0;
  /** Callbacks begin no faster than this many a second. */
  rate = Infinity;
  private readonly waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  private turn = 0;

  /** @param urls of the platform's processes, which take turns. */
  constructor(
    private readonly ledger: Ledger,
    private readonly home: Tenant,
    private readonly foreign: Tenant | undefined,
    public urls: readonly string[],
  ) {}

  /** Posts so many new callbacks. Resolves when all of them are acknowledged. */
  async post(count: number): Promise<void> {
    const first = this.made;
    this.made += count;
    const numbers = Array.from({ length: count }, (_, i) => first + i).values();
    const started = performance.now();
    const client = async (): Promise<void> => {
      for (const number of numbers) {
        const due = started + ((number - first) * 1_000) / this.rate;
        if (due > performance.now()) await pause(due - performance.now());
        const callback = this.kindOf(number);
        while (!(await this.send(number, callback))) await pause(RETRY_MS);
        this.acknowledged++;
        for (const { count, resolve } of this.waiting) if (this.acknowledged >= count) resolve();
      }
    };
    await Promise.all(Array.from({ length: Math.min(CLIENTS, count) }, client));
  }

  /** Resolves when so many more callbacks are acknowledged. */
  acknowledgedMore(count: number): Promise<void> {
    const goal = this.acknowledged + count;
    return new Promise((resolve) => this.waiting.push({ count: goal, resolve }));
  }

  /** Sends callbacks again, as vendors do that missed the answer. */
  async repeat(numbers: readonly number[]): Promise<void> {
    const left = numbers.values();
    const client = async (): Promise<void> => {
      for (const number of left) {
        while (!(await this.send(number, this.kindOf(number)))) await pause(RETRY_MS);
        this.repeated++;
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
  }

  expected(number: number): Expected {
    return this.kindOf(number);
  }

  private async send(number: number, { path, write }: Kind): Promise<boolean> {
    const end = this.ledger.callback(number);
    const url = this.urls[this.turn++ % this.urls.length] ?? '';
    try {
      const { status } = await sendCallback(url + path, write());
      end(String(status), status === 200);
      if (status === 200) return true;
      this.refused++;
    } catch (error) {
      end(`broken ${(error as { cause?: { code?: string } }).cause?.code ?? ''}`, false);
      this.broken++;
    }
    return false;
  }

  /** The same one for the same number, but for the time in its signature. One in four is of KF5, one in eight foreign. */
  private kindOf(number: number): Kind {
    const { home, foreign } = this;
    if (number % 4 === 3) return kf5Kind(home, number);
    return nimKind(foreign && number % 8 === 5 ? foreign : home, number);
  }
}

function kf5Kind(tenant: Tenant, number: number): Kind {
  const token = tenant.kf5Devices[number % tenant.kf5Devices.length] ?? '';
  const write = () => kf5Chat({ userId: number, text: markOf(number), devices: [{ token, platform: 'ios' }] });
  return { tenant, path: tenant.kf5Path, write, deliveries: 1, skipped: 0 };
}

function nimKind(tenant: Tenant, number: number): Kind {
  const { nim, nimPath, people, devicesEach } = tenant;
  const person = number % people.length;
  const message = {
    fromAccount: `staff-${number % 7}`,
    to: people[person] ?? '',
    body: markOf(number),
    msgidServer: String(1_000_000_000 + number),
    msgidClient: `client-${number}`,
  };
  const skipped = person >= people.length - UNWILLING ? devicesEach : 0;
  const write = () => nimMessage(nim, message, { now: new Date() });
  return { tenant, path: nimPath, write, deliveries: devicesEach, skipped };
}
