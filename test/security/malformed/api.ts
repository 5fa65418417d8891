import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Random } from '../../chaos/stage/random.js';
import { UGLY_TEXTS } from '../ugly.js';
import { FAULT_NAMES, HTTP_FAULTS, whole } from './http-faults.js';
import { anyJson, anyText, mutateBytes, mutateJson } from './mutations.js';
import type { Names } from './names.js';
import { type Generated, type Headers, headerText, isOfNode, isProblem, parsed } from './request.js';
import { type Schema, type Schemas, valueOf } from './schema.js';
import type { Answer, Wire } from './wire.js';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema?: Schema;
}

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly 'x-scope'?: string;
  readonly 'x-session'?: boolean;
}

export interface Route {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Schemas };
}

/** The committed document. */
const document = JSON.parse(readFileSync(path.resolve('openapi.json'), 'utf8')) as Document;
const { schemas } = document.components;

/** Every route but the addresses of vendors, which have their own requests. */
const ROUTES: readonly Route[] = Object.entries(document.paths)
  .filter(([address]) => !address.startsWith('/v1/inbound/'))
  .flatMap(([address, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      id: operation.operationId,
      method: method.toUpperCase(),
      path: address,
      operation,
    })),
  );

/** What calls are made with. */
export interface Credentials {
  readonly app: string;
  readonly otherApp: string;
  readonly platform: string;
  /** `name=value` of the cookie of a person who has signed in. */
  readonly cookie: string;
}

/** What a browser says of a call of the console itself. */
export const OWN_ORIGIN: Headers = [
  ['bellhop-csrf', '1'],
  ['sec-fetch-site', 'same-origin'],
];

/** Each of these costs the server an argon2: a few of them say as much as many. */
const DEAR = new Set(['signIn', 'redeemLink', 'changePassword']);
const DEAR_SHARE = 0.1;
/** Would end the session that others need. */
const ENDS_SESSION = new Set(['signOut']);

/** What a call says, before it is written down. */
interface Call {
  readonly method: string;
  readonly target: string;
  readonly headers: Headers;
  readonly body: Buffer;
}

type Spoil = (random: Random, call: Call, route: Route, caller: ApiCaller) => Call;

const spoilBody: Spoil = (random, call, { operation }) => {
  const schema = operation.requestBody?.content['application/json']?.schema;
  const value = schema ? valueOf(random, schema, schemas) : {};
  const mutant = random.next() < 0.85 ? mutateJson(random, value) : anyJson(random);
  return { ...call, body: Buffer.from(JSON.stringify(mutant) ?? '') };
};

const damageBody: Spoil = (random, call) => ({ ...call, body: mutateBytes(random, call.body) });

const NEST = 20_000;
const nestBody: Spoil = (random, call) => {
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"content":', '}'],
    ['{"audience":{"allOf":', '}}'],
  ]);
  const depth = random.whole(10, NEST / (open ?? '').length);
  return { ...call, body: Buffer.from(`${open?.repeat(depth)}1${close?.repeat(depth)}`) };
};

/** Names twice, as lists, as objects, and names that nobody knows. */
const spoilQuery: Spoil = (random, call, { operation }) => {
  const known = (operation.parameters ?? []).filter((one) => one.in === 'query');
  const pairs = Array.from({ length: random.whole(1, 3) }, () => {
    const name = known.length > 0 && random.next() < 0.8 ? random.pick(known).name : anyText(random);
    const spelt = random.pick([name, name, `${name}[]`, `${name}[a]`, `${name}[__proto__]`]);
    return `${encodeURIComponent(spelt.toWellFormed())}=${encodeURIComponent(anyText(random).toWellFormed())}`;
  });
  const raw = random.pick(['', '', '&%', '&%ff', '&=', '&a%5B', '&'.repeat(50)]);
  return { ...call, target: `${call.target}?${pairs.join('&')}${raw}` };
};

/** Something ugly in place of one part of the path. */
const spoilPath: Spoil = (random, call) => {
  const parts = call.target.split('/');
  const text = random.next() < 0.8 ? encodeURIComponent(anyText(random).toWellFormed()) : random.pick(RAW_PARTS);
  return { ...call, target: parts.with(random.whole(1, parts.length - 1), text.slice(0, 3_000)).join('/') };
};

const RAW_PARTS = ['%', '%00', '%ff', '%E0%A4%A', '..', '.', '', '%2e%2e', '%2f', ';a=b', '%5c', '\\'];

