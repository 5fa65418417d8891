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
import { type Kf5Config, kf5Manifest } from './kf5.manifest.js';
import { readKf5 } from './kf5.wire.js';

/** Unverified: what KF5 counts as received. The empty object suits the `Accept` header that it sends. */
const RECEIVED: HttpReply = { status: 200, headers: { 'content-type': 'application/json' }, body: '{}' };

const REPLIES: Readonly<Record<InboundResult, HttpReply>> = {
  stored: RECEIVED,
  duplicate: RECEIVED,
  malformed: RECEIVED,
  rejected: { status: 400 },
  refused: { status: 401 },
  unavailable: { status: 503 },
};

/** Takes the callbacks of KF5's mobile SDK, which announce a reply and list the devices to tell. */
@Inbound()
@Injectable()
export class Kf5Inbound implements InboundAdapter<Kf5Config> {
  readonly manifest = kf5Manifest;

  /** KF5 signs nothing: the secret in the address, which the core checks, is the whole proof. */
  verify(request: RawRequest): Verdict {
    return accept(request);
  }

  parse(request: VerifiedRequest, config: Kf5Config): ParsedInbound {
    return readKf5(request.body, config.dedupeWindowMs);
  }

  acknowledge({ result }: Acknowledgement): HttpReply {
    return REPLIES[result];
  }
}
