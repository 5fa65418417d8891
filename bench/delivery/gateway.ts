/** The APNs of the benchmark, a process of its own. Keeps count of tokens, and of next to nothing else. */
import { apnsTestCredentials, type ApnsCredentials, startApnsSimulator } from '@bellhop/simulators';
import { serve } from '../support/worker.js';

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

const credentials = apnsTestCredentials();
// Tokens are counted while anything is recorded.
const simulator = await startApnsSimulator({ credentials, record: 1 });

serve({
  describe: (): Gateway => ({ url: simulator.url, caPem: simulator.caPem, credentials }),
  arrived: (): Arrived => {
    const { requests, accepted } = simulator.counters;
    return { accepted, refused: requests - accepted, distinctTokens: simulator.acceptedByToken.size };
  },
  reset: () => simulator.reset(),
});
