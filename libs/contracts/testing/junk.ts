import type { RawRequest } from '@bellhop/contracts';

/** Bodies that no vendor sends, each with a name. `limit`: bytes that the adapter can meet. */
export function junkBodies(limit: number): [name: string, body: Buffer][] {
  const repeat = (text: string): string => text.repeat(Math.floor(limit / Buffer.byteLength(text)));
  const nested = (open: string, close: string, depth: number): string => open.repeat(depth) + close.repeat(depth);
  const texts: Record<string, string> = {
    'an empty body': '',
    blanks: repeat(' '),
    'a lone byte order mark': '\uFEFF',
    'a scalar': '42',
    null: 'null',
    'a string': '"text"',
    'a list of lists': '[[[]]]',
    'lists without end': repeat('['),
    'objects without end': repeat('{"a":'),
    'a deep list': nested('[', ']', Math.min(limit >> 1, 5000)),
    'a deep object': `${'{"messages":'.repeat(3000)}1${'}'.repeat(3000)}`.slice(0, limit),
    'trailing commas': repeat(', '),
    'a huge string': `{"message":"${'x'.repeat(limit - 14)}"}`,
    'a huge number': `{"user":{"user_id":1e400},"web_token":${'9'.repeat(2000)}}`,
    'keys of the prototype':
      '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"toString":1}',
    'lone surrogates': String.raw`{"web_token":"\ud800","notification":{"type":"im","message":"\udfff"},"messages":[{"type":"message","data":{"content":"\ud83d"}}]}`,
    'NUL characters': String.raw`{"web_token":"\u0000","notification":{"type":"im","message":"\u0000"},"messages":[]}`,
    'raw NUL bytes': '\0'.repeat(100),
    'a form': 'a=1&a=2&%=%ZZ&&=&b[c]=d',
    'a form of separators': repeat('&'),
    'elements without end': repeat('<x>'),
    'a document type': '<!DOCTYPE x [<!ENTITY a "b">]><xml>&a;</xml>',
    'an unclosed CDATA section': `<xml><![CDATA[${' '.repeat(Math.min(limit - 14, 100_000))}`,
  };
  const bytes: [string, Buffer][] = [
    ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0xf0, 0x28, 0x8c, 0xbc])],
    ['random bytes', randomBytes(4096)],
  ];
  return [...Object.entries(texts).map(([name, text]): [string, Buffer] => [name, Buffer.from(text)]), ...bytes];
}

/** Bytes that look random and are the same in every run. */
function randomBytes(length: number): Buffer {
  let state = 1;
  return Buffer.from(Array.from({ length }, () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 24));
}

const ODD_TEXTS = [
  '',
  ' ',
  '\0',
  '\ud800',
  '__proto__',
  '-1',
  '1e309',
  'NaN',
  '../..',
  '<b>&#x110000;',
  'é'.repeat(600),
];
const ODD_VALUES: readonly unknown[] = [null, true, 0, -1.5, 2 ** 60, [], {}, [[{}]], { toString: null }, ...ODD_TEXTS];

/** Variations of a request: cut short, bits turned, and each value that it holds replaced by odd ones. */
export function* mutationsOf(request: RawRequest): Generator<RawRequest> {
  for (const body of bodyMutations(request)) yield { ...request, body: Buffer.from(body) };
  for (const group of ['query', 'headers'] as const) {
    for (const name of Object.keys(request[group])) {
      for (const text of ODD_TEXTS) yield { ...request, [group]: { ...request[group], [name]: text } };
    }
  }
}

function* bodyMutations({ body, headers }: RawRequest): Generator<string | Buffer> {
  const step = Math.ceil(body.length / 24);
  for (let at = 0; at < body.length; at += step) {
    yield body.subarray(0, at);
    yield Buffer.concat([body.subarray(0, at), body.subarray(at + 1)]);
    yield Buffer.from(body.map((byte, index) => (index === at ? byte ^ 0x41 : byte)));
  }
  if (headers['content-type']?.includes('urlencoded')) yield* formMutations(body.toString());
  const value = readJson(body);
  if (value !== undefined) for (const mutant of replaceEach(value)) yield JSON.stringify(mutant);
}

function* formMutations(form: string): Generator<string> {
  for (const name of new URLSearchParams(form).keys()) {
    for (const text of ODD_TEXTS) {
      const fields = new URLSearchParams(form);
      fields.set(name, text);
      yield fields.toString();
    }
  }
}

function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

/** The value with, in turn, each part of it replaced by each odd value. */
function* replaceEach(value: unknown): Generator {
  yield* ODD_VALUES;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      for (const odd of replaceEach(item)) yield value.with(index, odd);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      for (const odd of replaceEach(member)) yield { ...value, [name]: odd };
      yield Object.fromEntries(Object.entries(value).filter(([other]) => other !== name));
    }
  }
}
