import { executed } from '@bellhop/contracts/testing';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { tokenAddress, unreadAddress } from './echat.api.js';
import { aesKeyOf, encryptEchat, issuePushInfo, openPushInfo, signEchat } from './echat.crypto.js';
import { memberXml } from './echat.meta-data.js';
import { type CallFacts, readReply, readUnread } from './echat.outcomes.js';

type Input = Readonly<Record<string, string>>;

interface Vector {
  readonly id: string;
  readonly input: Input;
  readonly expect: Readonly<Record<string, unknown>>;
}

const file = path.join(import.meta.dirname, '../fixtures/vectors.json');
const { outbound } = JSON.parse(readFileSync(file, 'utf8')) as { outbound: Vector[] };
const facts: CallFacts = { refusal: { kind: 'rejected', reason: 'gateway.refused' }, secrets: [], now: new Date() };

function answer(input: { readonly http: number; readonly json: object }) {
  const reply = readReply({ status: input.http, body: JSON.stringify(input.json) }, facts);
  return reply.ok ? { ok: true, unread: readUnread(reply.fields)?.unread } : { ok: false };
}

/** How each vector is executed; what it comes to is compared with `expect`. */
const EXECUTED: Readonly<Record<string, (input: Input) => object>> = {
  'ECHAT-OUT-01': ({ token = '', timestamp = '', nonce = '' }) => ({ signature: signEchat(token, timestamp, nonce) }),
  'ECHAT-OUT-02': ({ apiServer = '', appId = '', token = '', timestamp = '', nonce = '' }) => ({
    method: 'GET',
    url: tokenAddress({ apiServer, appId, token }, timestamp, nonce),
  }),
  'ECHAT-OUT-03': ({ encodingAesKey = '' }) => {
    const key = aesKeyOf(encodingAesKey);
    return { keyHex: key.toString('hex'), ivHex: key.subarray(0, 16).toString('hex') };
  },
  'ECHAT-OUT-04': ({ encodingAesKey = '', appId = '', random16 = '', plaintext = '' }) => {
    expect(memberXml('user_10086')).toBe(plaintext);
    return { base64: encryptEchat(encodingAesKey, appId, plaintext, Buffer.from(random16)) };
  },
  'ECHAT-OUT-05': ({ key = '', sourceId = '', userId = '' }) => {
    const pushInfo = issuePushInfo(key, sourceId, userId);
    return { pushInfo, length: pushInfo.length };
  },
  'ECHAT-OUT-06': ({ key = '', sourceId = '', pushInfo = '' }) => {
    const resolved = openPushInfo(key, sourceId, pushInfo) ?? null;
    return { resolved, errorCode: resolved ?? 'echat.push_info_untrusted' };
  },
  'ECHAT-OUT-07': ({ companyId = '', metaData = '' }) => ({
    method: 'GET',
    url: unreadAddress('https://eapi.echatsoft.com', companyId, { metaData }),
  }),
  'ECHAT-OUT-08': (input) => answer(input as never),
  'ECHAT-OUT-09': (input) => answer(input as never),
};

describe('echat vectors of values and calls', () => {
  it('are all executed', () => {
    expect(outbound).toHaveLength(9);
    expect(Object.keys(EXECUTED).toSorted()).toEqual(outbound.map(({ id }) => id).toSorted());
  });

  it.each(outbound.map((vector) => [vector.id, vector] as const))('%s', (id, vector) => {
    expect(EXECUTED[id]!(vector.input)).toEqual(vector.expect);
    executed('echat/vectors.json', id);
  });
});
