/**
 * Parameters for `unnest($1::uuid[], …)`: arrays in PostgreSQL's binary form. A driver would write them as text, escaped
 * character by character, which the server would read in the same way. Null elements are allowed everywhere.
 *
 * The parameter must be cast to exactly the type of the function (`$1::timestamptz[]`), for its bytes fit no other.
 * PostgreSQL refuses text with NUL, and a half of a surrogate pair arrives as U+FFFD.
 */

type Elements<T> = readonly (T | null)[];

/** How one element is written. */
interface ElementType<T> {
  /** In `pg_type`. */
  readonly oid: number;
  /** At least the bytes that it takes. */
  room(value: T): number;
  /** @returns where it ends. */
  write(value: T, target: Buffer, at: number): number;
}

/** Dimensions, flag for nulls, type of the elements; length and lower bound of the one dimension. */
const HEAD = 20;
/** Of an array without elements, which has no dimension. */
const EMPTY_HEAD = 12;
const LENGTH = 4;

/** Where arrays are put together. UTF-8 is not measured in advance, so that much more room is asked for than is taken. */
const bench = Buffer.allocUnsafeSlow(1_048_576);

function encode<T>(type: ElementType<T>, values: Elements<T>): Buffer {
  let room = HEAD + values.length * LENGTH;
  for (const value of values) if (value !== null) room += type.room(value);
  const target = room > bench.length ? Buffer.allocUnsafeSlow(room) : bench;
  let hasNull = 0;
  let at = HEAD;
  for (const value of values) {
    const start = at + LENGTH;
    const end = value === null ? start : type.write(value, target, start);
    if (value === null) hasNull = 1;
    target.writeInt32BE(value === null ? -1 : end - start, at);
    at = end;
  }
  target.writeInt32BE(values.length > 0 ? 1 : 0, 0);
  target.writeInt32BE(hasNull, 4);
  target.writeInt32BE(type.oid, 8);
  target.writeInt32BE(values.length, 12);
  target.writeInt32BE(1, 16);
  return Buffer.from(target.subarray(0, values.length > 0 ? at : EMPTY_HEAD));
}

const UUID_BYTES = 16;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const uuid: ElementType<string> = {
  oid: 2950,
  room: () => UUID_BYTES,
  write(value, target, at) {
    if (!UUID.test(value)) throw new TypeError('Not a UUID.');
    let next = at;
    for (let i = 0; i < value.length; i += 2) {
      if (value.charCodeAt(i) === DASH) i++;
      target[next++] = (digitAt(value, i) << 4) | digitAt(value, i + 1);
    }
    return next;
  },
};

const DASH = 45;

/** `0` to `9` end in their value; `a` to `f`, in either case, in 1 to 6. */
function digitAt(value: string, i: number): number {
  const code = value.charCodeAt(i);
  return (code & 15) + (code > 57 ? 9 : 0);
}

/** A code unit takes three bytes of UTF-8 at most. */
const TEXT_ROOM = 3;

const text: ElementType<string> = {
  oid: 25,
  room: (value) => value.length * TEXT_ROOM,
  write: (value, target, at) => at + target.write(value, at),
};

const JSONB_VERSION = 1;

const jsonb: ElementType<string> = {
  oid: 3802,
  room: (value) => 1 + value.length * TEXT_ROOM,
  write(value, target, at) {
    target[at] = JSONB_VERSION;
    return at + 1 + target.write(value, at + 1);
  },
};

const json: ElementType<string> = { ...text, oid: 114 };

const bytea: ElementType<Uint8Array> = {
  oid: 17,
  room: ({ length }) => length,
  write(value, target, at) {
    target.set(value, at);
    return at + value.length;
  },
};

/** 2000-01-01, from which PostgreSQL counts microseconds. */
const EPOCH_MS = Date.UTC(2000, 0);

const timestamptz: ElementType<Date> = {
  oid: 1184,
  room: () => 8,
  write: (value, target, at) => target.writeBigInt64BE(BigInt(value.getTime() - EPOCH_MS) * 1000n, at),
};

const int4: ElementType<number> = {
  oid: 23,
  room: () => 4,
  write: (value, target, at) => target.writeInt32BE(value, at),
};

const int2: ElementType<number> = {
  oid: 21,
  room: () => 2,
  write: (value, target, at) => target.writeInt16BE(value, at),
};

/** `uuid[]`, of ids in their usual form with dashes. @throws {TypeError} for anything else. */
export const uuidArray = (values: Elements<string>): Buffer => encode(uuid, values);

/** `text[]` */
export const textArray = (values: Elements<string>): Buffer => encode(text, values);

/** `jsonb[]`, of JSON texts. */
export const jsonbArray = (values: Elements<string>): Buffer => encode(jsonb, values);

/** `json[]`, of JSON texts. */
export const jsonArray = (values: Elements<string>): Buffer => encode(json, values);

/** `bytea[]` */
export const byteaArray = (values: Elements<Uint8Array>): Buffer => encode(bytea, values);

/** `timestamptz[]`, to the millisecond. @throws {RangeError} for an invalid date. */
export const timestamptzArray = (values: Elements<Date>): Buffer => encode(timestamptz, values);

/** `int4[]`. @throws {RangeError} for what does not fit in. */
export const int4Array = (values: Elements<number>): Buffer => encode(int4, values);

/** `int2[]`. @throws {RangeError} for what does not fit in. */
export const int2Array = (values: Elements<number>): Buffer => encode(int2, values);
