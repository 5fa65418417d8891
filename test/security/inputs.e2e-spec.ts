import { PLATFORM_KEY } from '../support/app.js';
import { type Call, callsOn, everyRowOf, FurnishedApp, House, type Route } from './routes.support.js';
import { CONTROL_TEXTS, META_TEXTS } from './ugly.js';

interface Problem {
  readonly code?: string;
  readonly errors?: readonly { readonly field: string }[];
}

/** What rows have and no caller may set, in the spellings of the API, the entities and the tables. */
const INTERNAL = [
  'id',
  'appId',
  'app_id',
  'state',
  'revision',
  'source',
  'eventId',
  'targetCount',
  'pendingCount',
  'plannedUntil',
  'retiredAt',
  'tokenHash',
  'sealedToken',
  'sealedSecrets',
  'urlSecretHash',
  'keyHash',
  'prefix',
  'isPlatform',
  'passwordHash',
  'createdAt',
  'updatedAt',
  'created_at',
];
/** Members whose names are the caller's: their contents are checked by what reads them. */
const FREE = /^\/(config|settings|input)$|\/(extras|vendorOptions|localized|overrides)$/;
const TEXTS = Object.entries({ ...META_TEXTS, ...CONTROL_TEXTS });
/** Of them, how many each input gets; all inputs together get all of them many times. */
const EACH = 6;
/** Calls under way at once. */
const LANES = 8;

type Place = readonly string[];

describe('inputs of every route', () => {
  let house: House;
  let furnished: FurnishedApp;
  let other: FurnishedApp;

  beforeAll(async () => {
    house = await House.open();
    furnished = await FurnishedApp.furnish(house);
    other = await FurnishedApp.furnish(house);
  });
  afterAll(() => house?.close());

  const rowsOf = ({ app }: FurnishedApp): Promise<string> => everyRowOf(house.platform.sql, app.id);
  const withBody = (): { route: Route; call: Call & { body: object } }[] =>
    house.routes.flatMap((route) => {
      const call = callsOn(furnished)[route.id];
      return call?.body && route.operation.requestBody ? { route, call: { ...call, body: call.body } } : [];
    });
  const keyFor = ({ scope }: Route): string => (scope === 'platform' ? PLATFORM_KEY : furnished.app.key);

  /** A body as text, for what no object of ours can hold. */
  async function raw(route: Route, call: Call, body: string): Promise<{ status: number; problem: Problem }> {
    const reply = await fetch(house.platform.url + furnished.address(route, call), {
      method: route.method,
      headers: { authorization: `Bearer ${keyFor(route)}`, 'content-type': 'application/json' },
      body,
    });
    return { status: reply.status, problem: (await reply.json()) as Problem };
  }

  it('take nothing that only the platform may set, on any level', async () => {
    const [before, foreign] = [await rowsOf(furnished), await rowsOf(other)];
    let calls = 0;
    for (const { route, call } of withBody()) {
      const schema = JSON.stringify(route.operation.requestBody);
      for (const at of objectsIn(call.body)) {
        const place = at.map((name) => `/${name}`).join('');
        if (FREE.test(place)) continue;
        for (const name of INTERNAL) {
          if (name in (partAt(call.body, at) as object) || mayHave(house, schema, name)) continue;
          const body = withPart(call.body, [...at, name], other.app.id);
          const { status, body: problem } = await furnished.call<Problem>(route, { ...call, body });
          const fields = (problem.errors ?? []).map(({ field }) => field);
          expect([route.id, status, fields]).toEqual([route.id, 400, expect.arrayContaining([`${place}/${name}`])]);
          calls++;
        }
      }
    }
    expect(calls).toBeGreaterThan(500);
    expect([await rowsOf(furnished), await rowsOf(other)]).toEqual([before, foreign]);
  });

  it('cannot reach the prototype of anything', async () => {
    const before = await rowsOf(furnished);
    const evil = '{"polluted":true,"scopes":["admin"],"appId":"x"}';
    for (const { route, call } of withBody()) {
      const members = JSON.stringify(call.body).slice(1, -1);
      for (const text of [
        `{${members ? `${members},` : ''}"__proto__":${evil}}`,
        `{${members ? `${members},` : ''}"constructor":{"prototype":${evil}}}`,
        `{"__proto__":{${members}}}`,
        `{"__proto__":null,"hasOwnProperty":1,"toString":1,"toJSON":1,"valueOf":1,"then":1}`,
      ]) {
        const { status, problem } = await raw(route, call, text);
        expect([route.id, text, status, problem.code]).toEqual([route.id, text, 400, 'request.invalid']);
      }
    }
    expect([({} as Problem & { polluted?: true }).polluted, Object.keys(Object.prototype)]).toEqual([undefined, []]);
    expect(await rowsOf(furnished)).toBe(before);
  });

  it('may mean anything to a database, a file system, a shell or a page', async () => {
    const tables = await tableCount(house);
    const foreign = await rowsOf(other);
    const inputs = house.routes.filter(({ scope }) => scope).flatMap((route) => inputsOf(route, callsOn(furnished)));
    const jobs = inputs.flatMap((input, i) =>
      Array.from({ length: EACH }, (_, turn) => ({ input, text: TEXTS[(i * EACH + turn) % TEXTS.length] ?? ['', ''] })),
    );
    expect(inputs.length).toBeGreaterThan(150);
    const faults: unknown[] = [];
    const left = jobs.values();
    const lane = async (): Promise<void> => {
      for (const { input, text } of left) {
        const [name, value] = text;
        const { route, where } = input;
        const started = performance.now();
        const reply = await ask(furnished, keyFor(route), input, value);
        const said = JSON.stringify(reply.body);
        const wrong =
          reply.status >= 500 ||
          (reply.status >= 400 && reply.headers.get('content-type') !== 'application/problem+json') ||
          /syntax error|relation "|pg_|ENOENT|root:x|QueryFailed|node:internal/.test(
            said.replaceAll(jsonOf(value), ''),
          ) ||
          performance.now() - started > 10_000;
        if (wrong) faults.push([route.id, where, name, reply.status, said.slice(0, 300)]);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    expect(faults).toEqual([]);
    expect([await tableCount(house), await rowsOf(other)]).toEqual([tables, foreign]);
  });
});

const jsonOf = (text: string): string => JSON.stringify(text).slice(1, -1);

async function tableCount({ platform }: House): Promise<unknown> {
  return platform.sql.query(`SELECT count(*)::int AS count FROM pg_class WHERE relkind IN ('r', 'p', 'i')`);
}

/** Whether a schema, or one that it leads to, has such a member. */
function mayHave({ document }: House, schema: string, name: string): boolean {
  const known = new Set<string>();
  const visit = (text: string): boolean => {
    if (text.includes(`"${name}":`)) return true;
    const refs = [...text.matchAll(/#\/components\/schemas\/(\w+)/g)].flatMap(([, ref = '']) => ref);
    return refs.some((ref) => {
      if (known.has(ref)) return false;
      known.add(ref);
      return visit(JSON.stringify(document.components?.schemas?.[ref] ?? {}));
    });
  };
  return visit(schema);
}

/** The ways to every object in a value, its own included; not those within lists. */
function objectsIn(value: unknown, at: Place = []): Place[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return [at, ...Object.entries(value).flatMap(([name, part]) => objectsIn(part, [...at, name]))];
}

/** The ways to every text in a value. */
function textsIn(value: unknown, at: Place = []): Place[] {
  if (typeof value === 'string') return [at];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, part]) => textsIn(part, [...at, name]));
}

