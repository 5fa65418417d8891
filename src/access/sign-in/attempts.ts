import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { RateLimit } from '../limits/rate-limit.js';
import { tooManyAttempts } from './lockout.js';

const WINDOW_MS = 15 * 60_000;

/**
 * How often somebody may try a password, in 15 minutes and in each process. What is counted is what was typed, whether
 * such a person exists or not, so that being refused tells nothing. The narrow limit is that of an address and a name
 * together: strangers elsewhere do not lock a person out. Only guessing from many addresses at once meets the wide limit
 * of the name; the person's sessions and links go on meanwhile. {@link Lockout} counts for all processes.
 */
const MOST_PER_ADDRESS = 60;
const MOST_PER_NAME = 100;
const MOST_PER_NAME_AND_ADDRESS = 10;

/** An attempt that was allowed; one that succeeds is taken back. */
export interface Attempt {
  succeeded(): void;
}

@Injectable()
export class Attempts {
  private readonly limits = {
    address: new RateLimit({ quota: MOST_PER_ADDRESS, windowMs: WINDOW_MS }),
    name: new RateLimit({ quota: MOST_PER_NAME, windowMs: WINDOW_MS }),
    both: new RateLimit({ quota: MOST_PER_NAME_AND_ADDRESS, windowMs: WINDOW_MS }),
  };

  constructor(private readonly clock: Clock) {}

  /**
   * Counts an attempt before anything is looked up or computed.
   * @param name what the person is called; absent where a link stands for it.
   * @throws {TooManyCallsError} `auth.too_many_attempts`
   */
  begin(address: string, name?: string): Attempt {
    const now = this.clock.now().getTime();
    const { limits } = this;
    const spent: [RateLimit, string][] = [
      [limits.address, address],
      ...(name === undefined
        ? []
        : ([
            [limits.both, `${address} ${name}`],
            [limits.name, name],
          ] as [RateLimit, string][])),
    ];
    for (const [limit, key] of spent) {
      const { granted, retryMs } = limit.take(key, now);
      if (!granted) throw tooManyAttempts(Math.ceil(retryMs / 1000));
    }
    return {
      succeeded: () => {
        for (const [limit, key] of spent) limit.giveBack(key, now);
      },
    };
  }
}
