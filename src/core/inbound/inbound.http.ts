import type { HttpReply, RawRequest } from '@bellhop/contracts';
import { Injectable, Logger } from '@nestjs/common';
import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline, type Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { Clock } from '../../platform/clock.js';
import { dashed, publicId } from '../../platform/ids.js';
import { Metrics } from '../../platform/metrics.js';
import { newRequestId, REQUEST_ID } from '../../platform/request.js';
import { Telemetry } from '../../platform/telemetry.js';
import { IntegrationCache, type OpenedIntegration } from '../integrations/integration-cache.js';
import { Admission } from './admission.js';
import { InboundService } from './inbound.service.js';

export const INBOUND_PREFIX = '/v1/inbound/';
const DEFAULT_BODY_LIMIT = 262_144;
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

class Rejection extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(code);
  }
}

/**
 * The address that vendors call: `ANY /v1/inbound/{integrationId}/{urlSecret}/…`.
 * Works on Node's own request and response, since a callback needs neither body parsers nor guards nor pipes
 * and their cost would be the larger part of it (docs/adr/0006).
 */
@Injectable()
export class InboundHttp {
  private readonly log = new Logger(InboundHttp.name);

  constructor(
    private readonly integrations: IntegrationCache,
    private readonly inbound: InboundService,
    private readonly admission: Admission,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
    private readonly telemetry: Telemetry,
  ) {}

  handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    return this.telemetry.on ? this.traced(req, res) : this.exchange(req, res);
  }

  private traced(req: IncomingMessage, res: ServerResponse): Promise<void> {
    return this.telemetry.receive('receive', req, async () => {
      await this.exchange(req, res);
      const { integrationId } = parseAddress(req.url ?? '') ?? {};
      return {
        'bellhop.integration.id': integrationId && publicId('int', integrationId),
        'bellhop.request.id': String(res.getHeader(REQUEST_ID)),
        'http.response.status_code': res.statusCode,
      };
    });
  }

  private async exchange(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const requestId = newRequestId(req);
    try {
      send(res, requestId, await this.answer(req));
    } catch (error) {
      if (error instanceof Rejection) return this.reject(req, res, error, requestId);
      this.log.error({ requestId, cause: (error as Error).message }, 'Inbound request failed');
      this.reject(req, res, new Rejection(503, 'unavailable'), requestId);
    }
  }

  private async answer(req: IncomingMessage): Promise<HttpReply> {
    const started = performance.now();
    const address = parseAddress(req.url ?? '');
    const integration = address && (await this.integrations.find(address.integrationId));
    const adapter = integration?.plugin.inbound;
    // One answer for an unknown integration, a wrong secret and a plugin without callbacks: nothing can be probed.
    const known = secretFits(address?.secret ?? '', integration, this.clock.now());
    if (!address || !integration || !adapter || !known) throw new Rejection(401, 'inbound.unauthorized');
    const { methods, bodyLimit = DEFAULT_BODY_LIMIT, id } = adapter.manifest;
    refuseLarge(req, bodyLimit);
    const reply = await this.admission.admit(async () => {
      const request = rawRequest(req, address, await readBody(req, bodyLimit));
      const greeting = this.inbound.handshake(integration, adapter, request);
      if (greeting) return greeting;
      if (!methods.includes(request.method)) {
        throw new Rejection(405, 'method_not_allowed', { Allow: methods.join(', ') });
      }
      const answer = await this.inbound.receive(integration, adapter, request);
      this.metrics.inboundSeconds.observe({ plugin: id }, (performance.now() - started) / 1000);
      return answer;
    });
    // Without its body: who is told to come again must not cost what others wait for. Node discards what comes of it.
    return reply ?? hastily(req, this.inbound.decline(adapter, rawRequest(req, address, NOTHING)));
  }

  private reject(
    req: IncomingMessage,
    res: ServerResponse,
    { status, code, headers }: Rejection,
    requestId: string,
  ): void {
    this.metrics.inbound.inc({ plugin: '', result: code });
    if (res.headersSent) return void res.destroy();
    const title = TITLES[status] ?? 'Error';
    const body = JSON.stringify({ type: `urn:bellhop:problem:${code}`, title, status, code, instance: requestId });
    // What is left of a body is not read: the connection ends with the answer.
    const close: Record<string, string> = req.complete ? {} : { Connection: 'close' };
    send(res, requestId, {
      status,
      headers: { 'Content-Type': 'application/problem+json', ...headers, ...close },
      body,
    });
  }
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Unauthorized',
  405: 'Method not allowed',
  413: 'Body too large',
  415: 'Unsupported content encoding',
  503: 'Temporarily unavailable',
};