const spoilHeaders: Spoil = (random, call) => {
  const text = headerText(random.pick(UGLY_TEXTS));
  const [name, value] = random.pick([
    ['authorization', `Bearer ${text}`],
    ['authorization', text],
    ['idempotency-key', text],
    ['idempotency-key', 'x'.repeat(300)],
    ['x-request-id', text],
    ['content-type', text],
    [
      'content-type',
      random.pick([
        'text/plain',
        'application/xml',
        'multipart/form-data; boundary=x',
        'application/json; charset=utf-7',
      ]),
    ],
    ['content-encoding', text],
    ['accept', text],
    ['accept-language', text],
    ['cookie', `bellhop_session=${text}; ${text}`],
    ['bellhop-app', text],
    ['origin', text],
    ['if-none-match', text],
    ['range', 'bytes=0-,1-,2-'],
  ] as const);
  return { ...call, headers: [...call.headers.filter(([own]) => own !== name), [name, value]] };
};

const stranger: Spoil = (random, call, _route, { credentials }) => {
  const bearer = random.pick([
    credentials.otherApp,
    'bh_unknown',
    `${credentials.app}x`,
    credentials.app.slice(0, -1),
    '',
  ]);
  const authorization = ['authorization', `Bearer ${bearer}`] as const;
  return { ...call, headers: [...call.headers.filter(([name]) => name !== 'authorization'), authorization] };
};

const SPOILS: Readonly<Record<string, Spoil>> = {
  query: spoilQuery,
  path: spoilPath,
  headers: spoilHeaders,
  'somebody else': stranger,
};
const BODY_SPOILS: Readonly<Record<string, Spoil>> = {
  'contents of the body': spoilBody,
  'bytes of the body': damageBody,
  'depth of the body': nestBody,
};

/** Calls of the API: every route alike, as an owner of the keys would make them, each with something wrong. */
export class ApiCaller {
  constructor(
    readonly credentials: Credentials,
    private readonly names: Names,
  ) {}

  request(random: Random): Generated {
    const route = this.route(random);
    const call = this.call(random, route);
    const roll = random.next();
    if (roll < 1 / 10) return this.faulty(random, route, call);
    const spoils = route.operation.requestBody && roll < 0.75 ? BODY_SPOILS : SPOILS;
    const kind = random.pick(Object.keys(spoils));
    return generated(kind, whole((spoils[kind] as Spoil)(random, call, route, this)));
  }

  private route(random: Random): Route {
    const route = random.pick(ROUTES);
    return DEAR.has(route.id) && random.next() >= DEAR_SHARE ? this.route(random) : route;
  }

  private faulty(random: Random, _route: Route, call: Call): Generated {
    const fault = random.pick(FAULT_NAMES);
    return generated('HTTP', (HTTP_FAULTS[fault] as (typeof HTTP_FAULTS)[string])(random, call));
  }

  /** In order, as far as the document tells. */
  private call(random: Random, { id, method, path: address, operation }: Route): Call {
    const schema = operation.requestBody?.content['application/json']?.schema;
    const body = Buffer.from(schema ? (JSON.stringify(valueOf(random, schema, schemas)) ?? '') : '');
    const target = address.replaceAll(/\{(\w+)\}/g, (_, name: string) => this.names.pick(random, name));
    const key = random.next() < 0.3 ? [['idempotency-key', `key-${random.whole(0, 999)}`] as const] : [];
    const json = schema ? [['content-type', 'application/json'] as const] : [];
    const headers = [['host', 'push.example.com'] as const, ...this.proof(id, operation), ...json, ...key];
    return { method, target, headers, body };
  }

  private proof(id: string, operation: Operation): Headers {
    const { platform, app, cookie } = this.credentials;
    if (operation['x-session'] && !ENDS_SESSION.has(id)) {
      return [['cookie', cookie], ...OWN_ORIGIN];
    }
    return [...OWN_ORIGIN, ['authorization', `Bearer ${operation['x-scope'] === 'platform' ? platform : app}`]];
  }
}

const generated = (kind: string, wire: Wire): Generated => ({
  ...wire,
  kind: `API: ${kind}`,
  judge: (answer) => judge(answer, wire.broken),
});

function judge(answer: Answer, broken: boolean): string | undefined {
  const { status } = answer;
  if (broken && (status === 0 || isOfNode(answer))) return undefined;
  if (status >= 400)
    return isProblem(answer) || isReadiness(answer) ? undefined : 'a refusal that is no problem document';
  return status === 0 ? 'no answer' : undefined;
}

/** Probes read another format. */
const isReadiness = ({ status, body }: Answer): boolean =>
  status === 503 && (parsed(body) as { status?: unknown } | undefined)?.status === 'error';
