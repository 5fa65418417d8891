import {
  accept,
  type Acknowledgement,
  type HttpReply,
  Inbound,
  type InboundAdapter,
  type InboundEvent,
  md5Hex,
  type ParsedInbound,
  type RawRequest,
  refuse,
  sameHex,
  sha1Hex,
  textOf,
  unixMillis,
  type Verdict,
  type VerifiedRequest,
} from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { toLoginEvent, toLogoutEvent, toMessageEvent, toRecallEvent } from './nim.events.js';
import { type NimConfig, nimManifest } from './nim.manifest.js';
import { CONVERSATIONS, type NimCopy, readCopy } from './nim.wire.js';

@Inbound()
@Injectable()
export class NimInbound implements InboundAdapter<NimConfig> {
  readonly manifest = nimManifest;

  /**
   * MD5 of the raw body, and SHA-1 of App Secret, that MD5 and CurTime in a row, all lower-case hex in headers.
   * The checksum alone would accept any body.
   */
  verify(request: RawRequest, config: NimConfig, now: Date): Verdict {
    const { appkey, curtime, md5, checksum } = request.headers;
    if (appkey !== undefined && appkey !== config.appKey) return refuse('mismatch', 'nim.app_key_mismatch');
    if (!curtime || !md5 || !checksum) return refuse('missing', 'nim.signature_missing');
    if (!sameHex(md5, md5Hex(request.body))) return refuse('mismatch', 'nim.md5_mismatch');
    if (!sameHex(checksum, sha1Hex(config.appSecret + md5 + curtime)))
      return refuse('mismatch', 'nim.checksum_invalid');
    const age = Math.abs(now.getTime() - (unixMillis(curtime) ?? Infinity));
    const isStale = config.toleranceSeconds > 0 && age > config.toleranceSeconds * 1000;
    return isStale ? refuse('stale', 'nim.curtime_stale') : accept(request);
  }

  /** The console probes the address with `{}`, which holds nothing. */
  parse({ body }: VerifiedRequest): ParsedInbound {
    const copy = readCopy(body);
    if (Object.keys(copy).length === 0) return { events: [], skipped: [], parseMode: 'strict' };
    const read = readEvent(copy, body);
    return 'code' in read
      ? { events: [], skipped: [read], parseMode: 'strict' }
      : { events: [read], skipped: [], parseMode: 'strict' };
  }

  /** NIM takes 500 for a delivery as well as 200, so neither is answered for what it shall send again. */
  acknowledge({ result }: Acknowledgement): HttpReply {
    const status = { stored: 200, duplicate: 200, refused: 401, rejected: 400, malformed: 400, unavailable: 503 }[
      result
    ];
    return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ code: status }) };
  }
}

type Skipped = ParsedInbound['skipped'][number];
type Reader = (copy: NimCopy, body: Buffer) => InboundEvent | Skipped;

/** By `eventType`. Source: message copy; other types exist and are of no use here. */
const READERS = new Map<string, Reader>([
  ['1', readMessage],
  ['2', readLogin],
  ['3', toLogoutEvent],
  ['7', (copy, body) => toRecallEvent(copy, 'direct', body)],
  ['8', (copy, body) => toRecallEvent(copy, 'group', body)],
]);

function readEvent(copy: NimCopy, body: Buffer): InboundEvent | Skipped {
  const eventType = textOf(copy.eventType) ?? '';
  const read = READERS.get(eventType);
  return read ? read(copy, body) : { code: 'nim.event_unknown', detail: eventType.slice(0, 100) };
}

function readMessage(copy: NimCopy): InboundEvent | Skipped {
  const convType = textOf(copy.convType) ?? '';
  const conversation = CONVERSATIONS.get(convType);
  return conversation
    ? toMessageEvent(copy, conversation)
    : { code: 'nim.conversation_unknown', detail: convType.slice(0, 100) };
}

/** A login that failed is no login. */
function readLogin(copy: NimCopy): InboundEvent | Skipped {
  const code = textOf(copy.code) ?? '200';
  return code === '200' ? toLoginEvent(copy) : { code: 'nim.login_failed', detail: code.slice(0, 100) };
}
