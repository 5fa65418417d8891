import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';

/** What was asked of the platform, as those remember it who asked. */
export interface Told {
  /** Milliseconds since 1970: when it was first sent. */
  readonly at: number;
  attempts: number;
  /** Answers with success. */
  acknowledged: number;
  /** When the first of them came. */
  acknowledgedAt?: number;
  /** What the last answer was, or `broken`. */
  last?: string;
}

/** A request for a notification. */
export interface Asked extends Told {
  /** Public id of the app. */
  readonly appId: string;
  /** Public ids that answers named. */
  readonly ids: Set<string>;
}

/**
 * Everything that was done to the platform and from outside of it, a line before and a line after every call. Lines are
 * JSON: `{"at", "phase": "before" | "after", "what", "id", "result"?}`.
 */
export class Ledger {
  /** By the number in their text. */
  readonly callbacks = new Map<number, Told>();
  readonly asks = new Map<number, Asked>();
  /** Public ids of notifications → when the platform said that nothing more of them goes out. */
  readonly cancelled = new Map<string, number>();
  private readonly file: WriteStream;

  constructor(readonly name: string) {
    mkdirSync(path.dirname(name), { recursive: true });
    this.file = createWriteStream(name);
  }

  /** @returns what writes the line after the call. */
  begin(what: string, id: number | string): (result: string | number) => void {
    this.write({ phase: 'before', what, id });
    return (result) => this.write({ phase: 'after', what, id, result });
  }

  /** For calls that others have made, such as those of the gateways' own journals. */
  note(line: { readonly at: number; readonly what: string; readonly id: string; readonly result: string }): void {
    this.write({ phase: 'after', ...line });
  }

  /** One call for a callback. @returns what ends it; `acknowledged` for an answer with success. */
  callback(number: number): (result: string, acknowledged: boolean) => void {
    return this.track(this.callbacks, number, 'callback', () => ({ at: Date.now(), attempts: 0, acknowledged: 0 }));
  }

  ask(number: number, appId: string): (result: string, acknowledged: boolean, id?: string) => void {
    const fresh = (): Asked => ({ at: Date.now(), attempts: 0, acknowledged: 0, appId, ids: new Set() });
    const end = this.track(this.asks, number, 'ask', fresh);
    return (result, acknowledged, id) => {
      if (id) this.asks.get(number)?.ids.add(id);
      end(result, acknowledged);
    };
  }

  async close(): Promise<void> {
    this.file.end();
    await once(this.file, 'close');
  }

  private track<T extends Told>(
    known: Map<number, T>,
    number: number,
    what: string,
    fresh: () => T,
  ): (result: string, acknowledged: boolean) => void {
    const told = known.get(number) ?? fresh();
    known.set(number, told);
    told.attempts++;
    const end = this.begin(what, number);
    return (result, acknowledged) => {
      end(result);
      told.last = result;
      if (!acknowledged) return;
      told.acknowledged++;
      told.acknowledgedAt ??= Date.now();
    };
  }

  private write(line: object): void {
    // What a scenario that failed has left under way goes on for a moment.
    if (!this.file.writableEnded) this.file.write(`${JSON.stringify({ at: Date.now(), ...line })}\n`);
  }
}
