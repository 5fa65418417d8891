import {
  accept,
  type Acknowledgement,
  type HttpReply,
  Inbound,
  type InboundAdapter,
  type InboundResult,
  type ParsedInbound,
  type RawRequest,
  type Verdict,
  type VerifiedRequest,
} from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { type UdeskConfig, udeskManifest } from './udesk.manifest.js';
import { readUdesk } from './udesk.wire.js';

/** 200 with an empty body within 10 s; anything else is sent again. Source: doc/im.md, the sibling callback's rule. */
const RECEIVED: HttpReply = { status: 200, body: '' };

const REPLIES: Readonly<Record<InboundResult, HttpReply>> = {
  stored: RECEIVED,
  duplicate: RECEIVED,
  malformed: RECEIVED,
  rejected: { status: 400 },
  refused: { status: 401 },
  unavailable: { status: 503 },
};

/** Takes what staff and robots wrote while the customer's chat page was in the background. */
@Inbound()
@Injectable()
export class UdeskInbound implements InboundAdapter<UdeskConfig> {
  readonly manifest = udeskManifest;

  /** Udesk signs nothing: the secret in the address, which the core checks, is the whole proof. */
  verify(request: RawRequest): Verdict {
    return accept(request);
  }

  parse(request: VerifiedRequest): ParsedInbound {
    return readUdesk(request.body);
  }

  acknowledge({ result }: Acknowledgement): HttpReply {
    return REPLIES[result];
  }
}
