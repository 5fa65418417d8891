/** An APNs of the benchmark that notes when each callback became a push, a process of its own. */
import { ApnsSimulator, apnsTestCredentials, createAuthority } from '@bellhop/simulators';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { NUMBER } from './callbacks.js';
import type { Gateway } from './gateway.js';
import { monotonicMs } from './measures.js';
import { serve } from './worker.js';

export interface Pushes {
  /** Numbers that came. */
  readonly distinct: number;
  /** Pushes beyond the first of a number, or without one. */
  readonly surplus: number;
}

/** {@link monotonicMs} of the moment at which the push of a number was complete. */
const arrivals = new Map<number, number>();
let surplus = 0;

const credentials = apnsTestCredentials();
const authority = await createAuthority();
const server = createSecureServer({
  ...(await authority.issue()),
  settings: { maxConcurrentStreams: 1000 },
  maxSessionMemory: 100,
});
const simulator = new ApnsSimulator({ credentials, authority, record: 0 }, server, authority.caPem);
// Beside the simulator, which checks and answers.
server.on('stream', note);
await simulator.listen();

function note(stream: ServerHttp2Stream): void {
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  stream.on('end', () => {
    const number = Number(NUMBER.exec(text)?.[1] ?? Number.NaN);
    if (Number.isNaN(number) || arrivals.has(number)) surplus++;
    else arrivals.set(number, monotonicMs());
  });
}

serve({
  describe: (): Gateway => ({ url: simulator.url, caPem: simulator.caPem, credentials }),
  pushes: (): Pushes => ({ distinct: arrivals.size, surplus }),
  /** When the pushes of so many numbers came, in order; NaN for those that did not. */
  arrivals: ({ first, count }: { first: number; count: number }): Float64Array =>
    Float64Array.from({ length: count }, (_, i) => arrivals.get(first + i) ?? Number.NaN),
  reset: (): void => {
    arrivals.clear();
    surplus = 0;
  },
});
