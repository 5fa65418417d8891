import { randomUUID } from 'node:crypto';
import { ApiEnvironment, readSettings } from './environment.js';
import { CommandFailure, type Io, printable } from './io.js';

/** Longest a call may take, in milliseconds: a cancel or a large redrive works for a while. */
const DEADLINE_MS = 120_000;
const PAGE = 200;

interface Problem {
  readonly code?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
}

/** A view as its reader gets it: moments are text. */
export type Wire<T> = T extends Date ? string : T extends object ? { [K in keyof T]: Wire<T[K]> } : T;

interface Page<T> {
  readonly data: readonly T[];
  readonly nextCursor: string | null;
}

/** The HTTP API of a running platform, as the key of BELLHOP_API_KEY may use it. */
export class ApiClient {
  private readonly environment: ApiEnvironment;

  /** @throws {EnvironmentInvalidError} when BELLHOP_URL or BELLHOP_API_KEY are missing or malformed. */
  constructor({ env }: Io) {
    this.environment = readSettings(ApiEnvironment, env);
  }

  /** @throws {CommandFailure} with the words of the refusal. */
  async call<T>(method: string, path: string, body?: unknown): Promise<Wire<T>> {
    const { url, apiKey } = this.environment;
    const reply = await fetch(url + path, {
      method,
      // The key goes to the address that was given, and nowhere else.
      redirect: 'error',
      signal: AbortSignal.timeout(DEADLINE_MS),
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(method !== 'GET' && { 'idempotency-key': randomUUID() }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }).catch((error: Error) => {
      throw new CommandFailure(`${url} cannot be reached: ${reasonOf(error)}.`);
    });
    const text = await reply.text();
    if (!reply.ok) throw new CommandFailure(refusalOf(reply.status, text));
    return parse(text) as Wire<T>;
  }

  /** Rows of a list, newest first, page by page. */
  async list<T>(path: string, query: Readonly<Record<string, string | undefined>>, most: number): Promise<Wire<T>[]> {
    const rows: Wire<T>[] = [];
    let cursor: string | null | undefined;
    do {
      const limit = String(Math.min(PAGE, most - rows.length));
      const page = await this.call<Page<T>>('GET', addressOf(path, { ...query, limit, cursor: cursor ?? undefined }));
      rows.push(...page.data);
      cursor = page.nextCursor;
    } while (cursor && rows.length < most);
    return rows;
  }
}

/** A path with the parameters that are set. */
export function addressOf(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const set = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return set.length > 0 ? `${path}?${new URLSearchParams(set).toString()}` : path;
}

/** Why a call got no answer. */
export function reasonOf(error: Error): string {
  const { code, message } = (error.cause ?? {}) as { code?: string; message?: string };
  return code ?? message ?? (error.name === 'TimeoutError' ? 'no answer in time' : error.message);
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    throw new CommandFailure('The answer is no JSON. Does BELLHOP_URL name Bellhop itself?');
  }
}

function refusalOf(status: number, text: string): string {
  let problem: Problem = {};
  try {
    problem = JSON.parse(text) as Problem;
  } catch {
    // A proxy in between answers in words of its own.
  }
  const { code, detail, errors = [] } = problem;
  const lines = [`${status} ${code ?? ''} ${detail ?? ''}`.trim()];
  return [...lines, ...errors.map(({ field, message }) => `  ${field} ${message}`)].map(printable).join('\n');
}
