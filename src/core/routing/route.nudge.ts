export const ROUTE_QUEUE = 'route';

/** Events to be routed: the columns of their primary keys, side by side. */
export interface RouteNudge {
  readonly apps: readonly string[];
  readonly ids: readonly string[];
}
