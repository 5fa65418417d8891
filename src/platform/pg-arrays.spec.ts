import { Client } from 'pg';
import { freshDatabase, type FreshDatabase } from '../../test/support/postgres.js';
import {
  byteaArray,
  int2Array,
  int4Array,
  jsonArray,
  jsonbArray,
  textArray,
  timestamptzArray,
  uuidArray,
} from './pg-arrays.js';

const UUID = '019a8f3b-2c4d-7e5f-a0b1-c2d3e4f50617';

const TEXTS = [
  '',
  ' ',
  'NULL',
  'null',
  '{}',
  '"',
  '\\',
  "'",
  ',',
  'a,b',
  '{"a"}',
  '\n\r\t\u0001',
  '客服小王',
  '👩‍👧',
  '\uFEFF',
];
const LONG = ['x'.repeat(100_000), '微'.repeat(100_000), '👩'.repeat(300_000)];
const JSONS = ['{}', 'null', '"a\\"b\\\\"', '[1,{"a":null}]', `{"text":${JSON.stringify(LONG[1])}}`];

describe('binary arrays', () => {
  let database: FreshDatabase;
  let client: Client;

  beforeAll(async () => {
    database = await freshDatabase();
    client = new Client({ connectionString: database.url });
    await client.connect();
  });
  afterAll(async () => {
    await client?.end();
    await database?.drop();
  });

  /** The elements as PostgreSQL sees them, one by one. */
  async function elements(type: string, array: Buffer): Promise<unknown[]> {
    const { rows } = await client.query<{ it: unknown }>(`SELECT it FROM unnest($1::${type}[]) AS of (it)`, [array]);
    return rows.map(({ it }) => it);
  }

  it.each<[type: string, encode: (values: never[]) => Buffer, values: unknown[]]>([
    ['uuid', uuidArray, [UUID, '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']],
    ['text', textArray, [...TEXTS, ...LONG]],
    ['int', int4Array, [0, 1, -1, 2_147_483_647, -2_147_483_648]],
    ['smallint', int2Array, [0, 1, -1, 32_767, -32_768]],
    ['bytea', byteaArray, [Buffer.alloc(0), Buffer.from([0, 255, 92]), Buffer.alloc(300_000, 7)]],
    [
      'timestamptz',
      timestamptzArray,
      ['1970-01-01', '1999-12-31T23:59:59.999Z', '2026-11-21T16:22:05.968Z', '0001-01-01', '9999-12-31'].map(
        (text) => new Date(text),
      ),
    ],
  ])('of %s come out as they went in, nulls among them', async (type, encode, values) => {
    const mixed = [null, ...values, null, ...values];
    expect(await elements(type, encode(mixed as never[]))).toEqual(mixed);
    expect(await elements(type, encode([]))).toEqual([]);
    expect(await elements(type, encode([null as never]))).toEqual([null]);
  });

  it.each([
    ['json', jsonArray],
    ['jsonb', jsonbArray],
  ])('of %s hold documents', async (type, encode) => {
    const mixed = [...JSONS, null];
    const { rows } = await client.query<{ it: string | null }>(
      `SELECT it::text FROM unnest($1::${type}[]) AS of (it)`,
      [encode(mixed)],
    );
    expect(rows.map(({ it }) => (it === null ? null : (JSON.parse(it) as unknown)))).toEqual(
      mixed.map((text) => (text === null ? null : (JSON.parse(text) as unknown))),
    );
  });

  it('stay as they are while others are made', async () => {
    const first = textArray(['first']);
    textArray(['second']);
    expect(await elements('text', first)).toEqual(['first']);
  });

  it('take a UUID in capitals, and a half of a surrogate pair as the sign for nothing', async () => {
    expect(await elements('uuid', uuidArray([UUID.toUpperCase()]))).toEqual([UUID]);
    expect(await elements('text', textArray(['a\uD83D', '\uDC69b']))).toEqual(['a\uFFFD', '\uFFFDb']);
  });

  it.each(['', 'evt_019a8f3b2c4d7e5fa0b1c2d3e4f50617', UUID.replaceAll('-', ''), `${UUID} `, UUID.replace('a', 'g')])(
    'hold no %p as a UUID',
    (value) => {
      expect(() => uuidArray([value])).toThrow(TypeError);
    },
  );

  it('hold no date that is none, and no number that is too large', () => {
    expect(() => timestamptzArray([new Date(Number.NaN)])).toThrow(RangeError);
    expect(() => int2Array([32_768])).toThrow(RangeError);
    expect(() => int4Array([2_147_483_648])).toThrow(RangeError);
  });

  it('leave it to PostgreSQL to refuse what it does not take', async () => {
    await expect(elements('text', textArray(['a\0b']))).rejects.toThrow(/invalid byte sequence/);
    await expect(elements('jsonb', jsonbArray(['{']))).rejects.toThrow(/invalid input syntax for type json/);
    await expect(elements('timestamptz', timestamptzArray([new Date(8.64e15)]))).resolves.toHaveLength(1);
    await expect(elements('int', textArray(['1']))).rejects.toThrow(/element type/);
  });
});
