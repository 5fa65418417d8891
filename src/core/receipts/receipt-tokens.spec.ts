import { RECEIPT_LENGTH } from '@bellhop/contracts';
import { newId } from '../../platform/ids.js';
import { Vault } from '../../platform/vault.js';
import { ReceiptTokens } from './receipt-tokens.js';

const ring = (byte: number) => new Vault([{ id: 'test', bytes: Buffer.alloc(32, byte) }]);
const tokens = new ReceiptTokens(ring(7));
const appId = newId();
const deliveryId = newId();
const token = tokens.issue(appId, deliveryId);
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

describe('receipt tokens', () => {
  it('name the app and the delivery, and are of one length', () => {
    expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(token).toHaveLength(RECEIPT_LENGTH);
    expect(tokens.read(token)).toEqual({ appId, deliveryId });
    const zero = '00000000-0000-0000-0000-000000000000';
    const full = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
    expect(tokens.read(tokens.issue(zero, full))).toEqual({ appId: zero, deliveryId: full });
  });

  it('are the same on every attempt', () => {
    expect(tokens.issue(appId, deliveryId)).toBe(token);
    expect(tokens.issue(appId, newId())).not.toBe(token);
  });

  it('are refused with any character changed', () => {
    let tried = 0;
    for (let i = 0; i < token.length; i++) {
      for (const other of ALPHABET) {
        if (other === token[i]) continue;
        expect(tokens.read(token.slice(0, i) + other + token.slice(i + 1))).toBeUndefined();
        tried++;
      }
    }
    expect(tried).toBe(RECEIPT_LENGTH * (ALPHABET.length - 1));
  });

  it.each([
    ['nothing', ''],
    ['a part', token.slice(0, -1)],
    ['a part that ends between bytes', token.slice(0, -4)],
    ['more', `${token}A`],
    ['padding', `${token.slice(0, -1)}=`],
    ['the other alphabet', token.replace(/[A-Za-z0-9]/, '+')],
    ['a line break', `${token}\n`],
    ['letters beyond ASCII', token.replace(/.$/, 'é')],
    ['zeroes', 'A'.repeat(RECEIPT_LENGTH)],
  ])('are refused with %s', (_name, wrong) => {
    expect(tokens.read(wrong)).toBeUndefined();
  });

  it('of another installation are refused', () => {
    expect(tokens.read(new ReceiptTokens(ring(8)).issue(appId, deliveryId))).toBeUndefined();
  });

  it('cannot be put together from two of them', () => {
    const other = tokens.issue(appId, newId());
    const bytes = Buffer.from(token, 'base64url');
    const mixed = Buffer.concat([bytes.subarray(0, 32), Buffer.from(other, 'base64url').subarray(32)]);
    expect(tokens.read(mixed.toString('base64url'))).toBeUndefined();
  });
});
