import { LinksService } from '../../src/access/operators/links.service.js';
import type { OperatorRole } from '../../src/access/operators/roles.js';
import { OperatorsService } from '../../src/access/operators/operators.service.js';
import type { ApiReply, TestPlatform } from './app.js';

export const PASSWORD = 'correct horse battery staple';

/** What a browser says of itself with a call of the console's own origin. */
const OWN_ORIGIN = { 'sec-fetch-site': 'same-origin', 'bellhop-csrf': '1' };

export interface Visit {
  readonly body?: unknown;
  /** Public id of the app that the call is for. */
  readonly app?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Keeps the cookie of a person, as a browser would. */
export class Browser {
  cookie = '';
  /** As the last reply set it. */
  setCookie: string | null = null;

  constructor(private readonly platform: TestPlatform) {}

  /** What it sends along with every call. */
  get headers(): Record<string, string> {
    return { ...OWN_ORIGIN, ...(this.cookie && { cookie: this.cookie }) };
  }

  async call<T = Record<string, unknown>>(method: string, path: string, visit: Visit = {}): Promise<ApiReply<T>> {
    const { body, app, headers } = visit;
    const reply = await this.platform.request<T>(method, path, {
      body,
      headers: { ...this.headers, ...(app && { 'bellhop-app': app }), ...headers },
    });
    this.setCookie = reply.headers.get('set-cookie');
    if (this.setCookie) this.cookie = this.setCookie.split(';', 1)[0] ?? '';
    return reply;
  }

  signIn(email: string, password = PASSWORD): Promise<ApiReply<{ code?: string }>> {
    return this.call('POST', '/v1/session', { body: { email, password } });
  }
}

export const tokenIn = (url: string): string => url.split('/').at(-1) ?? '';

/** The first admin of a platform, signed in. */
export async function firstAdmin(platform: TestPlatform, email = 'root@example.com'): Promise<Browser> {
  const { url } = await platform.app.get(LinksService).issue(null);
  const browser = new Browser(platform);
  const body = { token: tokenIn(url), password: PASSWORD, email, name: 'Root' };
  const reply = await browser.call('POST', '/v1/session/link', { body });
  if (reply.status !== 201) throw new Error(`The first admin was refused: ${JSON.stringify(reply.body)}`);
  return browser;
}

let people = 0;

/** Somebody with a role, signed in. @param appId UUID; null: in every app */
export async function somebody(platform: TestPlatform, role: OperatorRole, appId: string | null): Promise<Browser> {
  const email = `${role}-${++people}@example.com`;
  const roles = [{ role, appId }];
  const { link } = await platform.app.get(OperatorsService).invite({ email, name: role, roles });
  const browser = new Browser(platform);
  const body = { token: tokenIn(link.url), password: PASSWORD };
  const reply = await browser.call('POST', '/v1/session/link', { body });
  if (reply.status !== 201) throw new Error(`Somebody was refused: ${JSON.stringify(reply.body)}`);
  return browser;
}
