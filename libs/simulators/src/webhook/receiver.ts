import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { Arrivals } from '../arrivals.js';
import { type Control, startControl } from '../control.js';
import { Journal } from '../journal.js';
import { answer, behave, modeOf, type WebhookMode } from './modes.js';
import { distrustOf } from './signature.js';

export interface WebhookReceiverOptions {
  /** `whsec_…`; what none of them has signed is answered 401. More can be added with `trust`. None: everything is taken. */
  readonly secrets?: readonly string[];
  /** Default: any free port. */
  readonly port?: number;
  /** Port of the control endpoint, 0 for any; absent: none. */
  readonly controlPort?: number;
  /** Webhooks that are kept, the latest ones. Default 1,000. */
  readonly record?: number;
  /** The clock of timestamps. Default: the system's. */
  readonly now?: () => Date;
}

/** A webhook as it arrived, and what was done with it. */
export interface ReceivedWebhook {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** `webhook-id`. */
  readonly id: string;
  readonly body: string;
  /** Parsed JSON; undefined when it is none. */
  readonly payload: unknown;
  /** True when one of the known secrets has signed it. */
  readonly genuine: boolean;
  /** Calls with the same id before this one. */
  readonly earlier: number;
  /** A status, `silent` or `dropped`; for those who are not believed 401 and the reason. */
  readonly answer: string;
  readonly at: Date;
}

export interface WebhookCounters {
  readonly requests: number;
  readonly genuine: number;
  /** Calls that repeated an id. */
  readonly repeated: number;
  /** The most calls that were unanswered at a time. */
  readonly mostAtOnce: number;
}

/** Body of `POST /rules`; every part is optional. */
export interface WebhookControlRules {
  /** For the next calls, in order; afterwards addresses and user ids decide again. */
  readonly modes?: readonly WebhookMode[];
  readonly trust?: readonly string[];
}

const NOTHING = { genuine: 0, repeated: 0, mostAtOnce: 0 };

/**
 * Somebody's system on loopback that takes webhooks. How a call ends is told by `script`, by the end of its path
 * (`/hooks/fail2`) or of its user id (`u-busy7`); otherwise it is 204.
 */
export class WebhookReceiver {
  controlUrl: string | undefined;
  readonly #options: WebhookReceiverOptions;
  readonly #server: Server;
  readonly #secrets: Set<string>;
  readonly #arrivals = new Arrivals();
  readonly #journal: Journal<ReceivedWebhook>;
  #ids = new Map<string, number>();
  #modes: WebhookMode[] = [];
  #counters = { ...NOTHING };
  #open = 0;
  #port = 0;
  #control: Control | undefined;

  constructor(options: WebhookReceiverOptions) {
    this.#options = options;
    this.#journal = new Journal(options.record ?? 1_000);
    this.#secrets = new Set(options.secrets);
    this.#server = createServer((request, response) => void this.#receive(request, response));
  }

  /** `http://127.0.0.1:port/hooks`. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}/hooks`;
  }

  /** The latest calls, oldest first. */
  get requests(): readonly ReceivedWebhook[] {
    return this.#journal.requests;
  }

  get counters(): WebhookCounters {
    return { requests: this.#arrivals.count, ...this.#counters };
  }

  async start(): Promise<void> {
    const { port = 0, controlPort } = this.#options;
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
    if (controlPort === undefined) return;
    this.#control = await startControl(this, controlPort);
    this.controlUrl = this.#control.url;
  }

  /** From now on it believes this secret as well. */
  trust(secret: string): void {
    this.#secrets.add(secret);
  }

  distrust(secret: string): void {
    this.#secrets.delete(secret);
  }

  /** Prescribes how the next calls end. @throws {Error} for a mode that does not exist. */
  script(...modes: readonly WebhookMode[]): void {
    const unknown = modes.find((mode) => modeOf(mode) !== mode);
    if (unknown !== undefined) throw new Error(`no such mode: ${unknown}`);
    this.#modes.push(...modes);
  }

  /** From now on calls are taken in and answered only after {@link release}. */
  hold(): void {
    this.#arrivals.hold();
  }

  release(): void {
    this.#arrivals.release();
  }

  /** Resolves once `count` calls have come in since the start or the last reset. */
  received(count: number, withinMs?: number): Promise<void> {
    return this.#arrivals.reach(count, withinMs);
  }

  /** What the control endpoint is told. */
  apply({ modes = [], trust = [] }: WebhookControlRules): void {
    this.script(...modes);
    for (const secret of trust) this.trust(secret);
  }

  /** Forgets calls, ids, scripts and counters; secrets stay. */
  reset(): void {
    this.#arrivals.reset();
    this.#journal.clear();
    this.#ids = new Map();
    this.#modes = [];
    this.#counters = { ...NOTHING };
  }

  async close(): Promise<void> {
    await this.#control?.close();
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#counters.mostAtOnce = Math.max(this.#counters.mostAtOnce, ++this.#open);
    response.once('close', () => this.#open--);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return; // The caller went away.
    }
    const body = Buffer.concat(chunks);
    this.#arrivals.take(() => this.#conclude(request, body, response));
  }

  #conclude({ headers, url: path = '/' }: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const at = this.#options.now?.() ?? new Date();
    const distrust = distrustOf(headers, body, this.#secrets, at);
    const id = String(headers['webhook-id']);
    const earlier = this.#ids.get(id) ?? 0;
    const payload = readJson(body);
    const believed = !distrust || this.#secrets.size === 0;
    const ending = believed
      ? behave(this.#modes.shift() ?? modeFor(path, payload), earlier, response)
      : `${answer(response, 401)} ${distrust}`;
    const genuine = !distrust;
    this.#ids.set(id, earlier + 1);
    this.#counters.genuine += genuine ? 1 : 0;
    this.#counters.repeated += earlier > 0 ? 1 : 0;
    this.#journal.write({ path, headers, id, body: body.toString(), payload, genuine, earlier, answer: ending, at });
  }
}

/** Starts a receiver that believes `options.secrets`. */
export async function startWebhookReceiver(options: WebhookReceiverOptions = {}): Promise<WebhookReceiver> {
  const receiver = new WebhookReceiver(options);
  await receiver.start();
  return receiver;
}

function modeFor(path: string, payload: unknown): WebhookMode {
  const { data } = (payload ?? {}) as { data?: { userId?: unknown } };
  return modeOf(path) ?? modeOf(String(data?.userId)) ?? 'ok';
}

function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
