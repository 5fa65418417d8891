/** The vendor of the benchmark, a process of its own: prepares signed callbacks, then posts them as fast as they are answered. */
import { nimMessage, type NimApp } from '@bellhop/simulators';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { quantile } from '../support/measures.js';
import { serve } from '../support/worker.js';

const BODY_BYTES = 1024;
const PEOPLE = 5_000;

export interface Preparation {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly app: NimApp;
  readonly count: number;
  /** Numbers of messages, never used twice against one server. */
  readonly from: number;
}

export interface LoadResult {
  readonly seconds: number;
  readonly accepted: number;
  readonly refused: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

let prepared: { target: Preparation; requests: Buffer[] } | undefined;

function prepare(target: Preparation): void {
  const requests = Array.from({ length: target.count }, (_, i) => requestOf(target, target.from + i));
  prepared = { target, requests };
}

/** A message of 1 KB between two people, signed, as bytes on the wire. */
function requestOf({ host, port, path, app }: Preparation, number: number): Buffer {
  const message = {
    fromAccount: `staff-${number % 200}`,
    fromNick: '客服小王',
    to: `person-${number % PEOPLE}`,
    msgidServer: String(10_000_000_000 + number),
    body: '',
  };
  const options = { now: new Date() };
  const room = BODY_BYTES - Buffer.byteLength(nimMessage(app, message, options).body);
  const { headers, body } = nimMessage(app, { ...message, body: 'x'.repeat(Math.max(0, room)) }, options);
  const head = Object.entries({ Host: `${host}:${port}`, 'Content-Length': Buffer.byteLength(body), ...headers });
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
  );
}

/** Posts everything that was prepared over so many connections, one request at a time on each. */
async function post({ connections }: { connections: number }): Promise<LoadResult> {
  if (!prepared) throw new Error('Nothing is prepared.');
  const { target, requests } = prepared;
  prepared = undefined;
  const latencies: number[] = [];
  let [accepted, refused, next] = [0, 0, 0];
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(target)));
  const started = performance.now();
  await Promise.all(
    sockets.map(async (socket) => {
      const exchange = exchanger(socket);
      for (let request = requests[next++]; request; request = requests[next++]) {
        const sent = performance.now();
        const status = await exchange(request);
        latencies.push(performance.now() - sent);
        if (status >= 200 && status < 300) accepted++;
        else refused++;
      }
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  for (const socket of sockets) socket.destroy();
  return { seconds, accepted, refused, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) };
}

async function open({ host, port }: Preparation): Promise<Socket> {
  const socket = connect(port, host).setNoDelay(true);
  await once(socket, 'connect');
  return socket;
}

/** The smallest HTTP/1.1 client that will do: a client library would take CPU from the server it measures. */
function exchanger(socket: Socket): (request: Buffer) => Promise<number> {
  let answered: PromiseWithResolvers<number> | undefined;
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0);
    if (text.length < end + 4 + length) return;
    const status = Number(text.slice(9, 12));
    text = '';
    answered?.resolve(status);
  });
  const fail = (error?: Error): void => answered?.reject(error ?? new Error('The server hung up.'));
  socket.on('error', fail).on('close', () => fail());
  return (request) => {
    answered = Promise.withResolvers<number>();
    socket.write(request);
    return answered.promise;
  };
}

serve({ prepare, post });
