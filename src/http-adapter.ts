import { ExpressAdapter } from '@nestjs/platform-express';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { INBOUND_PREFIX } from './core/inbound/inbound.http.js';

/** What clients may take of a process. */
export interface HttpLimits {
  /** Milliseconds in which a client must have sent its head, and its whole request. */
  readonly headMs: number;
  readonly requestMs: number;
  /**
   * Milliseconds that a connection may be idle between two requests. Longer than a proxy keeps one (nginx and the load
   * balancers of clouds: 60 s), so that it is the proxy who ends it: what it writes on a connection that we are just
   * closing is lost, and many a vendor does not call again.
   */
  readonly idleMs: number;
  /** Milliseconds between two looks for clients that are too slow. */
  readonly checkMs: number;
  /**
   * More are closed as they come. With thousands that all have something to say a turn of the event loop takes seconds, in
   * which nothing is finished: a process with 12,000 took a third of what it takes with a few hundred.
   */
  readonly connections: number;
}

const LIMITS: HttpLimits = {
  headMs: 10_000,
  requestMs: 30_000,
  idleMs: 65_000,
  checkMs: 2_000,
  connections: 2_000,
};

/** Milliseconds that a connection may still be idle once the process stops. */
const LAST_IDLE_MS = 1;

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Express, with callbacks of vendors taken out in front of it: they need nothing of it and are most of the load. */
export class BellhopHttpAdapter extends ExpressAdapter {
  private inbound: Handler = async (_request, response) => void response.writeHead(503).end();
  private stopping = false;

  constructor(private readonly limits = LIMITS) {
    super();
  }

  /** Takes every request under {@link INBOUND_PREFIX} from now on. */
  handleInbound(handler: Handler): void {
    this.inbound = handler;
  }

  /**
   * Takes no more connections, and ends those that there are: idle ones at once, busy ones with the answer to what they
   * ask next or, if that takes longer, after `graceMs`. A client that never pauses would keep its connection for ever.
   */
  stopTaking(graceMs: number): void {
    this.stopping = true;
    this.httpServer.keepAliveTimeout = LAST_IDLE_MS;
    this.httpServer.close();
    setTimeout(() => this.httpServer.closeAllConnections(), graceMs).unref();
  }

  override initHttpServer(): void {
    const express = this.getInstance<RequestListener>();
    const { headMs, requestMs, idleMs, checkMs, connections } = this.limits;
    const timeouts = { headersTimeout: headMs, requestTimeout: requestMs, keepAliveTimeout: idleMs };
    const options = { ...timeouts, connectionsCheckingInterval: checkMs };
    this.httpServer = createServer(options, (request, response) => {
      if (this.stopping) response.shouldKeepAlive = false;
      if (request.url?.startsWith(INBOUND_PREFIX)) void this.inbound(request, response);
      else express(request, response);
    });
    this.httpServer.maxConnections = connections;
  }
}
