import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ApnsCounters, ApnsRequest } from './ledger.js';
import type { ApnsScript } from './script.js';

/** What the control endpoint needs of a simulator. */
interface Controlled {
  latencyMs: number | readonly [number, number];
  readonly requests: readonly ApnsRequest[];
  readonly counters: ApnsCounters;
  script(token: string, steps: ApnsScript['steps'], options?: Pick<ApnsScript, 'repeatLast'>): void;
  goaway(options?: { twoStep?: boolean }): void;
  drop(): void;
  reset(): void;
}

/** Body of `POST /rules`; every part is optional. */
export interface ApnsControlRules {
  readonly scripts?: readonly ApnsScript[];
  readonly latencyMs?: number | readonly [number, number];
  /** GOAWAY on every connection, in one step or two. */
  readonly goaway?: 'single' | 'twoStep';
  /** Destroys every connection. */
  readonly drop?: boolean;
}

export interface Control {
  readonly url: string;
  close(): Promise<void>;
}

type Route = (simulator: Controlled, body: unknown) => unknown;

const ROUTES: Readonly<Record<string, Route>> = {
  'GET /requests': (simulator) => simulator.requests,
  'GET /counters': (simulator) => simulator.counters,
  'POST /rules': (simulator, body) => apply(simulator, body as ApnsControlRules),
  'POST /reset': (simulator) => simulator.reset(),
};

/** Plain HTTP on loopback, for people and for processes that cannot hold the object. */
export async function startControl(simulator: Controlled, port: number): Promise<Control> {
  const server = createServer((request, response) => void answer(simulator, request, response));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(simulator: Controlled, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const route = ROUTES[`${request.method} ${request.url}`];
    if (!route) return send(response, 404, { error: `known: ${Object.keys(ROUTES).join(', ')}` });
    send(response, 200, route(simulator, await readJson(request)) ?? {});
  } catch (error) {
    send(response, 400, { error: (error as Error).message });
  }
}

function apply(simulator: Controlled, rules: ApnsControlRules): void {
  for (const { token, steps, repeatLast } of rules.scripts ?? []) simulator.script(token, steps, { repeatLast });
  if (rules.latencyMs !== undefined) simulator.latencyMs = rules.latencyMs;
  if (rules.goaway) simulator.goaway({ twoStep: rules.goaway === 'twoStep' });
  if (rules.drop) simulator.drop();
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text === '' ? {} : JSON.parse(text);
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
