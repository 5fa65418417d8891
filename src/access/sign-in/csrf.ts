import { AppError } from '@bellhop/contracts';
import type { Request } from 'express';

/** Name of the header that an unsafe call with a session must have; its value does not matter. */
const CSRF_HEADER = 'Bellhop-Csrf';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses unsafe calls that another site may have made a browser send.
 *
 * A header of our own and Fetch Metadata, not a double-submitted token: a form cannot set a header, a script of another
 * origin can do so only after a preflight that nothing here grants, and there is no token to leak, to renew or to plant
 * from a sibling domain. Sibling domains, which `SameSite` lets pass, say `Sec-Fetch-Site: same-site` and are refused;
 * a browser too old for that header is asked for its Origin.
 * @throws {AppError} `auth.cross_site`
 */
export function assertSameSite(request: Request): void {
  if (SAFE.has(request.method)) return;
  const site = request.get('sec-fetch-site');
  const own = site === undefined ? isOwnOrigin(request) : site === 'same-origin';
  if (own && request.get(CSRF_HEADER)) return;
  throw new AppError(
    'auth.cross_site',
    403,
    `Calls with a session come from the console's own origin, with the header ${CSRF_HEADER}.`,
  );
}

/** Programs that are no browser send none, and hold no cookie of somebody else. */
function isOwnOrigin(request: Request): boolean {
  const origin = request.get('origin');
  return origin === undefined || URL.parse(origin)?.host === request.get('host');
}
