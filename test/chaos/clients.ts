import { type Callback, kf5Chat, type NimApp, nimMessage, sendCallback } from '@bellhop/simulators';
import { setTimeout as pause } from 'node:timers/promises';

/** User ids, which are NIM accounts as well. */
export const PEOPLE = Array.from({ length: 40 }, (_, number) => `person-${number}`);
export const KF5_DEVICES = 40;
const CLIENTS = 32;
/** A vendor that gets no answer, or a refusal, comes back. */
const RETRY_MS = 50;

/** Finds the number of a callback in its body. */
export const MARK = 'mark-([0-9]+)!';
const markOf = (number: number): string => `mark-${number}!`;

export interface Addresses {
  readonly nim: NimApp;
  /** Paths below the platform of the moment. */
  readonly nimPath: string;
  readonly kf5Path: string;
  readonly kf5Devices: readonly string[];
}

/** Two vendors with many connections. A callback is sent until it is acknowledged. */
export class Clients {
  /** Numbers of callbacks that were answered with success. */
  readonly acknowledged = new Set<number>();
  attempts = 0;
  /** Answers other than success. */
  refused = 0;
  /** Connections that broke, or were not made, before an answer. */
  broken = 0;
  repeated = 0;
  /** Callbacks that have been made so far, from 0. */
  made = 0;
  private readonly waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(
    private readonly addresses: Addresses,
    private url: string,
  ) {}

  /** The platform has another address from now on. */
  turnTo(url: string): void {
    this.url = url;
  }

  /** Posts so many new callbacks. Resolves when all of them are acknowledged. */
  async post(count: number): Promise<void> {
    const last = this.made + count;
    const client = async (): Promise<void> => {
      while (this.made < last) {
        const number = this.made++;
        const callback = this.callback(number);
        while (!(await this.send(number, callback))) await pause(RETRY_MS);
        this.acknowledged.add(number);
        for (const { count, resolve } of this.waiting) if (this.acknowledged.size >= count) resolve();
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
  }

  /** Resolves when this share of the callbacks under way is acknowledged. */
  acknowledgedOf(count: number, share: number): Promise<void> {
    const goal = this.acknowledged.size + Math.floor(count * share);
    return new Promise((resolve) => this.waiting.push({ count: goal, resolve }));
  }

  /** Sends callbacks again, as vendors do that missed the answer. */
  async repeat(numbers: readonly number[]): Promise<void> {
    const left = numbers.values();
    const client = async (): Promise<void> => {
      for (const number of left) {
        while (!(await this.send(number, this.callback(number)))) await pause(RETRY_MS);
        this.repeated++;
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
  }

  private async send(number: number, callback: Callback): Promise<boolean> {
    this.attempts++;
    const { nimPath, kf5Path } = this.addresses;
    try {
      const { status } = await sendCallback(this.url + (isKf5(number) ? kf5Path : nimPath), callback);
      if (status === 200) return true;
      this.refused++;
    } catch {
      this.broken++;
    }
    return false;
  }

  /** The same one for the same number, but for the time in its signature. */
  private callback(number: number): Callback {
    const { nim, kf5Devices } = this.addresses;
    const text = markOf(number);
    if (isKf5(number)) {
      const token = kf5Devices[number % kf5Devices.length] ?? '';
      return kf5Chat({ userId: number, text, devices: [{ token, platform: 'ios' }] });
    }
    const message = {
      fromAccount: `staff-${number % 7}`,
      to: PEOPLE[number % PEOPLE.length] ?? '',
      body: text,
      msgidServer: String(1_000_000_000 + number),
      msgidClient: `client-${number}`,
    };
    return nimMessage(nim, message, { now: new Date() });
  }
}

/** One in four. */
const isKf5 = (number: number): boolean => number % 4 === 3;
