/** Calls of the API, with the session of the cookie. The shapes are those of /docs; what the console does not read is left out. */

/** @typedef {{ readonly field: string, readonly message: string }} FieldIssue `field` is a JSON Pointer. */
/**
 * A reply of 400 and above (RFC 9457).
 * @typedef {{ readonly title: string, readonly status: number, readonly code: string, readonly detail?: string,
 *   readonly errors?: readonly FieldIssue[] }} Problem
 */
/** @typedef {{ readonly role: string, readonly appId: string | null }} Role `appId` null: in every app. */
/** @typedef {{ readonly email: string, readonly name: string, readonly roles: readonly Role[] }} Session */
/** @typedef {{ readonly id: string, readonly name: string }} App */
/** @typedef {{ readonly title?: string, readonly body?: string }} Copy */
/**
 * @typedef {{ readonly id: string, readonly source: string, readonly category: string, readonly state: string,
 *   readonly content: { readonly copy?: { readonly default?: Copy } }, readonly startsAt: string | null,
 *   readonly pausedAt: string | null, readonly targets: number, readonly pending: number, readonly createdAt: string }} Notification
 */
/** @typedef {Readonly<Record<string, number>>} Counts */
/** @typedef {Notification & { readonly counts: { readonly byState: Counts, readonly byReason: Counts } }} CountedNotification */
/**
 * @typedef {{ readonly id: string, readonly kind: string | null, readonly state: string, readonly reason: string | null,
 *   readonly receivedAt: string }} VendorEvent
 */
/**
 * @typedef {{ readonly at: string, readonly stage: string, readonly text: string, readonly subject: string,
 *   readonly state?: string }} TraceStep
 */
/**
 * @typedef {{ readonly eventIds: readonly string[], readonly notificationIds: readonly string[],
 *   readonly steps: readonly TraceStep[], readonly omitted: number }} Trace
 */
/**
 * @typedef {{ readonly id: string, readonly gateway: string, readonly platform: string, readonly tokenTail: string,
 *   readonly state: string, readonly stateReason: string | null, readonly lastSeenAt: string }} Device
 */
/**
 * @typedef {{ readonly pushEnabled: boolean, readonly dndStart: string | null, readonly dndEnd: string | null,
 *   readonly dndTimeZone: string | null, readonly optedOut: readonly string[] }} Preferences
 */
/**
 * @template T
 * @typedef {{ readonly data: readonly T[], readonly nextCursor: string | null }} Page
 */

/** A call that was refused, or that nobody answered. */
export class Refusal extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
  }
}

/** Whether a call failed because nobody is signed in any more. @param {unknown} error */
export const isSignedOut = (error) =>
  error instanceof Refusal && ['auth.session_ended', 'auth.key_missing'].includes(error.problem.code);

/** @typedef {{ readonly app?: string, readonly body?: object, readonly signal?: AbortSignal }} CallOptions */

/**
 * @param {string} method
 * @param {string} path from `/v1` on
 * @param {CallOptions} [options] `app`: id of the app that the call is about.
 * @returns {Promise<unknown>} the body; undefined when there is none. Callers say what shape it has.
 * @throws {Refusal}
 */
export async function call(method, path, { app, body, signal } = {}) {
  const headers = {
    Accept: 'application/json',
    'Bellhop-Csrf': '1',
    ...(app !== undefined && { 'Bellhop-App': app }),
    ...(body && { 'Content-Type': 'application/json' }),
  };
  const response = await answered(path, { method, headers, signal, ...(body && { body: JSON.stringify(body) }) });
  if (response.ok) return response.status === 204 ? undefined : response.json();
  throw new Refusal(await problemIn(response));
}

/**
 * @param {string} path
 * @param {RequestInit} init
 */
async function answered(path, init) {
  try {
    return await fetch(path, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    const detail = 'Bellhop does not answer. Are you online?';
    throw new Refusal({ title: 'No answer', status: 0, code: 'console.no_answer', detail });
  }
}

/**
 * What stands between us and the API may answer in other words.
 * @param {Response} response
 * @returns {Promise<Problem>}
 */
async function problemIn(response) {
  const type = response.headers.get('content-type') ?? '';
  if (type.startsWith('application/problem+json')) return response.json();
  return { title: `The answer was ${response.status}`, status: response.status, code: 'console.no_problem' };
}
