import { setTimeout as pause } from 'node:timers/promises';
import type { Ledger } from './ledger.js';
import type { Tenant } from './tenants.js';

const RETRY_MS = 100;

export const askOf = (number: number): string => `ask-${number}!`;

export interface Ask {
  /** As the API takes it. */
  readonly audience: object;
  readonly channel?: string;
  readonly ttlSeconds?: number;
  readonly priority?: 'high' | 'normal';
}

/** What came of a request: absent when nobody answered it in time. */
export interface Answer {
  /** Public id of the notification. */
  readonly id: string;
  readonly state: string;
}

/** Those who ask for notifications over the API, with an Idempotency-Key each, again and again until they are answered. */
export class Askers {
  made = 0;
  private turn = 0;

  constructor(
    private readonly ledger: Ledger,
    public urls: readonly string[],
    /** Keys of two runs on one database must differ. */
    private readonly seed: number,
    private readonly patienceMs = 60_000,
  ) {}

  /** @throws {Error} for an answer that no repetition can mend. */
  async ask(tenant: Tenant, ask: Ask): Promise<Answer | undefined> {
    const number = this.made++;
    const until = performance.now() + this.patienceMs;
    while (performance.now() < until) {
      const answer = await this.once(number, tenant, ask);
      if (answer) return answer;
      await pause(RETRY_MS);
    }
    return undefined;
  }

  /** One call under the key of the number. @returns undefined when it is worth another one. */
  async once(number: number, { api }: Tenant, ask: Ask): Promise<Answer | undefined> {
    const url = this.urls[this.turn++ % this.urls.length] ?? '';
    const end = this.ledger.ask(number, api.appId);
    try {
      const response = await fetch(`${url}/v1/notifications`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${api.key}`,
          'content-type': 'application/json',
          'idempotency-key': `chaos-${this.seed}-${number}`,
        },
        body: JSON.stringify({ ...ask, content: { title: 'News', body: askOf(number) } }),
      });
      const text = await response.text();
      if (response.status !== 202) {
        end(String(response.status), false);
        if (response.status < 500 && response.status !== 409 && response.status !== 429) {
          throw new UnanswerableError(`The request was answered ${response.status}: ${text}`);
        }
        return undefined;
      }
      const answer = JSON.parse(text) as Answer;
      end('202', true, answer.id);
      return answer;
    } catch (error) {
      if (error instanceof UnanswerableError) throw error;
      end(`broken ${(error as { cause?: { code?: string } }).cause?.code ?? ''}`, false);
      return undefined;
    }
  }
}

class UnanswerableError extends Error {}
