import {
  accept,
  type Acknowledgement,
  declaresEntities,
  type HttpReply,
  type IdentityRef,
  Inbound,
  type InboundAdapter,
  MalformedPayloadError,
  type ParsedInbound,
  type RawRequest,
  type Refusal,
  refuse,
  sameHex,
  unixMillis,
  type Verdict,
  type VerifiedRequest,
} from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { decryptEchat, openPushInfo, signEchat } from './echat.crypto.js';
import { toEvent } from './echat.events.js';
import { type EchatConfig, echatManifest } from './echat.manifest.js';
import { isPushType, readPush } from './echat.wire.js';
import { readEchatXml } from './echat.xml.js';

type Parameters = Readonly<Record<string, string | undefined>>;

/** How far a timestamp may lie ahead of our clock. */
const AHEAD_MS = 600_000;
const MAX_ECHOSTR = 512;
/** A form of the address check is short; anything longer is a callback. */
const MAX_FORM_BYTES = 4096;
const TEXT = { 'content-type': 'text/plain; charset=utf-8' };

@Inbound()
@Injectable()
export class EchatInbound implements InboundAdapter<EchatConfig> {
  readonly manifest = echatManifest;

  /** `dataType=checkUrl`: the signature is checked and `echostr` sent back. One edition says GET, the other POST. */
  handshake(request: RawRequest, config: EchatConfig, now: Date): HttpReply | Refusal | undefined {
    const parameters = checkParameters(request);
    if (parameters?.dataType !== 'checkUrl') return undefined;
    const { echostr } = parameters;
    const refusal = checkSignature(parameters, config, now);
    if (refusal) return refusal;
    if (!echostr || echostr.length > MAX_ECHOSTR) return { status: 400 };
    return { status: 200, headers: { ...TEXT, 'x-content-type-options': 'nosniff' }, body: echostr };
  }

  /**
   * The signature stands in the query and covers neither the body nor the push type, so one signed query is good
   * for one body only.
   */
  verify(request: RawRequest, config: EchatConfig, now: Date): Verdict {
    const { signature = '' } = request.query;
    const refusal = checkSignature(request.query, config, now);
    if (refusal) return refusal;
    // The signature stands for timestamp and nonce in whatever way their digits are divided between them.
    const proof = { key: signature.toLowerCase(), reusedCode: 'echat.nonce_reused' };
    if (config.mode === 'plain') return accept(request, undefined, proof);
    const opened = openEnvelope(request, config);
    return Buffer.isBuffer(opened) ? accept(request, opened, proof) : opened;
  }

  parse(request: VerifiedRequest, config: EchatConfig): ParsedInbound {
    const { dataType = '', msgType = '' } = request.query;
    if (dataType !== 'staffPush' || !isPushType(msgType)) {
      return ignored('echat.push_type_unsupported', `${dataType}/${msgType}`.slice(0, 100));
    }
    const xml = request.body.toString('utf8');
    if (declaresEntities(xml)) {
      throw new MalformedPayloadError('echat.xml_doctype_forbidden', 'The body declares a document type or an entity.');
    }
    const { fields, parseMode } = readEchatXml(xml);
    if (config.mode === 'plain' && fields.has('Encrypt') && !fields.has('msgId')) {
      throw new MalformedPayloadError(
        'echat.encrypted_body_in_plain_mode',
        'The body is encrypted: choose secure mode.',
      );
    }
    const push = readPush(fields, msgType);
    if (!isServed(push.companyId, config)) return ignored('echat.company_not_allowed', push.companyId, parseMode);
    return { events: [toEvent(push, config)], skipped: [], parseMode };
  }

  /** Echat sends again until it reads the word `success`. What sending again cannot heal is acknowledged too. */
  acknowledge({ result }: Acknowledgement): HttpReply {
    if (result === 'refused') return { status: 401 };
    if (result === 'unavailable') return { status: 503 };
    return { status: 200, headers: TEXT, body: 'success' };
  }

  /** pushInfo is chosen in the visitor's browser: it counts when we signed it for this integration. */
  vouch(
    identity: IdentityRef,
    config: EchatConfig,
    integrationId: string,
  ): { userId: string } | 'untrusted' | undefined {
    if (identity.kind !== 'echat.push_info') return undefined;
    const userId = config.pushInfoKey && openPushInfo(config.pushInfoKey, integrationId, identity.value);
    if (userId) return { userId };
    return config.trustRawPushInfo ? undefined : 'untrusted';
  }
}

/** Parameters of an address check: the query, and for POST a form in the body as well. */
function checkParameters({ method, query, body }: RawRequest): Parameters | undefined {
  if (method === 'GET') return query;
  if (method !== 'POST' || (query.dataType && query.dataType !== 'checkUrl')) return undefined;
  if (body.length > MAX_FORM_BYTES) return query;
  return { ...Object.fromEntries(new URLSearchParams(body.toString())), ...query };
}

/** Undefined when the signature is right and the timestamp fresh. */
function checkSignature(parameters: Parameters, config: EchatConfig, now: Date): Refusal | undefined {
  const { timestamp, nonce, signature } = parameters;
  if (!timestamp || !nonce || !signature) return refuse('missing', 'echat.signature_missing');
  if (!sameHex(signature, signEchat(config.token, timestamp, nonce))) {
    return refuse('mismatch', 'echat.signature_invalid');
  }
  // Unverified: the unit. Forms other than seconds and milliseconds pass, since the documentation signs "myTimestamp".
  const age = now.getTime() - (unixMillis(timestamp) ?? now.getTime());
  return age > config.maxAgeSeconds * 1000 || age < -AHEAD_MS ? refuse('stale', 'echat.timestamp_stale') : undefined;
}

/** The XML inside the `Encrypt` element. Every failure is answered alike; the codes differ in our log only. */
function openEnvelope({ query, body }: RawRequest, config: EchatConfig): Buffer | Refusal {
  const encrypt = readEchatXml(body.toString('utf8')).fields.get('Encrypt')?.[0];
  if (!encrypt) return refuse('mismatch', 'echat.plaintext_not_allowed');
  const { timestamp = '', nonce = '', msg_signature: bodySignature } = query;
  // Unverified: sent by WeChat, whose scheme this is, and not mentioned by Echat.
  if (bodySignature && !sameHex(bodySignature, signEchat(config.token, timestamp, nonce, encrypt))) {
    return refuse('mismatch', 'echat.signature_invalid');
  }
  const decrypted = decryptEchat(config.encodingAesKey ?? '', config.appId ?? '', encrypt);
  return decrypted.ok ? decrypted.message : refuse('mismatch', decrypted.code);
}

function isServed(companyId: string, { allowedCompanyIds }: EchatConfig): boolean {
  return allowedCompanyIds.length === 0 || allowedCompanyIds.includes(companyId);
}

function ignored(code: string, detail: string, parseMode: ParsedInbound['parseMode'] = 'strict'): ParsedInbound {
  return { events: [], skipped: [{ code, detail }], parseMode };
}
