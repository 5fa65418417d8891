import { type ConnectionSettings, FcmConnection, type Flight } from './fcm.connection.js';

/** 500 requests in flight: one full call of the channel. */
const CONNECTIONS = 5;

/** Kept connections with one queue: a request waits until one of them has room. */
export class FcmConnections {
  #connections: FcmConnection[] = [];
  readonly #queue: Flight[] = [];
  #closed = false;

  constructor(private readonly settings: ConnectionSettings) {}

  submit(flight: Flight): void {
    this.#queue.push(flight);
    this.#pump();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }

  #pump(): void {
    while (this.#queue.length > 0) {
      const connection = this.#roomy();
      if (!connection) return;
      const flight = this.#queue.shift()!;
      if (!flight.over) connection.start(flight);
    }
  }

  #changed(): void {
    if (this.#connections.some(({ gone }) => gone)) {
      this.#connections = this.#connections.filter(({ gone }) => !gone);
    }
    this.#pump();
  }

  /** A connection that can take a request now, opened if need be. */
  #roomy(): FcmConnection | undefined {
    return this.#connections.find((connection) => connection.room > 0) ?? this.#open();
  }

  #open(): FcmConnection | undefined {
    const usable = this.#connections.filter((connection) => connection.usable);
    if (this.#closed || usable.length >= CONNECTIONS) return undefined;
    const connection = new FcmConnection(this.settings, () => this.#changed());
    this.#connections.push(connection);
    return connection;
  }
}
