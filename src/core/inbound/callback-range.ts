import { idAfter } from '../../platform/ids.js';

/** The ids of a callback and of its events are made within this time. */
const CALLBACK_MS = 5_000;

/**
 * Behind the ids of all events of a callback, which begin with its own: they are found in a short range of the primary
 * key.
 */
export const behindEventsOf = (callbackId: string): string => idAfter(callbackId, CALLBACK_MS);
