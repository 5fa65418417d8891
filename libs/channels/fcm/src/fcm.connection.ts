import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { Socket } from 'node:net';

/** How a request ended. */
export type WireResult =
  | { readonly kind: 'answer'; readonly status: number; readonly retryAfter: string | undefined; readonly text: string }
  /** `sent` false: surely not processed. */
  | { readonly kind: 'silence'; readonly sent: boolean; readonly code: string | undefined };

/** One request on its way, from the queue to its end. */
export class Flight {
  readonly result: Promise<WireResult>;
  /** When it was handed to a connection; undefined while it waits. */
  startedAt: number | undefined;
  #settle!: (result: WireResult) => void;
  #abandon: (() => void) | undefined;
  #over = false;

  constructor(
    readonly path: string,
    readonly bearer: string,
    readonly body: string,
  ) {
    this.result = new Promise((resolve) => (this.#settle = resolve));
  }

  get over(): boolean {
    return this.#over;
  }

  /** @param abandon ends the stream. */
  begin(abandon: () => void): void {
    this.startedAt = Date.now();
    this.#abandon = abandon;
  }

  end(result: WireResult): void {
    this.#over = true;
    this.#settle(result);
  }

  /** Gives the request up; what waited is never sent. */
  cancel(): void {
    if (this.#over) return;
    if (this.#abandon) this.#abandon();
    else this.end({ kind: 'silence', sent: false, code: undefined });
  }
}

export interface ConnectionSettings {
  readonly origin: string;
  /** PEM, trusted instead of the public authorities. */
  readonly certificateAuthority?: string;
  /** Milliseconds between looks at the connection; one that gave no sign of life since the last is given up. */
  readonly pingMs: number;
}

/** Google's limit per connection. */
const STREAMS = 100;
/** Looks without a request after which a connection is closed: routers forget quiet ones without a word. */
const IDLE_LOOKS = 4;
const MAX_ANSWER = 65_536;
/** Requests given up in a row after which a connection gets no more until it answers one: it may be a black hole. */
const SILENT_AFTER = 5;

/** One HTTP/2 connection that tells what became of each request, however it ends. */
export class FcmConnection {
  /** True once nothing is left of it. */
  gone = false;
  readonly #session: ClientHttp2Session;
  readonly #watch: NodeJS.Timeout;
  readonly #closed: Promise<void>;
  #socket: Socket | undefined;
  #limit = STREAMS;
  #open = 0;
  #leaving = false;
  #lastStreamId = Infinity;
  #failure: string | undefined;
  /** For a sign of life: the connection itself, later a PONG. */
  #waiting = true;
  #quietLooks = 0;
  #silent = 0;

  /** @param changed is called when a place is free again or the connection is gone. */
  constructor(
    settings: ConnectionSettings,
    private readonly changed: () => void,
  ) {
    const { origin, certificateAuthority: ca, pingMs } = settings;
    this.#session = connect(origin, { ca, peerMaxConcurrentStreams: STREAMS });
    this.#closed = new Promise((resolve) => this.#session.once('close', resolve));
    this.#watch = setInterval(() => this.#look(), pingMs).unref();
    this.#listen();
  }

  /** False while the connection takes no further requests. */
  get usable(): boolean {
    return !this.#leaving && this.#silent < SILENT_AFTER && !this.#session.closed && !this.#session.destroyed;
  }

  /** Requests that may be begun now. */
  get room(): number {
    return this.usable ? this.#limit - this.#open : 0;
  }

  start(flight: Flight): void {
    try {
      this.#follow(this.#request(flight), flight);
    } catch (error) {
      flight.end({ kind: 'silence', sent: false, code: codeOf(error) });
    }
  }

  /** Lets go at once. Callers wait for their requests first. */
  async close(): Promise<void> {
    this.#release();
    await this.#closed;
  }

  #listen(): void {
    this.#session.once('connect', (_session, socket) => this.#welcome(socket));
    this.#session.on('remoteSettings', (settings) => {
      this.#limit = Math.min(STREAMS, settings.maxConcurrentStreams ?? STREAMS);
    });
    this.#session.on('goaway', (_code, lastStreamId) => {
      this.#leaving = true;
      this.#lastStreamId = Math.min(this.#lastStreamId, lastStreamId);
    });
    this.#session.on('error', (error) => (this.#failure = codeOf(error)));
    this.#session.once('close', () => this.#gone());
  }

  #welcome(socket: Socket): void {
    this.#socket = socket;
    this.#waiting = false;
  }

  #gone(): void {
    this.gone = true;
    clearInterval(this.#watch);
    this.changed();
  }

  /** After GOAWAY a session waits for the peer to hang up as well; the socket itself waits for nobody. */
  #release(): void {
    this.#session.destroy();
    this.#socket?.destroy();
  }

  #request({ path, bearer, body }: Flight): ClientHttp2Stream {
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': path,
      authorization: `Bearer ${bearer}`,
      'content-type': 'application/json; charset=utf-8',
    });
    stream.end(body);
    return stream;
  }

  /** The stream's `close` is the only event that comes in every case, so nothing is decided before it. */
  #follow(stream: ClientHttp2Stream, flight: Flight): void {
    const reading = new Reading(stream);
    let code: string | undefined;
    this.#open++;
    flight.begin(() => this.#abandon(stream, flight));
    stream.on('error', (error) => (code = codeOf(error)));
    stream.once('close', () => {
      this.#open--;
      if (reading.answer) this.#silent = 0;
      flight.end(reading.answer ?? { kind: 'silence', sent: this.#wasSent(stream), code: code ?? this.#failure });
      this.changed();
    });
  }

  /** Settles at once: the end of a stream on a dead connection may take for ever. */
  #abandon(stream: ClientHttp2Stream, flight: Flight): void {
    this.#silent++;
    flight.end({ kind: 'silence', sent: this.#wasSent(stream), code: undefined });
    if (stream.pending) stream.destroy();
    else stream.close(constants.NGHTTP2_CANCEL);
  }

  /** Whether FCM may have processed the request. */
  #wasSent(stream: ClientHttp2Stream): boolean {
    if (!this.#socket || stream.id === undefined) return false;
    return stream.rstCode !== constants.NGHTTP2_REFUSED_STREAM && stream.id <= this.#lastStreamId;
  }

  /** Finds out whether the peer is still there, and closes what nobody uses. */
  #look(): void {
    this.#quietLooks = this.#open === 0 ? this.#quietLooks + 1 : 0;
    if (this.#quietLooks >= IDLE_LOOKS || this.#waiting) this.#release();
    else if (this.#open > 0) this.#ping();
  }

  #ping(): void {
    this.#waiting = true;
    this.#session.ping(() => (this.#waiting = false));
  }
}

/** The answer of one stream as it comes in. */
class Reading {
  #status: number | undefined;
  #retryAfter: string | undefined;
  #text = '';
  #complete = false;

  constructor(stream: ClientHttp2Stream) {
    stream.setEncoding('utf8');
    stream.once('response', (headers) => this.#begin(headers));
    stream.on('data', (chunk: string) => {
      if (this.#text.length < MAX_ANSWER) this.#text += chunk;
    });
    stream.once('end', () => (this.#complete = true));
  }

  /** Undefined until it is complete: half an answer proves nothing. */
  get answer(): WireResult | undefined {
    if (!this.#complete || this.#status === undefined) return undefined;
    return { kind: 'answer', status: this.#status, retryAfter: this.#retryAfter, text: this.#text };
  }

  #begin(headers: IncomingHttpHeaders & { ':status'?: number }): void {
    this.#status = headers[':status'];
    this.#retryAfter = headers['retry-after'];
  }
}

/** The innermost code: what ended a stream is told by what ended its session. */
function codeOf(error: unknown): string | undefined {
  const { code, cause } = error as NodeJS.ErrnoException;
  return (cause ? codeOf(cause) : undefined) ?? (typeof code === 'string' ? code : undefined);
}
