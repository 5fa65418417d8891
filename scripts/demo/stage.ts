import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { SandboxSimulators } from '../../src/sandbox/sandbox-state.js';
import type { Running } from './platform.js';
import { headline, say, until } from './words.js';

export interface Reply<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** A chapter of the demo. */
export interface Section {
  readonly title: string;
  readonly play: (stage: Stage) => Promise<void>;
}

/** A notification as the API shows it. */
export interface Notification {
  readonly id: string;
  readonly state: string;
  readonly startsAt: string | null;
  readonly pausedAt: string | null;
  readonly targets: number;
  readonly pending: number;
  readonly counts: {
    readonly byState: Readonly<Record<string, number>>;
    readonly byReason: Readonly<Record<string, number>>;
  };
}

export interface Delivery {
  readonly userId: string | null;
  readonly state: string;
  readonly reason: string | null;
  readonly notBefore: string | null;
}

/** A push on a phone of the demo. */
export interface Arrival {
  readonly gateway: 'apns' | 'fcm';
  readonly token: string;
  /** APNs payload or FCM message. */
  readonly payload: Readonly<Record<string, unknown>>;
}

interface GatewayRequest {
  readonly token: string;
  readonly answer: string;
  readonly payload?: Arrival['payload'];
  readonly message?: Arrival['payload'];
}

/** The content of a notification that {@link Stage.notify} sends. */
export interface Request {
  readonly audience: object;
  readonly content: object;
  readonly [field: string]: unknown;
}

/** Asks the platform and the simulators, and keeps count of what was not as expected. */
export class Stage {
  checks = 0;
  faults = 0;

  constructor(readonly sandbox: Running) {}

  /** Plays a section to its end; one that breaks off is a fault like any other. */
  async play({ title, play }: Section): Promise<void> {
    headline(title);
    try {
      await play(this);
    } catch (error) {
      this.check((error as Error).message, false);
    }
  }

  check(what: string, met: boolean): void {
    this.checks++;
    if (!met) this.faults++;
    say(`  ${met ? '✓' : '✗'} ${what}`);
  }

  /** A check that tells what there was instead. */
  equal(what: string, seen: unknown, expected: unknown): void {
    const met = isDeepStrictEqual(seen, expected);
    this.check(met ? what : `${what}: ${JSON.stringify(seen)} instead of ${JSON.stringify(expected)}`, met);
  }

  async call<T>(method: string, path: string, body?: unknown): Promise<Reply<T>> {
    const { url, apiKey } = this.sandbox;
    const response = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text ? JSON.parse(text) : undefined) as T };
  }

  /** @throws {Error} for every answer but a success. */
  async api<T>(method: string, path: string, body?: unknown): Promise<T> {
    const reply = await this.call<T>(method, path, body);
    if (reply.status < 400) return reply.body;
    throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
  }

  /** Calls that a simulator remembers, oldest first; those that mention `mark`. */
  async requests<T>(simulator: keyof SandboxSimulators, mark = ''): Promise<T[]> {
    const requests = await this.control<T[]>(simulator, 'GET', 'requests');
    return requests.filter((request) => JSON.stringify(request).includes(mark));
  }

  counters<T>(simulator: keyof SandboxSimulators): Promise<T> {
    return this.control(simulator, 'GET', 'counters');
  }

  /** Tells a simulator how to behave, or whom to know. */
  async rules(simulator: keyof SandboxSimulators, rules: object): Promise<void> {
    await this.control(simulator, 'POST', 'rules', rules);
  }

  /** Sends. The extras bear a mark by which the pushes are found at the simulators. */
  async notify(request: Request): Promise<{ id: string; mark: string }> {
    const mark = newMark();
    const content = { ...request.content, extras: { demo: mark } };
    const { id } = await this.api<{ id: string }>('POST', '/v1/notifications', { ...request, content });
    return { id, mark };
  }

  notification(id: string): Promise<Notification> {
    return this.api('GET', `/v1/notifications/${id}`);
  }

  /** Waits until nothing of a notification is open any more. */
  ended(id: string): Promise<Notification> {
    return until(`${id} ends`, async () => {
      const seen = await this.notification(id);
      return seen.state === 'done' || seen.state === 'cancelled' ? seen : undefined;
    });
  }

  async deliveries(id: string): Promise<Delivery[]> {
    return (await this.api<{ data: Delivery[] }>('GET', `/v1/notifications/${id}/deliveries?limit=200`)).data;
  }

  /** What the phones got that bears a mark. */
  async arrivals(mark: string): Promise<Arrival[]> {
    const found = await Promise.all(
      (['apns', 'fcm'] as const).map(async (gateway) => {
        const requests = await this.requests<GatewayRequest>(gateway, mark);
        const accepted = requests.filter(({ answer }) => answer.startsWith('200'));
        return accepted.map(({ token, payload, message }) => ({ gateway, token, payload: payload ?? message ?? {} }));
      }),
    );
    return found.flat();
  }

  private async control<T>(
    simulator: keyof SandboxSimulators,
    method: string,
    what: string,
    body?: object,
  ): Promise<T> {
    const response = await fetch(`${this.sandbox.simulators[simulator]}/${what}`, {
      method,
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${simulator} simulator: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }
}

/** A word that occurs nowhere else. */
export const newMark = (): string => `demo-${randomBytes(6).toString('hex')}`;
