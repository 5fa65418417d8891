import apn from '@parse/node-apn';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import type { ApnsConfig, ApnsEnvironment } from './apns.manifest.js';
import { isExpiredProviderToken, isTimeout, type ApnsAnswer } from './apns.outcomes.js';
import type { ApnsNotification } from './apns.request.js';

/** Options that the library's types leave out; it hands them on to `http2.connect` as they are. */
type ProviderOptions = apn.ProviderOptions & {
  /** Megabytes. Node's default of 10 fails whole bursts. */
  readonly maxSessionMemory: number;
  /** Streams until the gateway has said how many it takes. */
  readonly peerMaxConcurrentStreams: number;
  readonly createConnection: () => TLSSocket;
};

/** Timeouts in a row after which a connection counts as a black hole; the library would keep it for ever. */
const SILENT_AFTER = 5;

/** One HTTP/2 connection to one gateway: the library's provider, and what the library leaves to its user. */
export class ApnsConnection {
  /** Requests in flight. Kept by the pool, which also counts places it has promised. */
  load = 0;
  private timeouts = 0;
  /** Calls that have not been answered. */
  private open = 0;
  private onIdle: (() => void) | undefined;
  private readonly sockets = new Set<TLSSocket>();
  private readonly provider: apn.Provider;

  /** @throws {Error} when the key cannot sign. */
  constructor(
    private readonly config: ApnsConfig,
    environment: ApnsEnvironment,
  ) {
    const url = new URL(environment === 'production' ? config.productionUrl : config.sandboxUrl);
    const options: ProviderOptions = {
      // A buffer is never mistaken for the name of a file.
      token: { key: Buffer.from(config.p8), keyId: config.keyId, teamId: config.teamId },
      production: environment === 'production',
      address: url.hostname,
      port: portOf(url),
      requestTimeout: config.requestTimeoutMs,
      // Per request, despite its name, and blind to Retry-After: the core retries.
      connectionRetryLimit: 0,
      maxSessionMemory: 100,
      // A new connection may have one until its provider token has been seen; Node would send 100, to be refused.
      peerMaxConcurrentStreams: 1,
      createConnection: () => this.connect(url),
    };
    this.provider = new apn.Provider(options);
  }

  /** True for a connection whose requests vanish: to be replaced. */
  get silent(): boolean {
    return this.timeouts >= SILENT_AFTER;
  }

  /** One request; a second one when the provider token was too old. Never rejects. */
  send(notification: ApnsNotification, token: string, again = false): Promise<ApnsAnswer> {
    this.open++;
    return this.provider.send(notification as unknown as apn.Notification, token).then(({ sent, failed }) => {
      const answer = (sent[0] ?? failed[0]) as ApnsAnswer;
      this.timeouts = isTimeout(answer) ? this.timeouts + 1 : 0;
      const last = again || !isExpiredProviderToken(answer);
      // Begun before this one is counted off: a connection that closes waits for both.
      const result = last ? answer : this.send(notification, token, true);
      if (--this.open === 0) this.onIdle?.();
      return result;
    });
  }

  /** Waits for the requests in flight, which the library would cut, then releases sockets and timers. */
  async close(): Promise<void> {
    if (this.open > 0) await new Promise<void>((resolve) => (this.onIdle = resolve));
    // Its promise may never settle: it waits for a peer that may be gone. The sockets are ours to close.
    void this.provider.shutdown();
    await Promise.all([...this.sockets].map(destroy));
  }

  private connect(url: URL): TLSSocket {
    const { certificateAuthority: ca } = this.config;
    const socket = connect({
      host: url.hostname,
      port: portOf(url),
      ...(isIP(url.hostname) === 0 && { servername: url.hostname }),
      ...(ca && { ca }),
      ALPNProtocols: ['h2'],
    });
    this.sockets.add(socket);
    return socket.once('close', () => this.sockets.delete(socket));
  }
}

function portOf(url: URL): number {
  return url.port === '' ? 443 : Number(url.port);
}

function destroy(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
    socket.destroy();
  });
}