const partAt = (value: unknown, at: Place): unknown =>
  at.reduce((part, name) => (part as Record<string, unknown>)[name], value);

function withPart(value: unknown, [name, ...rest]: Place, part: unknown): object {
  if (name === undefined) return part as object;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }) as Record<string, unknown>;
  copy[name] = rest.length > 0 ? withPart(copy[name], rest, part) : part;
  return copy;
}

/** Somewhere in a call where a text of the caller stands. */
interface Input {
  readonly route: Route;
  readonly call: Call;
  /** For messages. */
  readonly where: string;
  readonly in: 'path' | 'query' | 'body';
  readonly place: Place;
}

function inputsOf(route: Route, calls: Readonly<Record<string, Call>>): Input[] {
  const call = calls[route.id] ?? {};
  const parameters = (route.operation.parameters ?? []) as readonly { in: string; name: string }[];
  const named = parameters
    .filter((one) => one.in === 'path' || one.in === 'query')
    .map((one): Input => ({ route, call, where: `${one.in} ${one.name}`, in: one.in as 'path', place: [one.name] }));
  const members = textsIn(call.body).map((place): Input => ({
    route,
    call,
    where: `/${place.join('/')}`,
    in: 'body',
    place,
  }));
  return [...named, ...members];
}

function ask(app: FurnishedApp, key: string, { route, call, in: part, place }: Input, text: string) {
  const [name = ''] = place;
  if (part === 'body') return app.call<Problem>(route, { ...call, body: withPart(call.body, place, text) }, key);
  if (part === 'path') return app.call<Problem>(route, { ...call, names: { ...call.names, [name]: text } }, key);
  const query = new URLSearchParams(call.query);
  query.set(name, text);
  return app.call<Problem>(route, { ...call, query: query.toString() }, key);
}
