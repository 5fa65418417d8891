import {
  accept,
  type Acknowledgement,
  type HttpReply,
  Inbound,
  type InboundAdapter,
  type ParsedInbound,
  type RawRequest,
  refuse,
  sameText,
  type Verdict,
  type VerifiedRequest,
} from '@bellhop/contracts';
import { type AcmeConfig, acmeManifest } from './acme.manifest.js';
import { readAcme } from './acme.wire.js';

const STATUS = { stored: 204, duplicate: 204, malformed: 204, rejected: 400, refused: 401, unavailable: 503 } as const;

@Inbound()
export class AcmeInbound implements InboundAdapter<AcmeConfig> {
  readonly manifest = acmeManifest;

  /** The secret itself, in a header. */
  verify(request: RawRequest, config: AcmeConfig): Verdict {
    const given = request.headers['x-acme-secret'];
    if (given === undefined) return refuse('missing', 'acme.secret_missing');
    return sameText(given, config.secret) ? accept(request) : refuse('mismatch', 'acme.secret_wrong');
  }

  parse({ body }: VerifiedRequest): ParsedInbound {
    return { events: [readAcme(body)], skipped: [], parseMode: 'strict' };
  }

  acknowledge({ result }: Acknowledgement): HttpReply {
    return { status: STATUS[result] };
  }
}
