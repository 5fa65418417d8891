import type { CheckResult } from '../outbound.js';
import type { SendFailure } from '../outcome.js';

/** What calls of a closed client come to: nothing was sent. */
export const CHANNEL_CLOSED = { kind: 'transient', reason: 'channel.closed' } as const satisfies SendFailure;

const CHECK_OF_CLOSED: CheckResult = { ok: false, code: CHANNEL_CLOSED.reason, detail: 'the client is closed' };

/** The calls of a client that are under way, so that closing can wait for them. */
export class OpenCalls {
  private readonly running = new Set<Promise<unknown>>();
  private closed = false;

  /** Makes a call; once the client is closed, the answer is `refusal`. */
  async run<T>(call: () => Promise<T>, refusal: T): Promise<T> {
    if (this.closed) return refusal;
    const work = call();
    this.running.add(work);
    try {
      return await work;
    } finally {
      this.running.delete(work);
    }
  }

  /** Makes the call of a connection test. */
  check(call: () => Promise<CheckResult>): Promise<CheckResult> {
    return this.run(call, CHECK_OF_CLOSED);
  }

  /** Takes no more calls, and waits for those under way. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.allSettled(this.running);
  }
}

/** A connection test that was not passed, in the words of the outcome. */
export function failedCheck(outcome: SendFailure): CheckResult {
  const field = outcome.kind === 'misconfigured' ? outcome.field : undefined;
  const detail = outcome.detail ?? outcome.vendorCode ?? outcome.kind;
  return { ok: false, code: outcome.reason, detail, ...(field && { field }) };
}
