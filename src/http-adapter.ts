import { ExpressAdapter } from '@nestjs/platform-express';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { INBOUND_PREFIX } from './core/inbound/inbound.http.js';

/** Milliseconds a client may take to send its head, and its whole request. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;

/**
 * More are closed as they come. With thousands that all have something to say a turn of the event loop takes seconds, in
 * which nothing is finished: a process with 12,000 took a third of what it takes with a few hundred.
 */
const MAX_CONNECTIONS = 2_000;

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Express, with callbacks of vendors taken out in front of it: they need nothing of it and are most of the load. */
export class BellhopHttpAdapter extends ExpressAdapter {
  private inbound: Handler = async (_request, response) => void response.writeHead(503).end();

  /** Takes every request under {@link INBOUND_PREFIX} from now on. */
  handleInbound(handler: Handler): void {
    this.inbound = handler;
  }

  override initHttpServer(): void {
    const express = this.getInstance<RequestListener>();
    this.httpServer = createServer((request, response) => {
      if (request.url?.startsWith(INBOUND_PREFIX)) void this.inbound(request, response);
      else express(request, response);
    });
    this.httpServer.headersTimeout = HEADERS_TIMEOUT_MS;
    this.httpServer.requestTimeout = REQUEST_TIMEOUT_MS;
    this.httpServer.maxConnections = MAX_CONNECTIONS;
  }
}
