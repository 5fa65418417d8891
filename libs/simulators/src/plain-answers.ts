import type { PlainAnswer } from './plain-endpoint.js';

/** A hand-made answer: JSON with HTTP 200 unless said otherwise. */
export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: object;
  /** Wins over `json`. */
  readonly body?: string;
  readonly delayMs?: number;
}

export function json(body: object, status = 200): PlainAnswer {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(body) };
}

export function scripted({ status = 200, headers, json: fields, body, delayMs }: ScriptedAnswer): PlainAnswer {
  const answer = body === undefined ? json(fields ?? {}, status) : { status, body };
  return { ...answer, headers: { ...answer.headers, ...headers }, ...(delayMs !== undefined && { delayMs }) };
}
