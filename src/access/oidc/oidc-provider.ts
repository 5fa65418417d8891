import { AppError, NotFoundError } from '@bellhop/contracts';
import { Injectable, Logger } from '@nestjs/common';
import type { ClientAuth, Configuration } from 'openid-client';
import { Environment } from '../../platform/env.js';
import type { OidcFlow } from './oidc-flow.js';
import { type Claims, hasClaim } from './oidc-person.js';

type Library = typeof import('openid-client');

const TIMEOUT_SECONDS = 10;
/** How far the clock of the provider may be from ours. */
const TOLERANCE_SECONDS = 30;
export const CALLBACK_PATH = '/v1/session/oidc/callback';

/** What the library says when nobody, or nobody sensible, has answered. */
const AWAY = new Set([
  'OAUTH_TIMEOUT',
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_PARSE_ERROR',
]);

interface Opened {
  readonly library: Library;
  readonly configuration: Configuration;
}

/**
 * The OpenID provider of the environment: authorization code with PKCE, state and nonce; the signature of the ID token is
 * checked although it comes over TLS. The library is loaded, and the provider asked for its metadata, at the first use.
 */
@Injectable()
export class OidcProvider {
  private readonly logger = new Logger(OidcProvider.name);
  private opening: Promise<Opened> | undefined;

  constructor(private readonly environment: Environment) {}

  /** @throws {NotFoundError} while no provider is configured. */
  assertOffered(): void {
    if (this.environment.oidcIssuer === undefined) throw new NotFoundError('A provider to sign in with');
  }

  /**
   * Where a browser goes to prove who it is.
   * @throws {NotFoundError} while no provider is configured. @throws {AppError} `auth.provider_away` (503)
   */
  async addressFor({ state, nonce, verifier }: OidcFlow): Promise<string> {
    const { library, configuration } = await this.opened();
    const address = library.buildAuthorizationUrl(configuration, {
      redirect_uri: this.callback.href,
      scope: 'openid email profile',
      state,
      nonce,
      code_challenge: await library.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    return address.href;
  }

  /**
   * Who came back.
   * @param query of the address that the provider sent the browser to.
   * @throws {AppError} `auth.provider_refused` (401), `auth.provider_away` (503)
   */
  async claimsOf(query: string, flow: OidcFlow): Promise<Claims> {
    const opened = await this.opened();
    return this.asked(() => this.exchange(opened, query, flow));
  }

  private async exchange({ library, configuration }: Opened, query: string, flow: OidcFlow): Promise<Claims> {
    const came = this.callback;
    came.search = query;
    const tokens = await library.authorizationCodeGrant(configuration, came, {
      expectedState: flow.state,
      expectedNonce: flow.nonce,
      pkceCodeVerifier: flow.verifier,
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    if (!claims) throw new Error('The answer has no ID token.');
    if (!this.lacks(claims) || !configuration.serverMetadata().userinfo_endpoint) return claims;
    return { ...(await library.fetchUserInfo(configuration, tokens.access_token, claims.sub)), ...claims };
  }

  /** Some providers tell of people in the ID token, some when they are asked. */
  private lacks(claims: Claims): boolean {
    const { oidcRoleClaim } = this.environment;
    return !hasClaim(claims, 'email') || (oidcRoleClaim !== undefined && !hasClaim(claims, oidcRoleClaim));
  }

  private get callback(): URL {
    return new URL(`${this.environment.publicUrl}${CALLBACK_PATH}`);
  }

  private opened(): Promise<Opened> {
    this.opening ??= this.asked(() => this.open());
    this.opening.catch(() => (this.opening = undefined));
    return this.opening;
  }

  private async open(): Promise<Opened> {
    this.assertOffered();
    const { oidcIssuer = '', oidcClientId = '', oidcClientSecret = '' } = this.environment;
    const library = await import('openid-client');
    const issuer = new URL(oidcIssuer);
    const configuration = await library.discovery(
      issuer,
      oidcClientId,
      { [library.clockTolerance]: TOLERANCE_SECONDS },
      authenticationWith(library, oidcClientSecret),
      {
        timeout: TIMEOUT_SECONDS,
        execute: [
          library.enableNonRepudiationChecks,
          ...(issuer.protocol === 'http:' ? [library.allowInsecureRequests] : []),
        ],
      },
    );
    return { library, configuration };
  }

  private async asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof AppError) throw error;
      const away = isAway(error);
      this.logger.warn({ fault: wordOf(error) }, away ? 'The provider does not answer' : 'A sign-in was refused');
      throw away ? AWAY_NOW() : REFUSED();
    }
  }
}

/** As the provider wants it; in the header, unless it only knows the other way. */
function authenticationWith({ ClientSecretBasic, ClientSecretPost }: Library, secret: string): ClientAuth {
  const [basic, post] = [ClientSecretBasic(secret), ClientSecretPost(secret)];
  return (server, ...call) => {
    const { token_endpoint_auth_methods_supported: methods = ['client_secret_basic'] } = server;
    return (methods.includes('client_secret_basic') ? basic : post)(server, ...call);
  };
}

interface Fault {
  readonly code?: string;
  /** What the provider calls it. */
  readonly error?: string;
  readonly status?: number;
}

function isAway(error: unknown): boolean {
  const { code, status } = error as Fault;
  return (
    (error instanceof TypeError && error.message === 'fetch failed') || AWAY.has(code ?? '') || (status ?? 0) >= 500
  );
}

/** Names only: what else a fault carries may hold codes and tokens. */
function wordOf(error: unknown): string {
  const { error: said, code } = error as Fault;
  return (said ?? code ?? (error instanceof Error ? error.name : 'unknown')).slice(0, 100);
}

const REFUSED = (): AppError =>
  new AppError('auth.provider_refused', 401, 'The provider has not proved who you are; begin again.');

const AWAY_NOW = (): AppError =>
  new AppError('auth.provider_away', 503, 'The provider does not answer; try again, or use a password.');
