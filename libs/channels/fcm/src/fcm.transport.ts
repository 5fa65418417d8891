import type { SendOutcome } from '@bellhop/contracts';
import type { FcmMessage } from './fcm.payload.js';

/** Carries messages to FCM. Both ways of doing it agree on the outcomes. */
export interface FcmTransport {
  /**
   * One outcome per message, in order; never rejects. Once `signal` aborts, everything open settles at once: what was
   * not written as `transient`, the rest as `unknown`.
   * @param validateOnly FCM checks the messages and delivers none.
   */
  send(messages: readonly FcmMessage[], signal: AbortSignal, validateOnly?: boolean): Promise<readonly SendOutcome[]>;
  /** Releases every connection. Nothing is in flight any more. */
  close(): Promise<void>;
}
