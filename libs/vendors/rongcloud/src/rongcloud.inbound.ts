import {
  accept,
  type HttpReply,
  Inbound,
  type InboundAdapter,
  type InboundResult,
  MalformedPayloadError,
  parseExactJson,
  type ParsedInbound,
  type RawRequest,
  refuse,
  sameHex,
  sha1Hex,
  unixMillis,
  type Verdict,
  type VerifiedRequest,
} from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { toMessageEvent } from './rongcloud.events.js';
import { type RongCloudConfig, rongCloudManifest } from './rongcloud.manifest.js';
import { readSessionChange, toPresenceEvent } from './rongcloud.sessions.js';
import { readMessage, readProof } from './rongcloud.wire.js';

const MAX_NONCE = 64;
/** Characters that a form escapes, and that the vendor's own example leaves as they are. */
const UNESCAPED = /["[\]{}<>\s]/;

@Inbound()
@Injectable()
export class RongCloudInbound implements InboundAdapter<RongCloudConfig> {
  readonly manifest = rongCloudManifest;

  /** SHA-1 of App Secret, nonce and timestamp in a row, hex, in the query. The body is not covered. */
  verify(request: RawRequest, config: RongCloudConfig, now: Date): Verdict {
    const { appKey } = request.query;
    if (appKey !== undefined && appKey !== config.appKey) return refuse('mismatch', 'rongcloud.app_key_mismatch');
    const proof = readProof(request.query);
    if (!proof) return refuse('missing', 'rongcloud.signature_missing');
    const { timestamp, nonce, signature } = proof;
    const signedAt = unixMillis(timestamp);
    // The shapes are part of the proof: a digit moved from the timestamp to the nonce leaves the digest as it was.
    if (signedAt === undefined || nonce.length > MAX_NONCE) return refuse('mismatch', 'rongcloud.signature_invalid');
    if (!sameHex(signature, sha1Hex(config.appSecret, nonce, timestamp))) {
      return refuse('mismatch', 'rongcloud.signature_invalid');
    }
    const isStale = Math.abs(now.getTime() - signedAt) > config.toleranceSeconds * 1000;
    return config.toleranceSeconds > 0 && isStale ? refuse('stale', 'rongcloud.timestamp_stale') : accept(request);
  }

  /** Message routing posts a form, the status subscription JSON; the content type is not always right. */
  parse({ body }: VerifiedRequest): ParsedInbound {
    const text = body.toString('utf8').trim();
    return /^[{[]/.test(text) ? parseSessions(text) : parseMessage(text);
  }

  /** RongCloud tries three times within minutes, then never again. */
  acknowledge(result: InboundResult): HttpReply {
    if (result === 'refused') return { status: 401 };
    if (result === 'unavailable') return { status: 503 };
    return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: 'ok' };
  }
}

function parseMessage(text: string): ParsedInbound {
  const form = new URLSearchParams(text);
  const message = readMessage(form);
  if (!message) {
    const needed = 'fromUserId, toUserId, objectName and channelType';
    throw new MalformedPayloadError('rongcloud.required_field_missing', `The form must have ${needed}.`);
  }
  const parseMode = UNESCAPED.test(text) ? 'tolerant' : 'strict';
  return { events: [toMessageEvent(message, form)], skipped: [], parseMode };
}

/** One change or a list of them. */
function parseSessions(text: string): ParsedInbound {
  const value = parseExactJson(text);
  if (value === undefined) throw new MalformedPayloadError('rongcloud.body_not_json', 'The body is no valid JSON.');
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  const changes = items.map(readSessionChange);
  const events = changes.filter((change) => change !== undefined).map(toPresenceEvent);
  const skipped = changes.flatMap((change, index) =>
    change ? [] : [{ code: 'rongcloud.status_unreadable', detail: `item ${index}` }],
  );
  return { events, skipped, parseMode: 'strict' };
}
