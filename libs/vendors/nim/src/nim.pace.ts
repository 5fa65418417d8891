import type { SendFailure, SharedState } from '@bellhop/contracts';
import { ABORTED } from './nim.outcomes.js';

/** Source: rates. Of calls besides `sendMsg` none is documented. */
const OTHERS_PER_SECOND = 50;
/** Milliseconds that one call of `send` waits for slots in all, a share of what the core gives it. */
const PATIENCE_MS = 10_000;
const NO_STATE: SendFailure = { kind: 'transient', reason: 'rate.unknown' };

/** Keeps one call of `send` to the rate that all processes share. */
export class Pace {
  #waitedMs = 0;
  /** By bucket: milliseconds until there is a slot for the next one that is turned away. */
  readonly #full = new Map<string, number>();

  constructor(
    private readonly shared: SharedState,
    private readonly perSecond: number,
  ) {}

  /** Undefined once a call to `path` may go. */
  async enter(path: string, signal: AbortSignal): Promise<SendFailure | undefined> {
    const isMessage = path === '/msg/sendMsg.action';
    const bucket = isMessage ? 'nim.sendMsg' : 'nim.others';
    const everyMs = 1000 / (isMessage ? this.perSecond : Math.min(OTHERS_PER_SECOND, this.perSecond));
    for (;;) {
      const waitMs = this.#full.get(bucket) ?? (await this.#slot(bucket, everyMs));
      if (waitMs === undefined) return NO_STATE;
      if (waitMs <= 0) return undefined;
      if (this.#waitedMs + waitMs > PATIENCE_MS) return this.#turnAway(bucket, waitMs, everyMs);
      this.#waitedMs += waitMs;
      if (!(await pause(waitMs, signal))) return ABORTED;
    }
  }

  /** Those that come back one after the other find slots. */
  #turnAway(bucket: string, waitMs: number, everyMs: number): SendFailure {
    this.#full.set(bucket, waitMs + everyMs);
    return { kind: 'throttled', reason: 'rate.no_slot', scope: 'channel', retryAfterMs: Math.ceil(waitMs) };
  }

  /** Undefined when the shared state cannot be reached. */
  async #slot(bucket: string, everyMs: number): Promise<number | undefined> {
    try {
      return await this.shared.takeSlot(bucket, everyMs);
    } catch {
      // What was sent before keeps its outcome.
      return undefined;
    }
  }
}

/** False when `signal` aborts first. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve(!signal.aborted);
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}
