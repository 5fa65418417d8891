import { EgressRefusedError, HttpFailure, type Egress, type HttpCall, type HttpResult } from '@bellhop/contracts';
import { Inject, Injectable, type OnApplicationShutdown, Optional } from '@nestjs/common';
import ipaddr from 'ipaddr.js';
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIPv6, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { Agent, buildConnector, type Dispatcher, request } from 'undici';
import { isPublicAddress } from './egress.address.js';
import { Environment } from './env.js';
import { Telemetry } from './telemetry.js';

/** Every address of a host. Rejects when it has none. */
export type ResolveHost = (host: string) => Promise<readonly string[]>;

/** Injection token of a {@link ResolveHost} for tests; without one the system is asked. */
export const RESOLVE_HOST = Symbol('bellhop:resolve-host');

const PORTS: ReadonlySet<string> = new Set(['443', '8443']);
const DEADLINE_MS = 15_000;
const CONNECT_MS = 10_000;
const MAX_BYTES = 65_536;
/** Connections to one host; more calls wait. */
const PER_HOST = 64;
const NOT_PUBLIC = 'must not lead to a private, loopback, link-local or reserved address';

/**
 * Calls to addresses that customers choose. The host is resolved here, every address of it is checked, and the
 * connection goes to what was checked: there is no second resolution that could answer otherwise.
 * BELLHOP_EGRESS_ALLOW names the receivers that are exempt.
 */
@Injectable()
export class GuardedEgress implements Egress, OnApplicationShutdown {
  private readonly agent: Agent;

  constructor(
    private readonly environment: Environment,
    @Optional() @Inject(RESOLVE_HOST) private readonly resolve: ResolveHost = systemAddresses,
    @Optional() private readonly telemetry?: Telemetry,
  ) {
    this.agent = new Agent({ connections: PER_HOST, connect: this.connector() });
  }

  refusal(text: string): string | undefined {
    const url = URL.parse(text);
    if (!url || !/^https?:$/.test(url.protocol)) return 'must be an absolute https address';
    if (url.username || url.password) return 'must not hold a user name or a password';
    if (this.isExempt(url.hostname, portOf(url))) return undefined;
    if (url.protocol !== 'https:') return 'must start with https://';
    if (!PORTS.has(portOf(url))) return `must use port ${[...PORTS].join(' or ')}`;
    const literal = literalOf(url.hostname);
    return literal && !isPublicAddress(literal) ? NOT_PUBLIC : undefined;
  }

  /** The same with the host resolved now. One that does not resolve is acceptable: every connection looks again. */
  async refusalNow(text: string): Promise<string | undefined> {
    const refusal = this.refusal(text);
    if (refusal) return refusal;
    const url = new URL(text);
    if (literalOf(url.hostname) || this.isExempt(url.hostname, portOf(url))) return undefined;
    const addresses = await this.resolve(url.hostname).catch(() => []);
    return addresses.every(isPublicAddress) ? undefined : NOT_PUBLIC;
  }

  async call(url: string, call: HttpCall): Promise<HttpResult> {
    const refusal = this.refusal(url);
    if (refusal) throw new EgressRefusedError(refusal);
    const deadline = AbortSignal.timeout(call.deadlineMs ?? DEADLINE_MS);
    const signal = call.signal ? AbortSignal.any([call.signal, deadline]) : deadline;
    let sent = false;
    const onStart = (): void => void (sent = !signal.aborted);
    try {
      // Raced, because a request that is still waiting for its connection notices the signal only when it has one.
      return await Promise.race([this.exchange(new URL(url), call, signal, onStart), abortOf(signal)]);
    } catch (error) {
      if (error instanceof EgressRefusedError) throw error;
      throw new HttpFailure(nameOf(error), sent, { cause: error });
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.agent.destroy();
  }

  /** Redirects are an answer like any other: nobody follows them. */
  private async exchange(url: URL, call: HttpCall, signal: AbortSignal, onStart: () => void): Promise<HttpResult> {
    const { statusCode, headers, body } = await request(url, {
      dispatcher: this.agent.compose(watch(onStart)),
      method: call.method ?? 'GET',
      headers: this.telemetry?.on ? this.telemetry.outgoing(call.headers) : call.headers,
      body: call.body,
      signal,
    });
    return { status: statusCode, headers: headersOf(headers), body: await readUpTo(body, call.maxBytes ?? MAX_BYTES) };
  }

  private connector(): buildConnector.connector {
    // With `autoSelectFamily` a lookup is always asked for every address.
    const settings = { timeout: CONNECT_MS, autoSelectFamily: true };
    const guarded = buildConnector({ ...settings, lookup: this.lookup(true) });
    const exempt = buildConnector({ ...settings, lookup: this.lookup(false) });
    return (target, callback) => (this.isExempt(target.hostname, portOf(target)) ? exempt : guarded)(target, callback);
  }

  private lookup(checked: boolean): LookupFunction {
    const find = callbackify((host: string) => this.addressesOf(host, checked));
    return (host, _options, answer) => find(host, answer);
  }

  private async addressesOf(host: string, checked: boolean): Promise<LookupAddress[]> {
    const found = await this.resolve(host);
    if (found.length === 0) throw Object.assign(new Error('The host has no address.'), { code: 'ENOTFOUND' });
    if (checked && !found.every(isPublicAddress)) throw new EgressRefusedError(NOT_PUBLIC);
    return found.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  }

  private isExempt(hostname: string, port: string): boolean {
    const { egressAllow } = this.environment;
    return egressAllow.includes(`${hostname}:${port}`) || egressAllow.includes(`${hostname}:*`);
  }
}

const portOf = ({ port, protocol }: Pick<URL, 'port' | 'protocol'>): string =>
  port || (protocol === 'https:' ? '443' : '80');

/** The address in a host that is one. The parser of URLs has brought decimal, octal and other spellings into one form. */
function literalOf(hostname: string): string | undefined {
  const bare = hostname.replace(/^\[|\]$/g, '');
  return ipaddr.isValid(bare) ? bare : undefined;
}

async function systemAddresses(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const give = (): void => reject(signal.reason as Error);
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
  });
}

/** Tells when a request begins to be written: before that, nothing can have been processed. */
function watch(onStart: () => void): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) =>
    dispatch(options, {
      onRequestStart(controller, context) {
        onStart();
        handler.onRequestStart?.(controller, context);
      },
      onResponseStart: handler.onResponseStart?.bind(handler),
      onResponseData: handler.onResponseData?.bind(handler),
      onResponseEnd: handler.onResponseEnd?.bind(handler),
      onResponseError: handler.onResponseError?.bind(handler),
    });
}

function headersOf(fields: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(fields)) headers.set(name, [value ?? ''].flat().join(', '));
  return headers;
}

async function readUpTo(body: AsyncIterable<Buffer>, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size >= limit) break;
  }
  return Buffer.concat(chunks).subarray(0, limit).toString('utf8');
}

/** Code of a fault of the network, or its name. Its words are left out: they hold addresses. */
function nameOf(error: unknown): string {
  const { code, name } = error as { code?: unknown; name: string };
  return typeof code === 'string' ? code : name;
}
