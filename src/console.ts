import type { ExpressAdapter } from '@nestjs/platform-express';
import type { Request, Response } from 'express';
import type { ServerResponse } from 'node:http';
import path from 'node:path';
import type { Environment } from './platform/env.js';

const PREFIX = '/console';

/** Beside the sources, and beside the build. */
const FOLDER = path.join(import.meta.dirname, '..', 'console');

/** Only what lies in the folder runs, and only the API is called; nothing is framed, and no form goes anywhere. */
const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': [
    `default-src 'none'`,
    `script-src 'self'`,
    `style-src 'self'`,
    `connect-src 'self'`,
    `img-src 'self'`,
    `form-action 'none'`,
    `frame-ancestors 'none'`,
    `base-uri 'none'`,
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  // Asked for each time, and not sent again unless it has changed: no page of the release before.
  'Cache-Control': 'no-cache',
};

/**
 * Serves the operators' console. It is static, needs no key and knows nothing: what it shows, it asks the API for, with the
 * session of who looks. What is not there is answered by the API, 404.
 */
export function setUpConsole(adapter: ExpressAdapter, { oidcIssuer }: Environment): void {
  adapter.get(`${PREFIX}/settings.json`, (_request: Request, response: Response) => {
    setHeaders(response);
    response.json({ provider: oidcIssuer !== undefined });
  });
  adapter.useStaticAssets(FOLDER, { prefix: PREFIX, setHeaders });
}

function setHeaders(response: ServerResponse): void {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
}
