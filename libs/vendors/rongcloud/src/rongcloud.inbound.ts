import {
  accept,
  type Acknowledgement,
  type HttpReply,
  Inbound,
  type InboundAdapter,
  MalformedPayloadError,
  parseExactJson,
  type ParsedInbound,
  type RawRequest,
  type ReadPort,
  refuse,
  unixMillis,
  type Verdict,
  type VerifiedRequest,
} from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { acknowledgeCommand, answerQuestion, isCommand, parseCommand, verifyCommand } from './rongcloud.api.js';
import { toMessageEvent } from './rongcloud.events.js';
import { type RongCloudConfig, rongCloudManifest } from './rongcloud.manifest.js';
import { isProved } from './rongcloud.proof.js';
import { readSessionChange, toPresenceEvent } from './rongcloud.sessions.js';
import { readMessage, readProof } from './rongcloud.wire.js';

/** Characters that a form escapes, and that the vendor's own example leaves as they are. */
const UNESCAPED = /["[\]{}<>\s]/;

@Inbound()
@Injectable()
export class RongCloudInbound implements InboundAdapter<RongCloudConfig> {
  readonly manifest = rongCloudManifest;

  /** The proof of a callback stands in the query, that of a command in headers; only the former becomes old. */
  verify(request: RawRequest, config: RongCloudConfig, now: Date): Verdict {
    if (isCommand(request)) return verifyCommand(request, config);
    const { appKey } = request.query;
    if (appKey !== undefined && appKey !== config.appKey) return refuse('mismatch', 'rongcloud.app_key_mismatch');
    const proof = readProof(request.query);
    if (!proof) return refuse('missing', 'rongcloud.signature_missing');
    const signedAt = unixMillis(proof.timestamp);
    if (signedAt === undefined || !isProved(proof, config.appSecret)) {
      return refuse('mismatch', 'rongcloud.signature_invalid');
    }
    const isStale = Math.abs(now.getTime() - signedAt) > config.toleranceSeconds * 1000;
    return config.toleranceSeconds > 0 && isStale ? refuse('stale', 'rongcloud.timestamp_stale') : accept(request);
  }

  /** Message routing posts a form, the status subscription JSON; the content type is not always right. */
  parse(request: VerifiedRequest, config: RongCloudConfig): ParsedInbound {
    if (isCommand(request)) return parseCommand(request, config);
    const text = request.body.toString('utf8').trim();
    return /^[{[]/.test(text) ? parseSessions(text) : parseMessage(text);
  }

  query(request: VerifiedRequest, _config: RongCloudConfig, read: ReadPort): Promise<HttpReply | undefined> {
    return answerQuestion(request, read);
  }

  /** RongCloud tries a callback three times within minutes, then never again. */
  acknowledge(acknowledgement: Acknowledgement): HttpReply {
    const { result, request } = acknowledgement;
    if (isCommand(request)) return acknowledgeCommand(acknowledgement);
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
