import type { SendOutcome } from '@bellhop/contracts';
import { executed } from '@bellhop/contracts/testing';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { signedAddress } from './udesk.api.js';
import { type CallFacts, outcomeOfSwitch, readReply, readSwitch } from './udesk.outcomes.js';
import { signCall, signCustomer, signedParameters } from './udesk.signature.js';
import { type SwitchBody, switchCall } from './udesk.switch.js';

interface Vector {
  readonly id: string;
  readonly input: Readonly<Record<string, string>>;
  readonly expect: Readonly<Record<string, unknown>>;
}

const file = path.join(import.meta.dirname, '../fixtures/vectors.json');
const { outbound } = JSON.parse(readFileSync(file, 'utf8')) as { outbound: Vector[] };

const access = {
  baseUrl: 'https://demo.udesk.cn',
  email: 'admin@example.com',
  apiToken: '5f6a7b8c-9d0e-4f1a-8b2c-3d4e5f607182',
};
const stamp = { timestamp: '1768464000', nonce: '2d931510-d99f-494a-8c67-87feb05e1594' };
const facts: CallFacts = { repeatable: true, secrets: [], now: new Date() };

/** Our reasons in the words of the file. */
const ERROR_CODES: Readonly<Record<string, string>> = {
  'customer.invalid': 'udesk.customer_invalid',
  'credentials.refused': 'udesk.auth_failed',
  'identity.exactly_one': 'udesk.exactly_one_identity',
};

function wordsOf(outcome: SendOutcome): object {
  if (outcome.kind === 'accepted') return { ok: true };
  const retryable = ['transient', 'throttled', 'unknown'].includes(outcome.kind);
  const errorCode = ERROR_CODES[outcome.reason];
  return { ok: false, retryable, ...(errorCode && { errorCode }) };
}

function signature({
  email = '',
  open_api_token: apiToken = '',
  timestamp = '',
  nonce = '',
  sign_version,
}: Vector['input']) {
  const credentials = { email, apiToken };
  const version = sign_version === 'v2' ? 'v2' : 'v1';
  const parameters = signedParameters(credentials, { timestamp, nonce }, version);
  return {
    sign: signCall(credentials, { timestamp, nonce }, version),
    query: String(new URLSearchParams(parameters)),
    ...(version === 'v2' && { signString: [email, apiToken, timestamp, nonce, 'v2'].join('&') }),
  };
}

function request(input: { readonly body: SwitchBody }) {
  const call = switchCall(input.body);
  if ('kind' in call) throw new Error(call.reason);
  const { url } = signedAddress(access, call, stamp);
  return { method: call.method, url, headers: { 'content-type': 'application/json' }, json: call.body };
}

/** What is said of an answer to "turn it on"; a customer who is off by wish is asked for with `wanted` false. */
function answer(input: { readonly http: number; readonly json: { readonly status_code?: unknown } | null }) {
  const reply = readReply({ status: input.http, body: JSON.stringify(input.json) }, facts);
  const state = reply.ok ? readSwitch(reply.fields) : undefined;
  return { ...wordsOf(outcomeOfSwitch(reply, state !== 'off')), ...(state !== 'invalid' && state && { state }) };
}

function plugin({
  im_user_key = '',
  web_token = '',
  nonce = '',
  timestamp = '',
  encryption_algorithm,
}: Vector['input']) {
  const algorithm = encryption_algorithm === 'SHA256' ? 'SHA256' : 'SHA1';
  const { signature } = signCustomer(im_user_key, { webToken: web_token, nonce, timestamp }, algorithm);
  const signString = `nonce=${nonce}&timestamp=${timestamp}&web_token=${web_token}&${im_user_key}`;
  return { signature, ...(algorithm === 'SHA1' && { signString }) };
}

/** How each vector is executed; what it comes to is compared with `expect`. */
const EXECUTED: Readonly<Record<string, (vector: Vector) => object>> = {
  'UDESK-OUT-01': ({ input }) => {
    const { sign, signString } = signature(input);
    return { sign, signString };
  },
  'UDESK-OUT-02': ({ input }) => request(input as never),
  'UDESK-OUT-03': ({ input, expect: expected }) => {
    const { sign, query } = signature(input);
    const { queryContains } = expected as { queryContains: string };
    return { sign, ...(query.includes(queryContains) && { queryContains }) };
  },
  'UDESK-OUT-04': ({ input }) => ({ sign: signature(input).sign }),
  'UDESK-OUT-05': ({ input }) => ({ sign: signature(input).sign }),
  'UDESK-OUT-12': ({ input }) => {
    const [none, two] = (input as unknown as { bodies: SwitchBody[] }).bodies.map((body) => switchCall(body));
    expect(two).toEqual(none);
    return wordsOf(none as SendOutcome);
  },
  'UDESK-WEB-01': ({ input }) => plugin(input),
  'UDESK-WEB-02': ({ input }) => plugin(input),
};
const ANSWERS = new Set(['06', '07', '08', '09', '10', '11'].map((number) => `UDESK-OUT-${number}`));
/** Needs a server: executed in the specification of the channel, which takes its input from here. */
const AT_THE_SIMULATOR = new Set(['UDESK-OUT-13']);

describe('udesk vectors of calls', () => {
  const here = outbound.filter(({ id }) => !AT_THE_SIMULATOR.has(id));

  it('are all executed', () => {
    const ways = [...Object.keys(EXECUTED), ...ANSWERS, ...AT_THE_SIMULATOR];
    expect(outbound).toHaveLength(15);
    expect(ways.toSorted()).toEqual(outbound.map(({ id }) => id).toSorted());
  });

  it.each(here.map((vector) => [vector.id, vector] as const))('%s', (id, vector) => {
    const outcome = ANSWERS.has(id) ? answer(vector.input as never) : EXECUTED[id]!(vector);
    expect(outcome).toEqual(vector.expect);
    executed('udesk/vectors.json', id);
  });
});
