import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { Arrivals } from './arrivals.js';

/** A request that has come in completely. */
export interface PlainRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Decoded; of a repeated name the last value. */
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface PlainAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly delayMs?: number;
}

/** `silence`: never answers. `drop`: destroys the socket. */
export type PlainFault = 'silence' | 'drop';

/** HTTP/1.1 without TLS on loopback, for vendors whose protocol is what they say in it. */
export class PlainEndpoint {
  readonly #arrivals = new Arrivals();
  readonly #server: Server;
  #port: number;
  #connections = 0;

  /** @param decide called once per request, on release while requests are held. */
  constructor(
    private readonly decide: (request: PlainRequest) => PlainAnswer | PlainFault,
    port = 0,
  ) {
    this.#port = port;
    this.#server = createServer((request, response) => void this.#receive(request, response));
    this.#server.on('connection', () => this.#connections++);
  }

  /** `http://127.0.0.1:port`. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Requests since the start or the last reset. */
  get count(): number {
    return this.#arrivals.count;
  }

  /** Connections made since the start or the last reset. */
  get connections(): number {
    return this.#connections;
  }

  /** @throws {Error} when fewer than `count` come within `withinMs`. */
  received(count: number, withinMs?: number): Promise<void> {
    return this.#arrivals.reach(count, withinMs);
  }

  /** From now on requests are taken in, and decided and answered only after {@link release}. */
  hold(): void {
    this.#arrivals.hold();
  }

  release(): void {
    this.#arrivals.release();
  }

  /** Answers what is held, and counts from 0. */
  reset(): void {
    this.#arrivals.reset();
    this.#connections = 0;
  }

  /** Destroys every connection. */
  drop(): void {
    this.#server.closeAllConnections();
  }

  /** Takes connections, after a pause on the same port as before. */
  async listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Destroys every connection and refuses new ones. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.drop();
    await closed;
  }

  async #receive(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(incoming);
    if (!request) return;
    this.#arrivals.take(() => perform(this.decide(request), response));
  }
}

/** Undefined when the client went away in the middle. */
async function readRequest(incoming: IncomingMessage): Promise<PlainRequest | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://127.0.0.1');
  return {
    method: incoming.method ?? '',
    path: pathname,
    query: Object.fromEntries(searchParams),
    headers: incoming.headers,
    body: Buffer.concat(chunks).toString(),
  };
}

function perform(answer: PlainAnswer | PlainFault, response: ServerResponse): void {
  if (answer === 'silence') return;
  if (answer === 'drop') {
    response.destroy();
    return;
  }
  const { status, headers, body = '', delayMs = 0 } = answer;
  const write = () => response.writeHead(status, headers).end(body);
  if (delayMs === 0) write();
  else setTimeout(write, delayMs);
}
