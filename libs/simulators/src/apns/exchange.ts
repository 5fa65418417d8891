import { randomUUID } from 'node:crypto';
import { constants, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { bodyOf, RESETS } from './answers.js';
import type { ApnsAnswer, ApnsStep } from './behaviour.js';
import { tokenOf } from './rules.js';

/** One client's HTTP/2 connection. */
export interface Connection {
  /** 1 for the first since the start. */
  readonly number: number;
  /** Streams that are not answered yet. */
  streams: number;
  /** Requests that have come in. */
  requests: number;
  readonly seenTokens: Map<string, number>;
}

/** One request and its answer. */
export class Exchange {
  readonly token: string;
  bytes = 0;
  private readonly chunks: Buffer[] = [];
  private open = true;

  constructor(
    readonly connection: Connection,
    readonly stream: ServerHttp2Stream,
    readonly headers: IncomingHttpHeaders,
  ) {
    this.token = tokenOf(headers[':path'] ?? '') ?? '';
    connection.streams++;
    stream.on('close', () => this.leave());
  }

  get seenTokens(): Map<string, number> {
    return this.connection.seenTokens;
  }

  /** True while an answer would reach the client. */
  get answerable(): boolean {
    return !this.stream.destroyed && !this.stream.closed;
  }

  /** The body as JSON; undefined when it is none or was not kept. */
  get payload(): unknown {
    try {
      return JSON.parse(Buffer.concat(this.chunks).toString());
    } catch {
      return undefined;
    }
  }

  take(chunk: Buffer, keep: boolean): void {
    this.bytes += chunk.length;
    if (keep) this.chunks.push(chunk);
  }

  answer(answer: ApnsAnswer, headers: Readonly<Record<string, string>>): void {
    // Left before the answer: the client may use the free place as soon as it has read it.
    this.leave();
    const body = bodyOf(answer);
    const id = this.headers['apns-id'] ?? randomUUID();
    this.stream.respond({ ':status': answer.status, 'apns-id': id, ...headers }, { endStream: body === '' });
    if (body !== '') this.stream.end(body);
  }

  /** Carries out what happens below the protocol's answers; some steps are followed by one. */
  disturb(step: ApnsStep & string): void {
    const session = this.stream.session as ServerHttp2Session | undefined;
    const reset = RESETS[step];
    if (reset !== undefined) this.stream.close(reset);
    if (step === 'drop') session?.destroy();
    if (session && step.startsWith('goaway')) sendGoaway(session, { twoStep: step === 'goawayTwoStep' });
  }

  private leave(): void {
    if (this.open) this.connection.streams--;
    this.open = false;
  }
}

export interface GoawayOptions {
  /** Announces with stream 2^31-1 first, as RFC 9113 recommends. */
  readonly twoStep?: boolean;
  /** Streams above it are given up. Default: the last one received. */
  readonly lastStreamId?: number;
}

export function sendGoaway(session: ServerHttp2Session, { twoStep, lastStreamId = 0 }: GoawayOptions): void {
  if (session.destroyed) return;
  const words = Buffer.from('{"reason":"Shutdown"}');
  if (twoStep) session.goaway(constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1, words);
  // Node takes 0 for "the last stream received".
  session.goaway(constants.NGHTTP2_NO_ERROR, lastStreamId, words);
}
