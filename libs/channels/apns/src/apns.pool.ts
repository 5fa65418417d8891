import type { SendOutcome } from '@bellhop/contracts';
import { ApnsConnection } from './apns.connection.js';
import type { ApnsConfig, ApnsEnvironment } from './apns.manifest.js';
import { outcomeOf } from './apns.outcomes.js';
import type { ApnsNotification } from './apns.request.js';

/** How far a request has got. */
export interface Flight {
  readonly signal: AbortSignal;
  /** True while a request is out whose answer is not known. */
  airborne: boolean;
}

export const NOT_SENT: SendOutcome = { kind: 'transient', reason: 'send.aborted' };

/**
 * The connections to one gateway. Requests beyond the limit per connection wait here, in order:
 * inside the library their timeouts would run already, and memory would not be bounded.
 */
export class ApnsPool {
  private readonly connections: ApnsConnection[];
  private readonly waiting: ((connection: ApnsConnection) => void)[] = [];
  private readonly retired = new Set<Promise<void>>();

  /** @throws {Error} when the key cannot sign. */
  constructor(
    private readonly config: ApnsConfig,
    private readonly environment: ApnsEnvironment,
  ) {
    this.connections = Array.from({ length: config.connections }, () => new ApnsConnection(config, environment));
  }

  async send(notification: ApnsNotification, token: string, flight: Flight): Promise<SendOutcome> {
    const connection = this.free() ?? (await this.turn());
    try {
      if (flight.signal.aborted) return NOT_SENT;
      flight.airborne = true;
      const outcome = outcomeOf(await connection.send(notification, token));
      flight.airborne = false;
      return outcome;
    } finally {
      this.release(connection);
    }
  }

  /** Call it when no `send` is open. */
  async close(): Promise<void> {
    await Promise.all([...this.retired, ...this.connections.map((connection) => connection.close())]);
  }

  /** Takes a place on the connection that has the most. */
  private free(): ApnsConnection | undefined {
    const best = this.connections.reduce((best, other) => (other.load < best.load ? other : best));
    if (best.load >= this.config.inFlightPerConnection) return undefined;
    best.load++;
    return best;
  }

  private turn(): Promise<ApnsConnection> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private release(connection: ApnsConnection): void {
    connection.load--;
    if (connection.silent) this.replace(connection);
    while (this.waiting.length > 0) {
      const next = this.free();
      if (!next) return;
      this.waiting.shift()?.(next);
    }
  }

  /** Puts a new connection in the place of one that swallows requests; those still on it run into their timeouts. */
  private replace(silent: ApnsConnection): void {
    const index = this.connections.indexOf(silent);
    if (index < 0) return;
    this.connections[index] = new ApnsConnection(this.config, this.environment);
    const closing = silent.close().finally(() => this.retired.delete(closing));
    this.retired.add(closing);
  }
}
