import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { ServerIdentity } from '../tls.js';
import { type Exchange, Http1Exchange, Http2Exchange, type Link, Place, refuseStream } from './exchange.js';
import type { Ledger } from './ledger.js';

export interface EndpointOptions {
  readonly identity: ServerIdentity;
  readonly port: number;
  /** SETTINGS_MAX_CONCURRENT_STREAMS. */
  readonly maxConcurrentStreams: number;
  /** Streams above which a GOAWAY answers, whatever was announced. */
  readonly streamsBeforeGoaway: number;
  readonly ledger: Ledger;
  handle(exchange: Exchange): void;
}

/** A loopback listener for HTTP/2 and HTTP/1.1 whose connections can be cut in every way there is. */
export class TlsEndpoint {
  readonly #options: EndpointOptions;
  readonly #server: Http2SecureServer;
  /** By remote port: a TLS socket hides the one below it. */
  readonly #sockets = new Map<number, Socket>();
  readonly #links = new WeakMap<object, Link>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #port: number;

  private constructor(options: EndpointOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#server = createSecureServer({
      ...options.identity,
      allowHTTP1: true,
      settings: { maxConcurrentStreams: options.maxConcurrentStreams },
      maxSessionMemory: 100,
    });
    this.#attend();
  }

  static async start(options: EndpointOptions): Promise<TlsEndpoint> {
    const endpoint = new TlsEndpoint(options);
    await endpoint.resume();
    return endpoint;
  }

  get port(): number {
    return this.#port;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#sockets.size;
  }

  /** Listens, again on the same port after `refuse`. */
  async resume(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Ends every connection and refuses new ones. */
  async refuse(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.drop();
    await closed;
  }

  /** Ends every connection by FIN. */
  drop(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  /** GOAWAY NO_ERROR on every HTTP/2 connection; what has arrived is still served. */
  goaway(): void {
    for (const session of this.#sessions) session.goaway(constants.NGHTTP2_NO_ERROR);
  }

  #attend(): void {
    this.#server.on('connection', (socket: Socket) => this.#keep(socket));
    this.#server.on('request', (request, response) =>
      this.#serveHttp1(request as unknown as IncomingMessage, response as unknown as ServerResponse),
    );
    // The listener above also installs Node's compatibility layer for HTTP/2, which would answer the streams as well.
    this.#server.removeAllListeners('stream');
    this.#server.on('stream', (stream, headers) => this.#serveHttp2(stream, headers));
    this.#server.on('session', (session) => this.#welcome(session));
    this.#server.on('sessionError', ignore).on('tlsClientError', ignore).on('clientError', ignore);
  }

  #keep(socket: Socket): void {
    const port = socket.remotePort;
    if (port === undefined) return;
    this.#sockets.set(port, socket);
    socket.once('close', () => this.#sockets.delete(port));
    socket.on('error', ignore);
  }

  #welcome(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    session.on('error', ignore);
    this.#links.set(session, this.#link(session.socket, 'HTTP/2'));
  }

  #link(secure: Socket, protocol: Link['protocol']): Link {
    const socket = this.#sockets.get(secure.remotePort ?? 0) ?? secure;
    return {
      number: ++this.#options.ledger.connections,
      protocol,
      socket,
      open: 0,
      requests: 0,
      lastStreamId: Infinity,
    };
  }

  #serveHttp2(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on('error', ignore);
    const link = stream.session && this.#links.get(stream.session);
    if (!link) return;
    const place = this.#seat(link);
    stream.once('close', () => place.leave());
    if (link.open > this.#options.streamsBeforeGoaway) {
      refuseStream(link, stream);
      return;
    }
    collect(stream, (body) => {
      if ((stream.id ?? 0) > link.lastStreamId) {
        stream.close(constants.NGHTTP2_REFUSED_STREAM);
        return;
      }
      const { ':method': method = '', ':path': path = '', authorization = '' } = headers;
      this.#hand(new Http2Exchange(link, place, stream, method, path, authorization, body));
    });
  }

  #serveHttp1(request: IncomingMessage, response: ServerResponse): void {
    const link = this.#links.get(request.socket) ?? this.#link(request.socket, 'HTTP/1.1');
    this.#links.set(request.socket, link);
    const place = this.#seat(link);
    response.once('close', () => place.leave());
    collect(request, (body) => this.#hand(new Http1Exchange(link, place, request, response, body)));
  }

  #seat(link: Link): Place {
    const place = new Place(link);
    const { ledger } = this.#options;
    ledger.maxStreams = Math.max(ledger.maxStreams, link.open);
    return place;
  }

  #hand(exchange: Exchange): void {
    exchange.link.requests++;
    this.#options.handle(exchange);
  }
}

function collect(source: NodeJS.ReadableStream, done: (body: string) => void): void {
  const chunks: Buffer[] = [];
  source.on('data', (chunk: Buffer) => chunks.push(chunk));
  source.on('end', () => done(chunks.length === 1 ? String(chunks[0]) : Buffer.concat(chunks).toString()));
}

function ignore(): void {
  // Broken connections are what a simulator is for.
}
