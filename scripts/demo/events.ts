import type { Stage } from './stage.js';
import { until } from './words.js';

export interface Event {
  readonly id: string;
  readonly state: string;
}

/** Newest first. */
export async function eventsOf(stage: Stage, integrationId: string, limit: number): Promise<Event[]> {
  const path = `/v1/events?integrationId=${integrationId}&limit=${limit}`;
  return (await stage.api<{ data: Event[] }>('GET', path)).data;
}

/** The newest event of an integration, once it has been routed. */
export function settledEvent(stage: Stage, integrationId: string): Promise<Event> {
  return until('the callback is routed', async () => {
    const [latest] = await eventsOf(stage, integrationId, 1);
    return latest && latest.state !== 'accepted' ? latest : undefined;
  });
}
