/**
 * The APNs of the benchmark, a process of its own. It checks what APNs checks, counts tokens of `apnsToken`, and keeps
 * next to nothing: what it costs is taken from the machine that is measured.
 */
import { apnsTestCredentials, type ApnsCredentials, numberOfToken, startApnsSimulator } from '@bellhop/simulators';
import { monotonicMs } from './measures.js';
import { serve } from './worker.js';

export interface Gateway {
  readonly url: string;
  readonly caPem: string;
  readonly credentials: ApnsCredentials;
}

export interface Arrived {
  readonly accepted: number;
  readonly refused: number;
  readonly distinctTokens: number;
}

/** Numbers of tokens are below it. */
const NUMBERS = 4_000_000;

const credentials = apnsTestCredentials();
const seen = new Uint8Array(NUMBERS);
let distinctTokens = 0;
/** Tokens whose first arrival is of interest, and when that was; NaN before. */
const watched = new Map<string, number>();

const simulator = await startApnsSimulator({ credentials, record: 0, onAccepted: count });

function count(token: string): void {
  const number = numberOfToken(token);
  if (seen[number] === 0) {
    seen[number] = 1;
    distinctTokens++;
  }
  if (watched.size > 0 && Number.isNaN(watched.get(token))) watched.set(token, monotonicMs());
}

serve({
  describe: (): Gateway => ({ url: simulator.url, caPem: simulator.caPem, credentials }),
  arrived: (): Arrived => {
    const { requests, accepted } = simulator.counters;
    return { accepted, refused: requests - accepted, distinctTokens };
  },
  /** Forgets everything; answers come after that many milliseconds from now on. */
  reset: (options?: { readonly delayMs?: number }): void => {
    simulator.reset();
    simulator.latencyMs = options?.delayMs ?? 0;
    seen.fill(0);
    distinctTokens = 0;
    watched.clear();
  },
  hold: (): void => simulator.hold(),
  watch: (tokens: readonly string[]): void => {
    watched.clear();
    for (const token of tokens) watched.set(token, Number.NaN);
  },
  /** When (`monotonicMs`) watched tokens came first, in the order they were named; NaN: not yet. */
  sightings: (): number[] => [...watched.values()],
});
