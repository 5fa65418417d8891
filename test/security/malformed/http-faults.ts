import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { Random } from '../../chaos/stage/random.js';
import { noise } from './mutations.js';
import { bytesOf, type Headers, headerText } from './request.js';
import { UGLY_TEXTS } from '../ugly.js';
import type { Wire } from './wire.js';

/** A request that would be in order, before something is done to it. */
export interface Draft {
  readonly method: string;
  readonly target: string;
  /** Without those that say how long the body is. */
  readonly headers: Headers;
  readonly body: Buffer;
}

/** As it should be. */
export function whole({ method, target, headers, body }: Draft): Wire {
  const length: Headers = [['content-length', String(body.length)]];
  return { bytes: bytesOf(method, target, [...headers, ...length], body), broken: false };
}

type Fault = (random: Random, draft: Draft) => Wire;

const unfinished =
  (fault: Fault): Fault =>
  (random, draft) => ({ ...fault(random, draft), ends: true });

const broken = (method: string, target: string, headers: Headers, body: Buffer): Wire => ({
  bytes: bytesOf(method, target, headers, body),
  broken: true,
});

const withLength =
  (lengthOf: (random: Random, length: number) => string): Fault =>
  (random, { method, target, headers, body }) =>
    broken(method, target, [...headers, ['content-length', lengthOf(random, body.length)]], body);

const withHeaders =
  (more: (random: Random, draft: Draft) => Headers): Fault =>
  (random, draft) => ({ ...whole({ ...draft, headers: [...draft.headers, ...more(random, draft)] }), broken: true });

const chunk = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);

const PIECE = 7;
const piecesOf = (body: Buffer): Buffer[] =>
  Array.from({ length: Math.ceil(body.length / PIECE) }, (_, i) => body.subarray(i * PIECE, (i + 1) * PIECE));

const chunkedAs =
  (frame: (random: Random, body: Buffer) => Buffer): Fault =>
  (random, { method, target, headers, body }) =>
    broken(method, target, [...headers, ['transfer-encoding', 'chunked']], frame(random, body));

const encodedAs =
  (encoding: string, encode: (body: Buffer) => Buffer): Fault =>
  (_random, { headers, body, ...draft }) => ({
    ...whole({ ...draft, headers: [...headers, ['content-encoding', encoding]], body: encode(body) }),
    broken: true,
  });

const BOMB = Buffer.alloc(20 * 1024 * 1024);

