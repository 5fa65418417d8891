import { Controller, Get, Module } from '@nestjs/common';
import { ApiKeysService } from '../../src/access/api-keys.service.js';
import { CurrentApp, RequireScope } from '../../src/access/scope.js';
import { publicId } from '../../src/platform/ids.js';
import { eventually, PLATFORM_KEY, type RestApp, startRestApp } from '../support/rest-app.js';

@Controller('v1/probe')
class ProbeController {
  @Get('read')
  @RequireScope('read')
  read(@CurrentApp() appId: string): object {
    return { appId };
  }

  @Get('send')
  @RequireScope('send')
  send(): object {
    return {};
  }

  @Get('admin')
  @RequireScope('admin')
  admin(): object {
    return {};
  }
}

@Module({ controllers: [ProbeController] })
class ProbeModule {}

@Controller('v1/open')
class ForgottenController {
  @Get()
  read(): object {
    return {};
  }
}

@Module({ controllers: [ForgottenController] })
class ForgottenModule {}

interface AppReply {
  readonly id: string;
  readonly name: string;
  readonly timeZone: string;
}

interface KeyReply {
  readonly id: string;
  readonly key: string;
  readonly prefix: string;
}

describe('access', () => {
  let rest: RestApp;

  beforeAll(async () => {
    rest = await startRestApp(ProbeModule);
  });
  afterAll(() => rest?.close());

  describe('keys', () => {
    it('asks for a key and says how', async () => {
      const reply = await rest.call('GET', '/v1/probe/read');
      expect(reply.status).toBe(401);
      expect(reply.headers.get('www-authenticate')).toBe('Bearer realm="bellhop"');
      expect(reply.headers.get('content-type')).toBe('application/problem+json');
      expect(reply.body).toMatchObject({
        type: 'urn:bellhop:problem:auth.key_missing',
        title: 'Unauthorized',
        status: 401,
        code: 'auth.key_missing',
        instance: reply.headers.get('x-request-id'),
      });
    });

    it.each([
      ['malformed', 'bh_short'],
      ['unknown', `bh_${'A'.repeat(43)}`],
    ])('refuses a key that is %s', async (_, key) => {
      const reply = await rest.call('GET', '/v1/probe/read', { key });
      expect(reply.status).toBe(401);
      expect(reply.headers.get('www-authenticate')).toContain('error="invalid_token"');
      expect(reply.text).not.toContain(key);
    });

    it.each(['Basic abc', 'Bearer', 'Bearer a b', 'Bearer \u00fc'])(
      'refuses the credentials %j',
      async (authorization) => {
        const reply = await rest.call('GET', '/v1/probe/read', { headers: { authorization } });
        expect(reply.status).toBe(401);
      },
    );

    it('refuses an expired key', async () => {
      const { app } = await rest.seed('read');
      const { key } = await rest.access.createApiKey(app.id, 'Old', ['read'], new Date(Date.now() - 1000));
      expect((await rest.call('GET', '/v1/probe/read', { key })).status).toBe(401);
    });

    it('binds a call to the app of its key', async () => {
      const { app, key } = await rest.seed('read');
      expect((await rest.call('GET', '/v1/probe/read', { key })).body).toEqual({ appId: app.id });
    });

    it('keeps a digest and the first ten characters, and notes the use', async () => {
      const { app, key } = await rest.seed('read');
      await rest.call('GET', '/v1/probe/read', { key });
      const load = async () => (await rest.get(ApiKeysService).load(app.id)(undefined, 1))[0];
      const row = await eventually(load, (found) => found?.lastUsedAt !== null);
      expect(key).toMatch(/^bh_[\w-]{43}$/);
      expect(row?.prefix).toBe(key.slice(0, 10));
      expect(JSON.stringify(row)).not.toContain(key);
      expect(row?.lastUsedAt?.getTime()).toBeGreaterThan(Date.now() - 10_000);
    });
  });

  describe('scopes', () => {
    it.each([
      ['read', { read: 200, send: 403, admin: 403 }],
      ['send', { read: 200, send: 200, admin: 403 }],
      ['admin', { read: 200, send: 200, admin: 200 }],
    ] as const)('%s opens what it implies', async (scope, expected) => {
      const { key } = await rest.seed(scope);
      for (const [path, status] of Object.entries(expected)) {
        expect([path, (await rest.call('GET', `/v1/probe/${path}`, { key })).status]).toEqual([path, status]);
      }
    });

    it('names the scope that is missing', async () => {
      const { key } = await rest.seed('read');
      const reply = await rest.call('GET', '/v1/probe/send', { key });
      expect(reply.body).toMatchObject({ code: 'auth.scope_missing', detail: 'The API key lacks the scope "send".' });
    });

    it('keeps the key of the platform out of apps, and keys of apps out of the platform', async () => {
      const { key } = await rest.seed('admin');
      expect((await rest.call('GET', '/v1/probe/read', { key: PLATFORM_KEY })).status).toBe(403);
      expect((await rest.call('GET', '/v1/apps', { key })).status).toBe(403);
    });

    it('refuses to start with a route that declares nothing', async () => {
      await expect(startRestApp(ForgottenModule)).rejects.toThrow('ForgottenController.read');
    });
  });

  describe('apps', () => {
    it('creates, reads and changes an app', async () => {
      const body = { name: 'Shop', deepLinkScheme: 'shop' };
      const created = await rest.call<AppReply>('POST', '/v1/apps', { key: PLATFORM_KEY, body });
      expect(created.status).toBe(201);
      expect(created.body).toMatchObject({ ...body, defaultLocale: 'zh-CN', timeZone: 'Asia/Shanghai' });
      expect(created.body.id).toMatch(/^app_[0-9a-f]{32}$/);
      const path = `/v1/apps/${created.body.id}`;
      const changed = await rest.call<AppReply>('PATCH', path, {
        key: PLATFORM_KEY,
        body: { timeZone: 'Europe/Berlin' },
      });
      expect(changed.body).toEqual({ ...created.body, timeZone: 'Europe/Berlin' });
      expect((await rest.call('GET', path, { key: PLATFORM_KEY })).body).toEqual(changed.body);
    });

    it.each([
      [{ name: 'x' }, ['/deepLinkScheme']],
      [{ name: '', deepLinkScheme: 'Bad Scheme' }, ['/name', '/deepLinkScheme']],
      [{ name: 'a\u0000b', deepLinkScheme: 'ok' }, ['/name']],
      [{ name: 'x', deepLinkScheme: 'ok', timeZone: '+08:00' }, ['/timeZone']],
      [{ name: 'x', deepLinkScheme: 'ok', timeZone: null }, ['/timeZone']],
      [{ name: 'x', deepLinkScheme: 'ok', defaultLocale: 'zh_CN' }, ['/defaultLocale']],
      [{ name: 'x', deepLinkScheme: 'ok', 'a/b': 1 }, ['/a~1b']],
    ])('refuses %j', async (body, fields) => {
      const reply = await rest.call<{ errors: { field: string }[] }>('POST', '/v1/apps', { key: PLATFORM_KEY, body });
      expect(reply.status).toBe(400);
      expect([...new Set(reply.body.errors.map(({ field }) => field))]).toEqual(fields);
    });

    it('refuses to empty a field', async () => {
      const { app } = await rest.seed('read');
      const options = { key: PLATFORM_KEY, body: { name: null } };
      expect((await rest.call('PATCH', `/v1/apps/${publicId('app', app.id)}`, options)).status).toBe(400);
    });

    it('issues, lists and revokes keys', async () => {
      const { app } = await rest.seed('read');
      const path = `/v1/apps/${publicId('app', app.id)}/api-keys`;
      const body = { name: 'Backend', scopes: ['send'], expiresAt: '2999-12-31T00:00:00Z' };
      const created = await rest.call<KeyReply>('POST', path, { key: PLATFORM_KEY, body });
      expect(created.status).toBe(201);
      expect((await rest.call('GET', '/v1/probe/send', { key: created.body.key })).status).toBe(200);

      const listed = await rest.call<{ data: object[] }>('GET', path, { key: PLATFORM_KEY });
      const { key: _key, ...shown } = created.body;
      expect(listed.body.data[0]).toMatchObject({ id: shown.id, prefix: shown.prefix, revokedAt: null });
      expect(listed.text).not.toContain(created.body.key);

      for (let round = 0; round < 2; round++) {
        expect((await rest.call('DELETE', `${path}/${created.body.id}`, { key: PLATFORM_KEY })).status).toBe(204);
      }
      expect((await rest.call('GET', '/v1/probe/send', { key: created.body.key })).status).toBe(401);
    });

    it.each([{ scopes: ['platform'] }, { scopes: [] }, { scopes: ['read', 'read'] }, { scopes: 'read' }])(
      'gives no key of an app %j',
      async ({ scopes }) => {
        const { app } = await rest.seed('read');
        const options = { key: PLATFORM_KEY, body: { name: 'x', scopes } };
        const reply = await rest.call('POST', `/v1/apps/${publicId('app', app.id)}/api-keys`, options);
        expect(reply.status).toBe(400);
      },
    );

    it('answers the same for foreign and malformed ids', async () => {
      const nobody = publicId('app', '01990000-0000-7000-8000-000000000000');
      for (const id of [nobody, 'app_1', 'int_00000000000000000000000000000000', '%00']) {
        const reply = await rest.call('GET', `/v1/apps/${id}`, { key: PLATFORM_KEY });
        expect([id, reply.status, reply.body.code]).toEqual([id, 404, 'not_found']);
      }
    });

    it('pages through the list, and refuses a cursor that was tampered with', async () => {
      for (let count = 0; count < 3; count++) await rest.seed('read');
      const seen: string[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const query: string = cursor ? `&cursor=${cursor}` : '';
        const page: { body: { data: AppReply[]; nextCursor: string | null } } = await rest.call(
          'GET',
          `/v1/apps?limit=2${query}`,
          { key: PLATFORM_KEY },
        );
        seen.push(...page.body.data.map(({ id }) => id));
        cursor = page.body.nextCursor;
      }
      expect(seen).toEqual([...new Set(seen)].sort().reverse());
      expect(seen.length).toBeGreaterThanOrEqual(3);

      const { body } = await rest.call<{ nextCursor: string }>('GET', '/v1/apps?limit=1', { key: PLATFORM_KEY });
      const tampered = (body.nextCursor.startsWith('A') ? 'B' : 'A') + body.nextCursor.slice(1);
      for (const query of [`cursor=${tampered}`, 'cursor=', 'cursor[]=x', 'cursor=a&cursor=b']) {
        const refused = await rest.call<{ errors: { field: string }[] }>('GET', `/v1/apps?${query}`, {
          key: PLATFORM_KEY,
        });
        expect([query, refused.status]).toEqual([query, 400]);
      }
    });

    it.each(['limit=0', 'limit=201', 'limit=1.5', 'limit=x', 'limit=', 'page=2'])(
      'refuses the query %s',
      async (query) => {
        const reply = await rest.call<{ errors: { field: string }[] }>('GET', `/v1/apps?${query}`, {
          key: PLATFORM_KEY,
        });
        expect(reply.status).toBe(400);
        expect(reply.body.errors[0]?.field).toBe(`?${query.split('=')[0]}`);
      },
    );
  });
});
