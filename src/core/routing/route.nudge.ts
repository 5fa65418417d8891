import type { Merging } from '../../platform/queue.js';

export const ROUTE_QUEUE = 'route';

/** Events to be routed: the columns of their primary keys, side by side. */
export interface RouteNudge {
  readonly apps: readonly string[];
  readonly ids: readonly string[];
  /** Of the events, each once: what routing needs of them is loaded before it takes a connection for itself. */
  readonly integrations: readonly string[];
}

export function routeNudge(events: readonly RoutableEvent[]): RouteNudge {
  return {
    apps: events.map(({ appId }) => appId),
    ids: events.map(({ id }) => id),
    integrations: [...new Set(events.map(({ integrationId }) => integrationId))],
  };
}

/** Events that are routed together at most. */
const MOST = 256;

/** A callback every millisecond makes hundreds of nudges a second: routed one by one they would cost as many transactions. */
export const ROUTED_TOGETHER: Merging<RouteNudge> = {
  most: MOST,
  sizeOf: ({ ids }) => ids.length,
  merge: (nudges) => ({
    apps: nudges.flatMap(({ apps }) => apps),
    ids: nudges.flatMap(({ ids }) => ids),
    integrations: [...new Set(nudges.flatMap(({ integrations }) => integrations))],
  }),
};

export interface RoutableEvent {
  readonly appId: string;
  readonly id: string;
  readonly integrationId: string;
}