/** Everything that can be wrong with a request before anybody looks at what it says. */
export const HTTP_FAULTS: Readonly<Record<string, Fault>> = {
  'announces more than there is': unfinished(withLength((random, length) => String(length + random.whole(1, 1_000)))),
  'announces less than there is': (random, draft) => {
    const seen = draft.body.subarray(0, random.whole(0, draft.body.length));
    return { ...withLength(() => String(seen.length))(random, draft), body: seen };
  },
  'announces too much': unfinished(withLength((random) => random.pick(['99999999', '4294967296', '9'.repeat(30)]))),
  'announces no number': withLength((random) => random.pick(['-1', '1e3', '0x10', '', '+5', '5 5', '１'])),
  'announces two lengths': withHeaders((_random, { body }) => [['content-length', String(body.length + 1)]]),
  'announces a length and chunks': withHeaders(() => [['transfer-encoding', 'chunked']]),
  'chunks without end': unfinished(chunkedAs((_random, body) => chunk(body))),
  'chunk cut short': unfinished(chunkedAs((random, body) => chunk(body).subarray(0, random.whole(1, body.length + 1)))),
  'chunk of a wrong size': unfinished(
    chunkedAs((random, body) =>
      Buffer.concat([Buffer.from(`${random.pick(['zz', '-1', 'ffffffffffffffff', ''])}\r\n`), body]),
    ),
  ),
  'many small chunks': chunkedAs((_random, body) =>
    Buffer.concat([...piecesOf(body).map(chunk), Buffer.from('0\r\n\r\n')]),
  ),
  'trailers after the chunks': chunkedAs((_random, body) =>
    Buffer.concat([chunk(body), Buffer.from('0\r\nx-trailer: 1\r\nauthorization: Bearer x\r\n\r\n')]),
  ),
  'unknown transfer encoding': withHeaders(() => [['transfer-encoding', 'xchunked']]),
  'header twice': withHeaders((random, { headers }) => [random.pick(headers)]),
  'header without a name': withHeaders(() => [['', 'x']]),
  'header with a blank': withHeaders(() => [['x y', 'z']]),
  'header over two lines': withHeaders(() => [['x-folded', 'a\r\n b']]),
  'header with NUL': withHeaders(() => [['x-nul', 'a\0b']]),
  'header of bytes': withHeaders((random) => [['x-bytes', headerText(noise(random, 40).toString('latin1'))]]),
  'header that is ugly': withHeaders((random) => [['x-request-id', headerText(random.pick(UGLY_TEXTS))]]),
  'header that is long': withHeaders((random) => [['x-long', 'x'.repeat(random.whole(8_000, 20_000))]]),
  'many headers': withHeaders((random) =>
    Array.from({ length: random.whole(90, 2_100) }, (_, i) => [`x-${i}`, '1'] as const),
  ),
  'waits for leave': withHeaders(() => [['expect', '100-continue']]),
  'expects the unknown': withHeaders(() => [['expect', 'coffee']]),
  upgrade: withHeaders(() => [
    ['connection', 'Upgrade'],
    ['upgrade', 'websocket'],
    ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ]),
  'another host': withHeaders((random) => [
    ['host', random.pick(['', 'a b', 'evil.example', '[::1', '127.0.0.1:99999'])],
  ]),
  forwarded: withHeaders((random) => [['x-forwarded-for', headerText(random.pick(UGLY_TEXTS))]]),
  'trace context': withHeaders((random) => [['traceparent', headerText(random.pick(UGLY_TEXTS))]]),
  'gzip that is none': encodedAs('gzip', (body) => body),
  'gzip cut short': encodedAs('gzip', (body) => gzipSync(body).subarray(0, 12)),
  'gzip with a tail': encodedAs('gzip', (body) => Buffer.concat([gzipSync(body), Buffer.from('tail')])),
  'bomb of gzip': encodedAs('gzip', () => GZIP_BOMB),
  'bomb of deflate': encodedAs('deflate', () => DEFLATE_BOMB),
  'bomb of brotli': encodedAs('br', () => BROTLI_BOMB),
  'unknown encoding': encodedAs('zstd, gzip', (body) => body),
  'method in lower case': (_random, draft) => ({ ...whole({ ...draft, method: 'post' }), broken: true }),
  'unknown method': (random, draft) => ({
    ...whole({ ...draft, method: random.pick(['BREW', 'TRACE', 'CONNECT', 'OPTIONS', 'PROPFIND', 'HEAD']) }),
    broken: true,
  }),
  'address with blanks': (_random, draft) => ({ ...whole({ ...draft, target: `${draft.target} x` }), broken: true }),
  'address of another server': (_random, draft) => ({
    ...whole({ ...draft, target: `http://evil.example${draft.target}` }),
    broken: true,
  }),
  'address without a slash': (random, draft) => ({
    ...whole({ ...draft, target: random.pick(['*', '?', '//', draft.target.slice(1), '/%', '\\', '/\u00ff']) }),
    broken: true,
  }),
  'address that is long': (_random, draft) => ({
    ...whole({ ...draft, target: `${draft.target}?${'x'.repeat(20_000)}` }),
    broken: true,
  }),
  'old version': (_random, draft) => ({
    bytes: Buffer.from(whole(draft).bytes.toString('latin1').replace('HTTP/1.1', 'HTTP/1.0'), 'latin1'),
    broken: true,
  }),
  'unknown version': (_random, draft) => ({
    bytes: Buffer.from(whole(draft).bytes.toString('latin1').replace('HTTP/1.1', 'HTTP/9.9'), 'latin1'),
    broken: true,
  }),
  'head cut short': (random, draft) => ({
    bytes: whole(draft).bytes.subarray(0, random.whole(1, 60)),
    broken: true,
    ends: true,
  }),
  'no HTTP at all': (random) => ({ bytes: noise(random, random.whole(1, 400)), broken: true, ends: true }),
  'second request behind it': (_random, draft) => ({
    bytes: Buffer.concat([whole(draft).bytes, Buffer.from('GET /health/live HTTP/1.1\r\nhost: x\r\n\r\nrest')]),
    broken: true,
  }),
};

const GZIP_BOMB = gzipSync(BOMB);
const DEFLATE_BOMB = deflateSync(BOMB);
const BROTLI_BOMB = brotliCompressSync(BOMB);

export const FAULT_NAMES = Object.keys(HTTP_FAULTS);
