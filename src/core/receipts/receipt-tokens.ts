import { dashed } from '../../platform/ids.js';
import { RECEIPT_LENGTH } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { type Signer, Vault } from '../../platform/vault.js';

const ID_BYTES = 16;
const SIGNATURE_BYTES = 16;
const TOKEN = new RegExp(`^[A-Za-z0-9_-]{${RECEIPT_LENGTH}}$`);

/** What a receipt is for. UUIDs. */
export interface ReceiptSubject {
  readonly appId: string;
  readonly deliveryId: string;
}

/**
 * The token that every push carries and that comes back with a receipt: base64url of app, delivery and signature.
 * 48 bytes are 64 characters without padding, so that a token has one spelling only.
 */
@Injectable()
export class ReceiptTokens {
  private readonly signer: Signer;

  constructor(vault: Vault) {
    this.signer = vault.signer('receipt', SIGNATURE_BYTES);
  }

  issue(appId: string, deliveryId: string): string {
    const ids = Buffer.from(`${appId}${deliveryId}`.replaceAll('-', ''), 'hex');
    return Buffer.concat([ids, this.signer.sign(ids)]).toString('base64url');
  }

  /** Undefined for whatever we did not issue. */
  read(token: string): ReceiptSubject | undefined {
    if (!TOKEN.test(token)) return undefined;
    const bytes = Buffer.from(token, 'base64url');
    const ids = bytes.subarray(0, 2 * ID_BYTES);
    if (!this.signer.vouches(ids, bytes.subarray(ids.length))) return undefined;
    return { appId: uuidOf(ids.subarray(0, ID_BYTES)), deliveryId: uuidOf(ids.subarray(ID_BYTES)) };
  }
}

const uuidOf = (bytes: Buffer): string => dashed(bytes.toString('hex'));
