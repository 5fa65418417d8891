import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Claims = Readonly<Record<string, unknown>>;

interface Grant {
  readonly challenge: string;
  readonly redirectUri: string;
  readonly nonce: string;
  readonly claims: Claims;
}

export const CLIENT = { id: 'bellhop', secret: 'secret-of-the-client+/=' };

/** An OpenID provider on loopback that lets everybody in without a question. It refuses what a real one would. */
export class TestOidcProvider {
  /** Of the person who signs in next. */
  claims: Claims = {};
  /** Over what an ID token says. */
  forged: Claims = {};
  /** Signs the next ID tokens instead of its own key. */
  forgedKey: KeyObject | undefined;
  /** What it says instead of a code. */
  refusal: string | undefined;
  /** Tells of people only when it is asked (`/userinfo`). */
  terse = false;
  authentication: 'client_secret_basic' | 'client_secret_post' = 'client_secret_basic';
  /** Answers with this status, whatever is asked. */
  broken: number | undefined;
  /** Ways that were asked for, in order. */
  readonly asked: string[] = [];

  private readonly grants = new Map<string, Grant>();
  private readonly tokens = new Map<string, Claims>();
  private readonly keys = generateKeyPairSync('rsa', { modulusLength: 2048 });

  private constructor(
    private readonly server: Server,
    readonly issuer: string,
  ) {}

  static async start(): Promise<TestOidcProvider> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const provider = new TestOidcProvider(server, `http://127.0.0.1:${port}`);
    server.on('request', (request, response) => void provider.answer(request, response));
    return provider;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** As at the start: honest, and knowing nobody. */
  reset(): void {
    [this.claims, this.forged, this.forgedKey, this.refusal, this.broken] = [{}, {}, undefined, undefined, undefined];
    [this.terse, this.authentication] = [false, 'client_secret_basic'];
    this.asked.length = 0;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.issuer);
    this.asked.push(url.pathname);
    if (this.broken !== undefined) return void response.writeHead(this.broken).end();
    let text = '';
    for await (const part of request) text += String(part);
    const routes: Readonly<Record<string, () => void>> = {
      '/.well-known/openid-configuration': () => json(response, 200, this.metadata()),
      '/jwks': () =>
        json(response, 200, { keys: [{ ...this.keys.publicKey.export({ format: 'jwk' }), kid: 'k', use: 'sig' }] }),
      '/authorize': () => this.authorize(url.searchParams, response),
      '/token': () => this.token(new URLSearchParams(text), request.headers.authorization, response),
      '/userinfo': () => this.userInfo(request.headers.authorization ?? '', response),
    };
    (routes[url.pathname] ?? (() => json(response, 404, {})))();
  }

  private metadata(): object {
    const { issuer } = this;
    return {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      userinfo_endpoint: `${issuer}/userinfo`,
      jwks_uri: `${issuer}/jwks`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: [this.authentication],
      authorization_response_iss_parameter_supported: true,
    };
  }

  private authorize(asked: URLSearchParams, response: ServerResponse): void {
    const of = (name: string): string => asked.get(name) ?? '';
    const fits =
      of('client_id') === CLIENT.id &&
      of('response_type') === 'code' &&
      of('code_challenge_method') === 'S256' &&
      of('scope').split(' ').includes('openid');
    if (!fits) return json(response, 400, { error: 'invalid_request' });
    const back = new URL(of('redirect_uri'));
    back.searchParams.set('state', of('state'));
    back.searchParams.set('iss', this.issuer);
    if (this.refusal === undefined) {
      const code = randomBytes(16).toString('hex');
      const [challenge, redirectUri, nonce] = [of('code_challenge'), of('redirect_uri'), of('nonce')];
      this.grants.set(code, { challenge, redirectUri, nonce, claims: this.claims });
      back.searchParams.set('code', code);
    } else {
      back.searchParams.set('error', this.refusal);
    }
    response.writeHead(302, { location: back.href }).end();
  }

  private token(asked: URLSearchParams, authorization: string | undefined, response: ServerResponse): void {
    if (!this.isClient(asked, authorization)) return json(response, 401, { error: 'invalid_client' });
    const code = asked.get('code') ?? '';
    const grant = this.grants.get(code);
    this.grants.delete(code);
    const verifier = createHash('sha256')
      .update(asked.get('code_verifier') ?? '')
      .digest('base64url');
    if (!grant || grant.challenge !== verifier || grant.redirectUri !== asked.get('redirect_uri')) {
      return json(response, 400, { error: 'invalid_grant' });
    }
    const accessToken = randomBytes(16).toString('hex');
    this.tokens.set(accessToken, grant.claims);
    const told = this.terse ? { sub: grant.claims['sub'] } : grant.claims;
    json(response, 200, {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: 60,
      id_token: this.idToken({ ...told, nonce: grant.nonce }),
    });
  }

  private isClient(asked: URLSearchParams, authorization: string | undefined): boolean {
    if (this.authentication === 'client_secret_post') {
      return asked.get('client_id') === CLIENT.id && asked.get('client_secret') === CLIENT.secret;
    }
    const [id = '', secret = ''] = Buffer.from((authorization ?? '').replace(/^Basic /, ''), 'base64')
      .toString()
      .split(':');
    return decodeURIComponent(id) === CLIENT.id && decodeURIComponent(secret.replaceAll('+', ' ')) === CLIENT.secret;
  }

  private userInfo(authorization: string, response: ServerResponse): void {
    const claims = this.tokens.get(authorization.replace(/^Bearer /, ''));
    return claims ? json(response, 200, claims) : json(response, 401, {});
  }

  private idToken(claims: Claims): string {
    const now = Math.floor(Date.now() / 1000);
    const body = { iss: this.issuer, aud: CLIENT.id, iat: now, exp: now + 60, ...claims, ...this.forged };
    const text = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
    const input = `${text({ alg: 'RS256', kid: 'k', typ: 'JWT' })}.${text(body)}`;
    return `${input}.${sign('RSA-SHA256', Buffer.from(input), this.forgedKey ?? this.keys.privateKey).toString('base64url')}`;
  }
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
