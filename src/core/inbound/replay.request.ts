import type { RawRequest } from '@bellhop/contracts';
import type { InboundRaw } from './inbound-event.entity.js';

/** A callback as it was verified. Its origin was proved before it was stored. */
export function requestOf({ method, path, query, headers, body }: InboundRaw): RawRequest {
  return {
    method,
    path,
    query: JSON.parse(query) as Record<string, string>,
    headers: JSON.parse(headers) as Record<string, string>,
    body,
  };
}
