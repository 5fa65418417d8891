import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Control {
  readonly url: string;
  close(): Promise<void>;
}

/** What every simulator offers to people, and to processes that cannot hold the object. */
export interface Controlled<Rules> {
  readonly requests: readonly unknown[];
  readonly counters: object;
  apply(rules: Rules): void;
  reset(): void;
}

/** Plain HTTP on loopback: `GET /requests`, `GET /counters`, `POST /rules`, `POST /reset`. */
export async function startControl<Rules>(simulator: Controlled<Rules>, port: number): Promise<Control> {
  const routes: Readonly<Record<string, (body: unknown) => unknown>> = {
    'GET /requests': () => simulator.requests,
    'GET /counters': () => simulator.counters,
    'POST /rules': (body) => simulator.apply(body as Rules),
    'POST /reset': () => simulator.reset(),
  };
  const server = createServer((request, response) => void answer(routes, request, response));
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

async function answer(
  routes: Readonly<Record<string, (body: unknown) => unknown>>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const route = routes[`${request.method} ${request.url}`];
    if (!route) return send(response, 404, { error: `known: ${Object.keys(routes).join(', ')}` });
    send(response, 200, route(await readJson(request)) ?? {});
  } catch (error) {
    send(response, 400, { error: (error as Error).message });
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString());
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
