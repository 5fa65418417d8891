import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FcmCounters, FcmRequest } from './ledger.js';
import type { FcmScript } from './script.js';

/** What the control endpoint needs of a simulator. */
interface Controlled {
  latencyMs: number;
  readonly requests: readonly FcmRequest[];
  readonly counters: FcmCounters;
  script(token: string, steps: FcmScript['steps'], options?: Pick<FcmScript, 'repeatLast'>): void;
  scriptOAuth(steps: FcmScript['steps'], options?: Pick<FcmScript, 'repeatLast'>): void;
  goaway(): void;
  drop(): void;
  reset(): void;
}

/** Body of `POST /rules`; every part is optional. */
export interface FcmControlRules {
  readonly scripts?: readonly FcmScript[];
  /** Steps of the token endpoint. */
  readonly oauth?: Omit<FcmScript, 'token'>;
  readonly latencyMs?: number;
  /** GOAWAY on every connection. */
  readonly goaway?: boolean;
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
  'POST /rules': (simulator, body) => apply(simulator, body as FcmControlRules),
  'POST /reset': (simulator) => simulator.reset(),
};

/** Plain HTTP on loopback, for people and for processes that cannot hold the object. */
export async function startControl(simulator: Controlled, port: number): Promise<Control> {
  const server = createServer((request, response) => void serve(simulator, request, response));
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

async function serve(simulator: Controlled, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const route = ROUTES[`${request.method} ${request.url}`];
    if (!route) return send(response, 404, { error: `known: ${Object.keys(ROUTES).join(', ')}` });
    send(response, 200, route(simulator, await readJson(request)) ?? {});
  } catch (error) {
    send(response, 400, { error: (error as Error).message });
  }
}

function apply(simulator: Controlled, { scripts = [], oauth, latencyMs, goaway, drop }: FcmControlRules): void {
  for (const { token, steps, ...options } of scripts) simulator.script(token, steps, options);
  if (oauth) simulator.scriptOAuth(oauth.steps, oauth);
  if (latencyMs !== undefined) simulator.latencyMs = latencyMs;
  if (goaway) simulator.goaway();
  if (drop) simulator.drop();
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString());
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
