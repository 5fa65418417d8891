import type { Answer, Wire } from './wire.js';

/** A generated request, with what its answer may be. */
export interface Generated extends Wire {
  /** For figures: who is called, and what is wrong. */
  readonly kind: string;
  /** @returns what is wrong with the answer; undefined when nothing is. */
  judge(answer: Answer): string | undefined;
  /** What is kept as raw bytes when the request is taken. */
  readonly keeps?: Buffer;
}

export type Headers = readonly (readonly [name: string, value: string])[];

/** A request as bytes; nothing is escaped or checked. */
export function bytesOf(method: string, target: string, headers: Headers, body: Buffer): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, 'latin1'), body]);
}

/** What a header can carry: no line breaks, one byte for each character. */
export const headerText = (text: string): string =>
  // eslint-disable-next-line no-control-regex -- control characters are what is taken out
  Buffer.from(text.replaceAll(/[\u0000-\u001f\u007f]/g, ''))
    .toString('latin1')
    .trim();

/** Statuses with which Node itself answers what is no HTTP. */
const OF_NODE = new Set([400, 408, 413, 417, 431]);

/** An answer of Node itself: nothing of ours has seen the request. */
export const isOfNode = ({ status, headers, body }: Answer): boolean =>
  OF_NODE.has(status) && body.length === 0 && !headers.has('x-request-id');

/** A problem document under its own status and request id. */
export function isProblem({ status, headers, body, headOnly }: Answer): boolean {
  if (!headers.get('content-type')?.startsWith('application/problem+json')) return false;
  if (headOnly) return true;
  const problem = parsed(body) as { status?: unknown; code?: unknown; type?: unknown; instance?: unknown } | undefined;
  return (
    problem?.status === status &&
    typeof problem.code === 'string' &&
    problem.type === `urn:bellhop:problem:${problem.code}` &&
    problem.instance === headers.get('x-request-id')
  );
}

export function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    return undefined;
  }
}

/** For findings: the beginning of what was sent and of what came back. */
export const excerpt = (bytes: Buffer): string => bytes.toString('latin1', 0, 400);
