import { type ChannelContext, outcomeOfError, type SendFailure, type SendOutcome } from '@bellhop/contracts';
import { randomUUID } from 'node:crypto';
import type { UdeskConfig } from './udesk.manifest.js';
import { readReply, type UdeskReply } from './udesk.outcomes.js';
import { type CallStamp, signedParameters, type UdeskCredentials } from './udesk.signature.js';

/** One call of the Open API. */
export interface UdeskCall {
  readonly method: 'GET' | 'POST';
  /** Below `/open_api_v1/`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** Doing it twice changes nothing. */
  readonly repeatable: boolean;
}

/** Settings that every call needs. */
export interface UdeskAccess extends UdeskCredentials {
  readonly baseUrl: string;
}

/** 60 calls a minute, over all APIs and processes. Unverified: whether Udesk counts per API. */
const SLOT = { bucket: 'open-api', everyMs: 1000 } as const;
const DEADLINE_MS = 15_000;

/** The address and the confidential parts of a signed call. */
export function signedAddress(
  access: UdeskAccess,
  call: Pick<UdeskCall, 'path' | 'query'>,
  stamp: CallStamp,
  version: UdeskConfig['signVersion'] = 'v2',
): { readonly url: string; readonly secrets: readonly string[] } {
  const signed = signedParameters(access, stamp, version);
  const query = new URLSearchParams([...Object.entries(call.query ?? {}), ...signed]);
  const { origin } = new URL(access.baseUrl);
  const sign = new Map(signed).get('sign')!;
  return {
    url: `${origin}/open_api_v1/${call.path}?${query.toString()}`,
    secrets: [access.apiToken, sign, stamp.nonce],
  };
}

/** The settings of calls, or the first that is missing. */
function accessOf({ baseUrl, email, apiToken }: UdeskConfig): UdeskAccess | SendFailure {
  if (!baseUrl) return missing('baseUrl');
  if (!email) return missing('email');
  return apiToken ? { baseUrl, email, apiToken } : missing('apiToken');
}

/** For purely inbound integrations every setting may be missing. */
export function missing(field: keyof UdeskConfig): SendFailure {
  return { kind: 'misconfigured', reason: 'config.incomplete', field };
}

/** Udesk's Open API v2. Each attempt is signed anew, and takes one of the slots that all processes share. */
export class UdeskApi {
  constructor(
    private readonly config: UdeskConfig,
    private readonly context: Pick<ChannelContext, 'now' | 'shared' | 'egress'>,
  ) {}

  async call(call: UdeskCall, signal: AbortSignal): Promise<UdeskReply> {
    const access = accessOf(this.config);
    if ('kind' in access) return { ok: false, outcome: access };
    if (signal.aborted) return { ok: false, outcome: { kind: 'transient', reason: 'call.aborted' } };
    const waitMs = await this.context.shared.takeSlot(SLOT.bucket, SLOT.everyMs);
    if (waitMs === 0) return this.#send(access, call, signal);
    const outcome: SendOutcome = { kind: 'throttled', reason: 'rate.no_slot', scope: 'channel', retryAfterMs: waitMs };
    return { ok: false, outcome };
  }

  async #send(access: UdeskAccess, call: UdeskCall, signal: AbortSignal): Promise<UdeskReply> {
    const now = this.context.now();
    const stamp = { timestamp: String(Math.floor(now.getTime() / 1000)), nonce: randomUUID() };
    const { url, secrets } = signedAddress(access, call, stamp, this.config.signVersion);
    try {
      const { status, headers, body } = await this.context.egress.call(url, {
        method: call.method,
        ...(call.body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(call.body) }),
        deadlineMs: DEADLINE_MS,
        signal,
      });
      const facts = { repeatable: call.repeatable, secrets, now };
      return readReply({ status, body, retryAfter: headers.get('retry-after') }, facts);
    } catch (error) {
      return { ok: false, outcome: outcomeOfSilence(error, call.repeatable) };
    }
  }
}

/** Of a call that brought no answer. What may be done twice counts as not done. */
function outcomeOfSilence(error: unknown, repeatable: boolean): SendFailure {
  const outcome = outcomeOfError(error, 'baseUrl');
  return repeatable && outcome.kind === 'unknown' ? { ...outcome, kind: 'transient' } : outcome;
}
