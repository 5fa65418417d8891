import { escapePointer, type FieldIssue, isRecord, parseJson } from '@bellhop/contracts';

/** Members of `option` that a message may set. Source: message and custom notification, "option". */
const SWITCHES = [
  'push',
  'badge',
  'needPushNick',
  'route',
  'roam',
  'history',
  'sendersync',
  'persistent',
  'sessionUpdate',
] as const;

/** The addressed account is the team `tid`: one message, which its members get. */
export interface NimTeam {
  readonly tid: string;
  readonly forcePushAll?: boolean;
  /** At most 100 members. */
  readonly forcePushList?: readonly string[];
  /** At most 500 characters. */
  readonly forcePushContent?: string;
}

/** `vendorOptions.nim` of a message. */
export interface NimOptions {
  /** Further keys of the push payload; they win over those made from the message. */
  readonly payload: Readonly<Record<string, unknown>>;
  /** Content of a custom notification, as JSON text. Absent: made from the message. */
  readonly attach?: string;
  /** 1: for clients that are online only. 2: stored. */
  readonly save?: 1 | 2;
  /** Text that people whose do-not-disturb is overridden get. At most 500 characters. */
  readonly forcePushContent?: string;
  readonly team?: NimTeam;
  /** Those that are set; the others stay as NIM has them. */
  readonly switches: Readonly<Partial<Record<(typeof SWITCHES)[number], boolean>>>;
}

export const OPTIONS_AT = '/content/vendorOptions/nim';
export const MAX_COPY = 500;
const MAX_ACCOUNT = 32;
const MAX_FORCED = 100;
const KNOWN = new Set<string>(['payload', 'attach', 'save', 'forcePushContent', 'team', ...SWITCHES]);
const KNOWN_OF_TEAM = new Set(['tid', 'forcePushAll', 'forcePushList', 'forcePushContent']);

/** Validates the options of a message; what is not valid is left out. */
export function readOptions(value: unknown = {}): { readonly options: NimOptions; readonly issues: FieldIssue[] } {
  const reader = new Reader(value, OPTIONS_AT, KNOWN);
  const options = {
    payload: reader.object('payload') ?? {},
    attach: reader.json('attach'),
    save: reader.oneOf('save', [1, 2] as const),
    forcePushContent: reader.text('forcePushContent', MAX_COPY),
    team: reader.has('team') ? readTeam(reader) : undefined,
    switches: reader.flags(SWITCHES),
  };
  return { options, issues: reader.issues };
}

function readTeam(parent: Reader): NimTeam | undefined {
  const reader = new Reader(parent.raw('team'), `${OPTIONS_AT}/team`, KNOWN_OF_TEAM, parent.issues);
  const tid = reader.text('tid', MAX_ACCOUNT);
  if (!tid && !reader.failed('tid')) reader.complain('tid', 'is required');
  return {
    tid: tid ?? '',
    forcePushAll: reader.flags(['forcePushAll'] as const).forcePushAll,
    forcePushList: reader.accounts('forcePushList', MAX_FORCED),
    forcePushContent: reader.text('forcePushContent', MAX_COPY),
  };
}

/** Reads one object and notes what is wrong with it. */
class Reader {
  private readonly source: Readonly<Record<string, unknown>>;

  constructor(
    value: unknown,
    private readonly at: string,
    known: ReadonlySet<string>,
    readonly issues: FieldIssue[] = [],
  ) {
    this.source = isRecord(value) ? value : {};
    if (!isRecord(value)) issues.push({ field: at, message: 'must be an object' });
    for (const name of Object.keys(this.source)) {
      if (!known.has(name)) this.complain(name, 'is not a known field');
    }
  }

  has(name: string): boolean {
    return this.source[name] !== undefined;
  }

  raw(name: string): unknown {
    return this.source[name];
  }

  failed(name: string): boolean {
    return this.issues.some(({ field }) => field === `${this.at}/${name}`);
  }

  complain(name: string, message: string): undefined {
    this.issues.push({ field: `${this.at}/${escapePointer(name)}`, message });
  }

  text(name: string, most: number): string | undefined {
    const value = this.source[name];
    if (value === undefined) return undefined;
    const fits = typeof value === 'string' && value !== '' && value.length <= most;
    return fits ? value : this.complain(name, `must be a text of 1 to ${most} characters`);
  }

  oneOf<T>(name: string, allowed: readonly T[]): T | undefined {
    const value = this.source[name];
    if (value === undefined) return undefined;
    return allowed.find((each) => each === value) ?? this.complain(name, `must be ${allowed.join(' or ')}`);
  }

  /** An object, or JSON text of one. */
  object(name: string): Readonly<Record<string, unknown>> | undefined {
    const value = this.source[name];
    if (value === undefined) return undefined;
    const read = typeof value === 'string' ? parseJson(value) : value;
    return isRecord(read) ? read : this.complain(name, 'must be an object, or JSON text of one');
  }

  /** JSON text, or an object that becomes one. */
  json(name: string): string | undefined {
    const value = this.source[name];
    if (value === undefined) return undefined;
    if (typeof value === 'string' && parseJson(value) !== undefined) return value;
    return isRecord(value) ? JSON.stringify(value) : this.complain(name, 'must be an object, or JSON text');
  }

  accounts(name: string, most: number): readonly string[] | undefined {
    const value = this.source[name];
    if (value === undefined) return undefined;
    const fits = Array.isArray(value) && value.length > 0 && value.length <= most && value.every(isAccount);
    return fits ? value : this.complain(name, `must be 1 to ${most} accounts`);
  }

  flags<K extends string>(names: readonly K[]): Partial<Record<K, boolean>> {
    const given = names.filter((name) => this.has(name));
    for (const name of given) if (typeof this.source[name] !== 'boolean') this.complain(name, 'must be true or false');
    const entries = given.map((name) => [name, this.source[name]]);
    return Object.fromEntries(entries) as Partial<Record<K, boolean>>;
  }
}

/** True for what NIM takes as an account or team id. */
export function isAccount(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_ACCOUNT;
}
