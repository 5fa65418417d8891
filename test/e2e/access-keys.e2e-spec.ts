import { Controller, Get, Module } from '@nestjs/common';
import { ApiKeysService } from '../../src/access/api-keys.service.js';
import { RequireScope } from '../../src/access/scope.js';
import { Clock } from '../../src/platform/clock.js';
import { publicId } from '../../src/platform/ids.js';
import { PLATFORM_KEY, type Reply, type RestApp, startRestApp } from '../support/rest-app.js';

@Controller('v1/probe')
class ProbeController {
  @Get()
  @RequireScope('read')
  read(): object {
    return {};
  }
}

@Module({ controllers: [ProbeController] })
class ProbeModule {}

interface Key {
  readonly id: string;
  readonly key: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly expiresAt: string | null;
  readonly replacedBy: string | null;
  readonly previousEndsAt: string;
}

const NOW = new Date('2026-11-20T08:00:00Z');
const HOUR = 3600;

const after = (seconds: number): Date => new Date(NOW.getTime() + seconds * 1000);

describe('keys in time', () => {
  let rest: RestApp;
  let path: string;
  let first: Key;

  const setTime = (time: Date): void => {
    rest.get(Clock).now = () => new Date(time);
  };
  const call = <T = Key>(method: string, address: string, body?: unknown): Promise<Reply<T>> =>
    rest.call<T>(method, address, { key: PLATFORM_KEY, body });
  const rotate = (id: string, body?: unknown) => call<Key & { code: string }>('POST', `${path}/${id}/rotate`, body);
  const works = async (key: string): Promise<boolean> => (await rest.call('GET', '/v1/probe', { key })).status === 200;
  const listed = async (id: string): Promise<Key | undefined> =>
    (await call<{ data: Key[] }>('GET', path)).body.data.find((key) => key.id === id);

  beforeAll(async () => {
    rest = await startRestApp(ProbeModule);
  });
  afterAll(() => rest?.close());

  beforeEach(async () => {
    setTime(NOW);
    const { app } = await rest.seed('read');
    path = `/v1/apps/${publicId('app', app.id)}/api-keys`;
    first = (await call('POST', path, { name: 'Backend', scopes: ['send'] })).body;
  });

  it('rotates: both are valid for a day, then the new one alone', async () => {
    expect(await works(first.key)).toBe(true);
    const { status, body: second } = await rotate(first.id);
    expect(status).toBe(201);
    expect(second).toMatchObject({ name: 'Backend', scopes: ['send'], expiresAt: null, replacedBy: null });
    expect(second.key).toMatch(/^bh_[\w-]{43}$/);
    expect([second.id, second.key]).not.toEqual([first.id, first.key]);
    expect(second.previousEndsAt).toBe(after(24 * HOUR).toISOString());
    expect(await listed(first.id)).toMatchObject({ expiresAt: second.previousEndsAt, replacedBy: second.id });

    setTime(after(24 * HOUR - 1));
    expect([await works(first.key), await works(second.key)]).toEqual([true, true]);
    setTime(after(24 * HOUR));
    expect([await works(first.key), await works(second.key)]).toEqual([false, true]);
  });

  it('ends a key at once when no overlap is wanted, though it was just used', async () => {
    expect(await works(first.key)).toBe(true);
    const { body } = await rotate(first.id, { overlapSeconds: 0 });
    expect([await works(first.key), await works(body.key)]).toEqual([false, true]);
  });

  it('never prolongs the old key, and gives the new one as long a life', async () => {
    const expiresAt = new Date(Date.now() + 10 * HOUR * 1000).toISOString();
    setTime(new Date());
    const { body: old } = await call('POST', path, { name: 'Short', scopes: ['read'], expiresAt });
    const { body } = await rotate(old.id, { overlapSeconds: 30 * 24 * HOUR });
    expect(body.previousEndsAt).toBe(expiresAt);
    const life = Date.parse(body.expiresAt ?? '') - Date.now();
    expect(Math.abs(life - 10 * HOUR * 1000)).toBeLessThan(10_000);
    const { body: chosen } = await rotate(body.id, { expiresAt: '2099-01-01T00:00:00Z' });
    expect(chosen.expiresAt).toBe('2099-01-01T00:00:00.000Z');
  });

  it.each([{ overlapSeconds: -1 }, { overlapSeconds: 30 * 24 * HOUR + 1 }, { overlapSeconds: 1.5 }, { overlap: 1 }])(
    'refuses %j',
    async (body) => {
      expect((await rotate(first.id, body)).status).toBe(400);
      expect((await listed(first.id))?.replacedBy).toBeNull();
    },
  );

  it('has one successor, however often it is asked at once', async () => {
    const replies = await Promise.all([1, 2, 3, 4].map(() => rotate(first.id)));
    expect(replies.map(({ status }) => String(status)).toSorted()).toEqual(['201', '409', '409', '409']);
    const refused = replies.find(({ status }) => status === 409);
    expect(refused?.body).toMatchObject({ code: 'key.replaced', detail: expect.stringContaining('key_') });
    expect((await call<{ data: Key[] }>('GET', path)).body.data).toHaveLength(3);
  });

  it('rotates no key that has ended, and none of another app', async () => {
    const other = await rest.seed('read');
    const foreign = `/v1/apps/${publicId('app', other.app.id)}/api-keys/${first.id}/rotate`;
    expect((await call('POST', foreign)).status).toBe(404);
    await call('DELETE', `${path}/${first.id}`);
    expect((await rotate(first.id)).body.code).toBe('key.ended');
    const { body: brief } = await call('POST', path, {
      name: 'Brief',
      scopes: ['read'],
      expiresAt: after(HOUR).toISOString(),
    });
    setTime(after(HOUR));
    expect((await rotate(brief.id)).body.code).toBe('key.ended');
  });

  it('stores no key, old or new', async () => {
    const { body } = await rotate(first.id);
    const [row] = await rest.dataSource.query<{ text: string }[]>(
      `SELECT string_agg(k::text, ' ') AS text FROM api_key k`,
    );
    for (const { key, prefix } of [first, body]) {
      expect(row?.text).toContain(prefix);
      expect(row?.text).not.toContain(key.slice(10));
    }
  });

  describe('of the platform', () => {
    const keys = '/v1/platform-keys';

    it('are issued, used, rotated, revoked, and belong to no app', async () => {
      const { status, body: created } = await call('POST', keys, { name: 'Terraform' });
      expect([status, created.scopes]).toEqual([201, ['platform']]);
      expect((await rest.call('GET', '/v1/apps', { key: created.key })).status).toBe(200);
      expect((await rest.call('GET', '/v1/probe', { key: created.key })).status).toBe(403);

      const rotated = await rest.call<Key>('POST', `${keys}/${created.id}/rotate`, { key: created.key, body: {} });
      expect(rotated.status).toBe(201);
      expect((await rest.call('DELETE', `${keys}/${created.id}`, { key: rotated.body.key })).status).toBe(204);
      expect((await rest.call('GET', '/v1/apps', { key: created.key })).status).toBe(401);
      const all = await call<{ data: Key[] }>('GET', keys);
      expect(all.body.data.map(({ id }) => id)).toEqual([rotated.body.id, created.id]);
      expect((await call('POST', `${path}/${rotated.body.id}/rotate`)).status).toBe(404);
    });

    it('are out of reach for keys of apps', async () => {
      const { key } = await rest.seed('admin');
      expect((await rest.call('GET', keys, { key })).status).toBe(403);
      expect((await call('DELETE', `${keys}/${first.id}`)).status).toBe(404);
    });

    it('keeps the key of the environment', async () => {
      const service = rest.get(ApiKeysService);
      expect(await service.authenticate(PLATFORM_KEY)).toMatchObject({ id: null, scopes: ['platform'] });
      expect(await service.authenticate(`${PLATFORM_KEY}x`)).toBeUndefined();
    });
  });
});
