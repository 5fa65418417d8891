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

export interface RoutableEvent {
  readonly appId: string;
  readonly id: string;
  readonly integrationId: string;
}
