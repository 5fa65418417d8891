import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Answer, FaultKind } from './vocabulary.js';

/** One TCP connection as the endpoint keeps it. */
export interface Link {
  /** 1 for the first connection since the start. */
  readonly number: number;
  readonly protocol: 'HTTP/1.1' | 'HTTP/2';
  /** Below TLS, where FIN and RST are made. */
  readonly socket: Socket;
  /** Streams or requests being served. */
  open: number;
  requests: number;
  /** Of a GOAWAY that was sent; streams above it are not processed. */
  lastStreamId: number;
}

/** One request that waits for its reply. */
export interface Exchange {
  readonly link: Link;
  readonly method: string;
  readonly path: string;
  readonly authorization: string;
  readonly body: string;
  answer(answer: Answer): void;
  /** @param served what the `drain` fault still answers. */
  fail(fault: FaultKind, served: Answer): void;
}

/** A place on a connection, given back once. */
export class Place {
  #taken = true;

  constructor(private readonly link: Link) {
    link.open++;
  }

  leave(): void {
    if (this.#taken) this.link.open--;
    this.#taken = false;
  }
}

const RESET_CODES = {
  cancel: constants.NGHTTP2_CANCEL,
  refused: constants.NGHTTP2_REFUSED_STREAM,
  reset: constants.NGHTTP2_INTERNAL_ERROR,
} as const;

export class Http2Exchange implements Exchange {
  constructor(
    readonly link: Link,
    private readonly place: Place,
    private readonly stream: ServerHttp2Stream,
    readonly method: string,
    readonly path: string,
    readonly authorization: string,
    readonly body: string,
  ) {}

  answer({ status, headers, body }: Answer): void {
    if (this.stream.destroyed || this.stream.closed) return;
    // Before the answer leaves: a client may use the place as soon as it has read it.
    this.place.leave();
    this.stream.respond({ ':status': status, ...headers });
    this.stream.end(body);
  }

  fail(fault: FaultKind, served: Answer): void {
    switch (fault) {
      case 'silent':
        return;
      case 'fin':
        this.link.socket.destroy();
        return;
      case 'rst':
        this.link.socket.resetAndDestroy();
        return;
      case 'cancel':
      case 'refused':
      case 'reset':
        this.stream.close(RESET_CODES[fault]);
        return;
      case 'goaway':
      case 'drain':
      case 'calm':
        this.#goAway(fault, served);
    }
  }

  #goAway(fault: 'goaway' | 'drain' | 'calm', served: Answer): void {
    if (fault === 'calm') refuseStream(this.link, this.stream);
    else sendGoaway(this.link, this.stream, constants.NGHTTP2_NO_ERROR, fault === 'drain' ? 0 : 2);
    if (fault === 'drain') this.answer(served);
  }
}

/** @param before how far below the stream's own id the last processed one is. */
function sendGoaway(link: Link, stream: ServerHttp2Stream, code: number, before: 0 | 2, words?: Buffer): void {
  link.lastStreamId = Math.min(link.lastStreamId, (stream.id ?? before) - before);
  stream.session?.goaway(code, link.lastStreamId, words);
}

/** GOAWAY as Google sends it to a client that opened too many streams; the stream is the first one not processed. */
export function refuseStream(link: Link, stream: ServerHttp2Stream): void {
  const words = Buffer.from('exceeded_max_concurrent_streams');
  sendGoaway(link, stream, constants.NGHTTP2_ENHANCE_YOUR_CALM, 2, words);
}

export class Http1Exchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly authorization: string;

  constructor(
    readonly link: Link,
    private readonly place: Place,
    request: IncomingMessage,
    private readonly response: ServerResponse,
    readonly body: string,
  ) {
    this.method = request.method ?? '';
    this.path = request.url ?? '';
    this.authorization = request.headers.authorization ?? '';
  }

  answer({ status, headers, body }: Answer): void {
    this.place.leave();
    this.response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
  }

  /** HTTP/1.1 has no streams: every fault but silence ends the connection. */
  fail(fault: FaultKind): void {
    if (fault === 'rst') this.link.socket.resetAndDestroy();
    else if (fault !== 'silent') this.link.socket.destroy();
  }
}
