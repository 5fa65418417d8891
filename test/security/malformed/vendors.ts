import { readdirSync, readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { echatPush } from '@bellhop/simulators';
import type { Random } from '../../chaos/stage/random.js';
import type { Answer } from './wire.js';

type Pairs = readonly (readonly [name: string, value: string])[];

/** A body as a vendor sends it, with what goes along with it. */
export interface Specimen {
  /** Of the fixture. */
  readonly name: string;
  /** Below the address of the integration. */
  readonly path: string;
  readonly contentType: string;
  readonly body: Buffer;
}

/** A request to the address of an integration. Names may come twice. */
export interface Callback {
  readonly method: string;
  readonly path: string;
  readonly query: Pairs;
  readonly headers: Pairs;
  readonly body: Buffer;
  /** What an adapter that decrypts keeps in place of the body. */
  readonly clear?: Buffer;
}

export interface Vendor {
  /** For figures. */
  readonly name: string;
  readonly plugin: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly specimens: readonly Specimen[];
  /** Names of the query and of the headers that prove a callback; none where the address alone does. */
  readonly proof: readonly string[];
  /** Bodies are encrypted. */
  readonly isOpaque?: boolean;
  sign(random: Random, specimen: Specimen): Callback;
  /** Whether the vendor's sheet knows such an answer. */
  prescribes(answer: Answer): boolean;
}

const fixture = (file: string): string => path.resolve('libs/vendors', file);
const hex = (algorithm: string, ...parts: (string | Buffer)[]): string => {
  const digest = createHash(algorithm);
  for (const part of parts) digest.update(part);
  return digest.digest('hex');
};

/** The files of a folder that hold nothing but a body. */
function bodies(folder: string, contentType: string, wanted: RegExp): Specimen[] {
  const files = readdirSync(fixture(folder)).filter((file) => wanted.test(file));
  return files.map((file) => ({
    name: file,
    path: '',
    contentType,
    body: readFileSync(path.join(fixture(folder), file)),
  }));
}

interface Entry {
  readonly id: string;
  readonly path?: string;
  readonly bodyRaw: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The entries of a file that lists requests. */
function entries(file: string, list: 'cases' | 'requests'): Specimen[] {
  const { [list]: all } = JSON.parse(readFileSync(fixture(file), 'utf8')) as Record<typeof list, Entry[]>;
  return all.map(({ id, path: below = '', bodyRaw, headers = {} }) => ({
    name: id,
    path: below.replace(/^\//, ''),
    contentType: headers['Content-Type'] ?? 'application/json',
    body: Buffer.from(bodyRaw),
  }));
}

const said = ({ body }: Answer): string => body.toString();
const nonce = (random: Random): string => String(random.whole(1, 2 ** 50));
const nowMs = (): string => String(Date.now());
const unsigned = (_random: Random, { path: below, contentType, body }: Specimen): Callback => ({
  method: 'POST',
  path: below,
  query: [],
  headers: [['content-type', contentType]],
  body,
});

const kf5: Vendor = {
  name: 'kf5',
  plugin: 'kf5',
  config: {},
  specimens: bodies('kf5/fixtures', 'application/json', /^(?!vectors).*\.(json|txt)$/),
  proof: [],
  sign: unsigned,
  prescribes: (answer) => (answer.status === 200 ? said(answer) === '{}' : [400, 401, 503].includes(answer.status)),
};

const udesk: Vendor = {
  name: 'udesk',
  plugin: 'udesk',
  config: {},
  specimens: bodies('udesk/fixtures', 'application/json', /^(?!vectors).*\.json$/),
  proof: [],
  sign: unsigned,
  prescribes: (answer) => (answer.status === 200 ? said(answer) === '' : [400, 401, 503].includes(answer.status)),
};

const NIM = { appKey: 'key-of-nim', appSecret: 'secret-of-nim' };
const nim: Vendor = {
  name: 'nim',
  plugin: 'nim',
  config: NIM,
  specimens: entries('nim/fixtures/inbound-copy-events.json', 'cases'),
  proof: ['curtime', 'md5', 'checksum'],
  sign: (_random, specimen) => {
    const curtime = nowMs();
    const md5 = hex('md5', specimen.body);
    const headers: Pairs = [
      ['content-type', specimen.contentType],
      ['appkey', NIM.appKey],
      ['curtime', curtime],
      ['md5', md5],
      ['checksum', hex('sha1', NIM.appSecret, md5, curtime)],
    ];
    return { method: 'POST', path: '', query: [], headers, body: specimen.body };
  },
  prescribes: (answer) => [200, 400, 401, 503].includes(answer.status) && said(answer) === `{"code":${answer.status}}`,
};

const RONGCLOUD = { appKey: 'key-of-rongcloud', appSecret: 'secret-of-rongcloud' };
const rongcloud: Vendor = {
  name: 'rongcloud, callbacks',
  plugin: 'rongcloud',
  config: RONGCLOUD,
  specimens: entries('rongcloud/fixtures/inbound-callbacks.json', 'cases'),
  proof: ['signTimestamp', 'nonce', 'signature'],
  sign: (random, { contentType, body }) => {
    const [once, at] = [nonce(random), nowMs()];
    const query: Pairs = [
      ['signTimestamp', at],
      ['nonce', once],
      ['signature', hex('sha1', RONGCLOUD.appSecret, once, at)],
    ];
    return { method: 'POST', path: '', query, headers: [['content-type', contentType]], body };
  },
  prescribes: (answer) => (answer.status === 200 ? said(answer) === 'ok' : [401, 503].includes(answer.status)),
};

const rongcloudCommands: Vendor = {
  ...rongcloud,
  name: 'rongcloud, commands',
  specimens: entries('rongcloud/fixtures/seed-requests.json', 'requests'),
  proof: ['app-key', 'nonce', 'timestamp', 'signature'],
  sign: (random, { path: below, contentType, body }) => {
    const [once, at] = [nonce(random), nowMs()];
    const headers: Pairs = [
      ['content-type', contentType],
      ['app-key', RONGCLOUD.appKey],
      ['nonce', once],
      ['timestamp', at],
      ['signature', hex('sha1', RONGCLOUD.appSecret, once, at)],
    ];
    return { method: 'POST', path: below, query: [], headers, body };
  },
  // Every answer is an object with a code, but where a changed path makes a callback of it.
  prescribes: (answer) => /^\{"code":\d+[^]*\}$/.test(said(answer)) || rongcloud.prescribes(answer),
};

const ECHAT = { token: 'token-of-echat', appId: 'ECHATAPP0001', encodingAesKey: 'a'.repeat(42) + 'E' };
const pushTypeOf = ({ name }: Specimen): string => /chatSend|msgReply|msgSend/.exec(name)?.[0] ?? 'chatSend';
const echatPrescribes = (answer: Answer): boolean =>
  answer.status === 200 ? /^(success|[^<]{1,512})$/.test(said(answer)) : [400, 401, 503].includes(answer.status);

function echatQuery(random: Random, specimen: Specimen): Pairs {
  const [timestamp, once] = [nowMs(), nonce(random)];
  const signature = hex('sha1', [ECHAT.token, timestamp, once].sort().join(''));
  return Object.entries({
    timestamp,
    nonce: once,
    signature,
    dataType: 'staffPush',
    msgType: pushTypeOf(specimen),
  });
}

const echat: Vendor = {
  name: 'echat, plain',
  plugin: 'echat',
  config: { token: ECHAT.token },
  specimens: bodies('echat/fixtures', 'text/xml; charset=utf-8', /^(?!secure).*\.(xml|txt)$/),
  proof: ['timestamp', 'nonce', 'signature'],
  sign: (random, specimen) => ({
    method: 'POST',
    path: '',
    query: echatQuery(random, specimen),
    headers: [['content-type', specimen.contentType]],
    body: specimen.body,
  }),
  prescribes: echatPrescribes,
};

const echatSecure: Vendor = {
  ...echat,
  name: 'echat, encrypted',
  isOpaque: true,
  config: { ...ECHAT, mode: 'secure' },
  sign: (random, specimen) => {
    const xml = specimen.body.toString();
    const account = { token: ECHAT.token, secure: ECHAT };
    const { body } = echatPush(account, pushTypeOf(specimen), xml, { now: new Date() });
    return { ...echat.sign(random, { ...specimen, body: Buffer.from(body) }), clear: Buffer.from(xml) };
  },
};

/** Every inbound adapter, and every way in which it proves who calls. */
export const VENDORS: readonly Vendor[] = [kf5, udesk, nim, rongcloud, rongcloudCommands, echat, echatSecure];