interface Address {
  readonly integrationId: string;
  readonly secret: string;
  readonly path: string;
  readonly search: string;
}

function parseAddress(url: string): Address | undefined {
  const mark = url.indexOf('?');
  const pathname = url.slice(INBOUND_PREFIX.length, mark < 0 ? undefined : mark);
  const [id = '', secret = '', ...rest] = pathname.split('/');
  const integrationId = id.startsWith('int_') ? id.slice(4) : id;
  if (!UUID.test(integrationId)) return undefined;
  return {
    // The one spelling under which the rest of the core knows an id.
    integrationId: dashed(integrationId.replaceAll('-', '').toLowerCase()),
    secret,
    path: rest.join('/'),
    search: mark < 0 ? '' : url.slice(mark + 1),
  };
}

const NOBODY = Buffer.alloc(32);

function secretFits(secret: string, integration: OpenedIntegration | undefined, now: Date): boolean {
  const given = hash('sha256', secret, 'buffer');
  const { row } = integration ?? {};
  const current = timingSafeEqual(given, row?.urlSecretHash ?? NOBODY);
  const previous = timingSafeEqual(given, row?.previousUrlSecretHash ?? NOBODY);
  const stillValid = (row?.previousUrlSecretExpiresAt?.getTime() ?? 0) > now.getTime();
  return row !== undefined && (current || (previous && stillValid));
}

const NOTHING = Buffer.alloc(0);

function refuseLarge(req: IncomingMessage, limit: number): void {
  if (Number(req.headers['content-length'] ?? 0) > limit) throw new Rejection(413, 'body_too_large');
}

/** Ends the connection after the answer when nobody knows how much of a body there is still to come. */
function hastily(req: IncomingMessage, reply: HttpReply): HttpReply {
  const isBounded = req.complete || req.headers['content-length'] !== undefined;
  return isBounded ? reply : { ...reply, headers: { ...reply.headers, Connection: 'close' } };
}

/** By events: asking the stream for one chunk after the other costs as much as the whole rest of reading a request. */
function readBody(req: IncomingMessage, limit: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  const source = inflated(req);
  source
    .on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) return void chunks.push(chunk);
      // Nobody reads or unpacks what is left, so the connection is good for no other request.
      source.pause();
      reject(new Rejection(413, 'body_too_large', { Connection: 'close' }));
    })
    .once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)))
    // A client that goes away is an error as well.
    .once('error', () => reject(new Rejection(400, 'body_unreadable')));
  return promise;
}

function inflated(req: IncomingMessage): Readable {
  switch (req.headers['content-encoding']?.trim().toLowerCase() ?? 'identity') {
    case 'identity':
    case '':
      return req;
    case 'gzip':
      return unpacked(req, createGunzip());
    case 'deflate':
      return unpacked(req, createInflate());
    case 'br':
      return unpacked(req, createBrotliDecompress());
    default:
      throw new Rejection(415, 'content_encoding_unsupported');
  }
}

/** A client that goes away ends the unpacking as well. */
function unpacked(req: IncomingMessage, unpack: Transform): Readable {
  return pipeline(req, unpack, () => undefined);
}

function rawRequest(req: IncomingMessage, address: Address, body: Buffer): RawRequest {
  return {
    method: req.method ?? '',
    path: address.path,
    query: queryOf(address.search),
    headers: headersOf(req),
    body,
  };
}

function queryOf(search: string): Record<string, string> {
  const query = Object.create(null) as Record<string, string>;
  if (search === '') return query;
  for (const [name, value] of new URLSearchParams(search)) query[name] ??= value;
  return query;
}

/** Credentials of proxies and browsers are nobody's business here. */
const PRIVATE_HEADERS = new Set(['authorization', 'cookie', 'proxy-authorization']);

function headersOf(req: IncomingMessage): Record<string, string> {
  const headers = Object.create(null) as Record<string, string>;
  for (const name in req.headers) {
    const value = req.headers[name];
    if (value === undefined || PRIVATE_HEADERS.has(name)) continue;
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}

function send(res: ServerResponse, requestId: string, { status, headers, body }: HttpReply): void {
  res.writeHead(status, { [REQUEST_ID]: requestId, 'Content-Length': Buffer.byteLength(body ?? ''), ...headers });
  res.end(body);
}
