/**
 * What Bellhop's delivery is compared with, a process of its own: a loop around node-apn that keeps so many requests
 * in flight. It plans, stores, claims and retries nothing.
 */
import apn from '@parse/node-apn';
import { serve } from '../support/worker.js';
import type { Gateway } from '../support/gateway.js';

export interface LoopTask {
  readonly tokens: readonly string[];
  readonly payload: object;
  readonly topic: string;
  readonly inFlight: number;
}

export interface LoopResult {
  readonly seconds: number;
  readonly accepted: number;
}

let provider: apn.Provider | undefined;

function open({ url, caPem, credentials }: Gateway): void {
  const { hostname: address, port } = new URL(url);
  const { keyId, teamId, p8 } = credentials;
  provider = new apn.Provider({
    token: { key: Buffer.from(p8), keyId, teamId },
    production: true,
    address,
    port: Number(port),
    ca: [Buffer.from(caPem)],
    connectionRetryLimit: 0,
  });
}

async function send({ tokens, payload, topic, inFlight }: LoopTask): Promise<LoopResult> {
  let [next, accepted] = [0, 0];
  const started = performance.now();
  const lane = async (): Promise<void> => {
    for (let token = tokens[next++]; token; token = tokens[next++]) {
      const note = new apn.Notification({ rawPayload: payload, topic, pushType: 'alert', priority: 10 });
      const answer = await provider?.send(note, token);
      accepted += answer?.sent.length ?? 0;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return { seconds: (performance.now() - started) / 1000, accepted };
}

serve({ open, send });
