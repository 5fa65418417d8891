import { ConflictError, NotFoundError } from '@bellhop/contracts';
import { Body, Controller, Get, HttpCode, Module, Post, Query } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsArray, IsInt, Length, Max, ValidateNested } from 'class-validator';
import { setTimeout as sleep } from 'node:timers/promises';
import { QueryFailedError } from 'typeorm';
import { RequireScope } from '../../src/access/scope.js';
import { Lifecycle } from '../../src/platform/health.controller.js';
import { IdempotencyStore } from '../../src/platform/idempotency.store.js';
import { Metrics } from '../../src/platform/metrics.js';
import { PageQuery } from '../../src/platform/pagination.js';
import { Public } from '../../src/platform/public.js';
import { Sql } from '../../src/platform/sql.js';
import { type CallOptions, type Reply, type RestApp, startRestApp } from '../support/rest-app.js';

const SECRET = 'do-not-tell-0123456789';

class Part {
  @Length(2, 5)
  word: string;
}

class Whole {
  @IsInt()
  @Max(10)
  count: number;

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => Part)
  parts: Part[];
}

@Public()
@Controller('v1/faults')
class FaultsController {
  @Get('defect')
  defect(): void {
    throw new Error(SECRET);
  }

  @Get('programming')
  programming(): void {
    throw new TypeError('connect timeout terminated');
  }

  @Get('database-down')
  down(): void {
    throw Object.assign(new Error(`connect ECONNREFUSED ${SECRET}`), { code: 'ECONNREFUSED' });
  }

  @Get('query-down')
  queryDown(): void {
    const driverError = Object.assign(new Error('terminating connection'), { code: '57P01' });
    throw new QueryFailedError(SECRET, [SECRET], driverError);
  }

  @Get('query-fault')
  queryFault(): void {
    throw new QueryFailedError(SECRET, [SECRET], Object.assign(new Error('null value'), { code: '23502' }));
  }

  @Post('body')
  body(@Body() body: Whole): Whole {
    return body;
  }

  @Get('query')
  query(@Query() query: PageQuery): PageQuery {
    return query;
  }
}

/** Counts what really happened. */
const effects = { count: 0 };

@RequireScope('send')
@Controller('v1/effects')
class EffectsController {
  @Post()
  async make(@Body() body: Part): Promise<object> {
    await sleep(30);
    return { effect: ++effects.count, word: body.word };
  }

  @Post('silent')
  @HttpCode(204)
  silent(): void {
    effects.count++;
  }

  @Post('missing')
  missing(): void {
    effects.count++;
    throw new NotFoundError('The thing');
  }

  @Post('conflict')
  conflict(): void {
    effects.count++;
    throw new ConflictError('thing.busy', 'It is busy.');
  }

  @Post('broken')
  broken(): void {
    effects.count++;
    throw new Error('broken');
  }
}

@Module({ controllers: [FaultsController, EffectsController] })
class ProbeModule {}

interface Refused {
  readonly code: string;
  readonly errors: readonly { readonly field: string; readonly message: string }[];
}

describe('platform', () => {
  let rest: RestApp;

  beforeAll(async () => {
    rest = await startRestApp(ProbeModule);
  });
  afterAll(() => rest?.close());

  describe('problems', () => {
    it.each([
      ['GET', '/v1/nothing', 404, 'route.not_found'],
      ['GET', `/v1/inbound/int_1/${SECRET}`, 404, 'route.not_found'],
      ['DELETE', '/v1/faults/query', 405, 'route.method_not_allowed'],
      ['GET', '/v1/faults/%FF', 400, 'request.malformed'],
      ['GET', '/v1/faults/defect', 500, 'internal'],
      ['GET', '/v1/faults/programming', 500, 'internal'],
      ['GET', '/v1/faults/query-fault', 500, 'internal'],
      ['GET', '/v1/faults/database-down', 503, 'unavailable'],
      ['GET', '/v1/faults/query-down', 503, 'unavailable'],
    ])('%s %s → %i %s', async (method, path, status, code) => {
      const reply = await rest.call(method, path);
      expect([reply.status, reply.body]).toMatchObject([status, { status, code, type: `urn:bellhop:problem:${code}` }]);
      expect(reply.headers.get('content-type')).toBe('application/problem+json');
      expect(reply.body['instance']).toBe(reply.headers.get('x-request-id'));
      expect(reply.text).not.toContain(SECRET);
    });

    it('says which methods an address has', async () => {
      expect((await rest.call('DELETE', '/v1/faults/query')).headers.get('allow')).toBe('GET, HEAD');
    });

    it('says when to come back', async () => {
      expect((await rest.call('GET', '/v1/faults/database-down')).headers.get('retry-after')).toBe('2');
    });

    it('keeps a request id that is safe, and makes one otherwise', async () => {
      const ask = async (id: string): Promise<string | null> =>
        (await rest.call('GET', '/v1/nothing', { headers: { 'x-request-id': id } })).headers.get('x-request-id');
      expect(await ask('my-id_1.2')).toBe('my-id_1.2');
      for (const unsafe of ['a b', 'x'.repeat(129), '<script>']) expect(await ask(unsafe)).toMatch(/^[0-9a-f-]{36}$/);
    });
  });

  describe('validation', () => {
    const post = (body: unknown, headers = {}): Promise<Reply<Refused>> =>
      rest.call('POST', '/v1/faults/body', { body, headers });

    it('names every field at once', async () => {
      const { status, body } = await post({
        count: 'x',
        parts: [{ word: 'ok' }, { word: 'x', more: 1 }, 7],
        '/~': SECRET,
      });
      expect([status, body.code]).toEqual([400, 'request.invalid']);
      const fields = body.errors.map(({ field }) => field);
      expect(fields).toEqual(expect.arrayContaining(['/count', '/parts/1/word', '/parts/1/more', '/~1~0']));
      expect(JSON.stringify(body)).not.toContain(SECRET);
    });

    it.each([
      ['no object', '[1]', 'request.invalid'],
      ['no JSON', `{"count": ${SECRET}`, 'request.malformed'],
      ['nesting without end', `{"parts":${'['.repeat(40_000)}${']'.repeat(40_000)}}`, 'request.invalid'],
      ['a prototype', '{"__proto__":{"count":1},"constructor":{"prototype":{}}}', 'request.invalid'],
      ['nothing', undefined, 'request.invalid'],
    ])('refuses %s', async (_, body, code) => {
      const reply = await post(body);
      expect([reply.status, reply.body.code]).toEqual([400, code]);
      expect(reply.text).not.toContain(SECRET);
    });

    it('refuses what is too large, and charsets and encodings it does not know', async () => {
      expect((await post({ word: 'x'.repeat(200_000) })).status).toBe(413);
      expect((await post('{}', { 'content-type': 'application/json; charset=x-nope' })).status).toBe(415);
      expect((await post('{}', { 'content-encoding': 'nope' })).status).toBe(415);
    });

    it('converts nothing on its own', async () => {
      expect((await post({ count: '1', parts: [] })).body.errors[0]?.field).toBe('/count');
      expect((await post({ count: 1, parts: [] })).body).toEqual({ count: 1, parts: [] });
    });

    it('names query parameters', async () => {
      const reply = await rest.call<Refused>('GET', '/v1/faults/query?limit=999&x=1');
      expect(reply.body.errors.map(({ field }) => field).sort()).toEqual(['?limit', '?x']);
      expect((await rest.call('GET', '/v1/faults/query?limit=7')).body).toEqual({ limit: 7 });
    });
  });

  describe('idempotency', () => {
    let key: string;
    let appId: string;

    beforeEach(async () => {
      const seeded = await rest.seed('send');
      key = seeded.key;
      appId = seeded.app.id;
      effects.count = 0;
    });

    const make = (idempotencyKey: string, body: object = { word: 'abc' }, path = ''): Promise<Reply> => {
      const options: CallOptions = { key, body, headers: { 'idempotency-key': idempotencyKey } };
      return rest.call('POST', `/v1/effects${path}`, options);
    };

    it('has one effect and one reply', async () => {
      const first = await make('k-1');
      const second = await make('k-1');
      expect([first.status, first.headers.get('idempotent-replayed')]).toEqual([201, null]);
      expect([second.status, second.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
      expect(second.body).toEqual(first.body);
      expect(effects.count).toBe(1);
    });

    it('has one effect of 100 calls at once', async () => {
      const replies = await Promise.all(Array.from({ length: 100 }, () => make('k-1')));
      expect(effects.count).toBe(1);
      expect(replies.filter(({ status }) => status === 201).length).toBeGreaterThanOrEqual(1);
      for (const { status, body } of replies) {
        if (status === 409) expect(body['code']).toBe('idempotency.in_progress');
        else expect([status, body]).toEqual([201, { effect: 1, word: 'abc' }]);
      }
    });

    it('refuses the key for another request', async () => {
      await make('k-1');
      for (const other of [make('k-1', { word: 'xyz' }), make('k-1', { word: 'abc' }, '/silent')]) {
        const reply = await other;
        expect([reply.status, reply.body['code']]).toEqual([422, 'idempotency.key_reused']);
      }
      expect(effects.count).toBe(1);
    });

    it('keeps the keys of two apps apart', async () => {
      await make('k-1');
      key = (await rest.seed('send')).key;
      expect((await make('k-1')).body['effect']).toBe(2);
    });

    it('replays a reply without a body', async () => {
      const replies = [await make('k-1', {}, '/silent'), await make('k-1', {}, '/silent')];
      expect(replies.map(({ status, text }) => [status, text])).toEqual([
        [204, ''],
        [204, ''],
      ]);
      expect(effects.count).toBe(1);
    });

    it('replays what was refused', async () => {
      const first = await make('k-1', {}, '/missing');
      const second = await make('k-1', {}, '/missing');
      expect(second.body).toEqual({ ...first.body, instance: second.headers.get('x-request-id') });
      expect([second.status, second.headers.get('idempotent-replayed')]).toEqual([404, 'true']);
      expect(effects.count).toBe(1);
      const invalid = [await make('k-2', { word: 'x' }), await make('k-2', { word: 'x' })];
      for (const { status, body } of invalid) {
        expect([status, body['errors']]).toEqual([400, [expect.objectContaining({ field: '/word' })]]);
      }
    });

    it.each([
      ['/conflict', 409],
      ['/broken', 500],
    ])('lets %s be tried again', async (path, status) => {
      expect((await make('k-1', {}, path)).status).toBe(status);
      expect((await make('k-1', {}, path)).status).toBe(status);
      expect(effects.count).toBe(2);
    });

    /** The next claim of a key is written, or not, and its connection breaks before anybody hears of it. */
    const breakClaim = (written: boolean): void => {
      const sql = rest.get(Sql);
      const query = sql.query.bind(sql);
      const spy = jest.spyOn(sql, 'query').mockImplementation(async (text, ...others) => {
        const isClaim = text.includes('INSERT INTO idempotency_key');
        if (isClaim) spy.mockRestore();
        const rows = isClaim && !written ? [] : await query(text, ...others);
        if (isClaim) throw new Error('Connection terminated unexpectedly');
        return rows;
      });
    };

    it('lets a call be made again whose connection broke while it claimed the key', async () => {
      breakClaim(true);
      expect((await make('k-1')).status).toBe(503);
      expect((await make('k-1')).body['effect']).toBe(1);
    });

    it('leaves the key to whoever has it when the connection of another call breaks', async () => {
      await make('k-1', {}, '/silent');
      await rest.dataSource.query('UPDATE idempotency_key SET status = NULL, response = NULL WHERE app_id = $1', [
        appId,
      ]);
      breakClaim(false);
      expect((await make('k-1', {}, '/silent')).status).toBe(503);
      expect((await make('k-1', {}, '/silent')).status).toBe(409);
    });

    it.each(['a b', 'x'.repeat(256), '\u00e9'])('refuses the key %#', async (idempotencyKey) => {
      const reply = await make(idempotencyKey);
      expect([reply.status, reply.body['code']]).toEqual([400, 'idempotency.key_malformed']);
    });

    it('forgets a key after 24 hours, and one of a call that was killed after five minutes', async () => {
      const age = (interval: string, state = ''): Promise<unknown> =>
        rest.dataSource.query(
          `UPDATE idempotency_key SET created_at = created_at - $2::interval ${state} WHERE app_id = $1`,
          [appId, interval],
        );
      await make('k-1');
      await age('23 hours 59 minutes');
      expect((await make('k-1')).body['effect']).toBe(1);
      await age('2 minutes');
      expect((await make('k-1', { word: 'new' })).body['effect']).toBe(2);
      await age('4 minutes', ', status = NULL, response = NULL');
      expect((await make('k-1', { word: 'new' })).status).toBe(409);
      await age('2 minutes');
      expect((await make('k-1', { word: 'new' })).body['effect']).toBe(3);
      await age('25 hours');
      expect(await rest.get(IdempotencyStore).purge()).toBeGreaterThanOrEqual(1);
      expect(await rest.dataSource.query('SELECT 1 FROM idempotency_key WHERE app_id = $1', [appId])).toEqual([]);
    });

    it('keeps replies sealed', async () => {
      await make('k-1', { word: 'hush' });
      const rows: unknown = await rest.dataSource.query('SELECT response FROM idempotency_key WHERE app_id = $1', [
        appId,
      ]);
      expect(JSON.stringify(rows)).not.toContain('hush');
    });
  });

  describe('health', () => {
    it('lives and is ready', async () => {
      expect((await rest.call('GET', '/health/live')).body).toEqual({ status: 'ok' });
      const ready = await rest.call<{ details: Record<string, { status: string }> }>('GET', '/health/ready');
      expect(ready.status).toBe(200);
      expect(Object.entries(ready.body.details).map(([name, { status }]) => [name, status])).toEqual([
        ['process', 'up'],
        ['database', 'up'],
        ['migrations', 'up'],
      ]);
    });

    it('is not ready while migrations are pending, without telling which', async () => {
      await rest.dataSource.query('ALTER TABLE schema_migration RENAME TO schema_migration_away');
      const reply = await rest.call<{ details: object }>('GET', '/health/ready');
      await rest.dataSource.query('ALTER TABLE schema_migration_away RENAME TO schema_migration');
      expect(reply.status).toBe(503);
      expect(reply.body.details).toMatchObject({ migrations: { status: 'down', message: 'are pending' } });
    });

    it('is not ready while it shuts down, and lives on', async () => {
      const lifecycle = rest.get(Lifecycle);
      lifecycle.onModuleDestroy();
      expect((await rest.call('GET', '/health/ready')).status).toBe(503);
      expect((await rest.call('GET', '/health/live')).status).toBe(200);
      lifecycle.stopping = false;
    });
  });

  describe('metrics', () => {
    it('counts requests by route and reads the queues at every scrape', async () => {
      const metrics = rest.get(Metrics);
      metrics.reportQueueDepth(async () => ({ route: 3, send: 0 }));
      metrics.inbound.inc({ plugin: 'fake', result: 'stored' });
      await rest.call('GET', '/v1/faults/query?limit=7');
      await rest.call('GET', `/v1/nothing/${SECRET}`);
      const { text, headers } = await rest.call('GET', '/metrics');
      expect(headers.get('content-type')).toContain('text/plain; version=0.0.4');
      const samples = text.split('\n').map((line) => line.replace(/ [^ ]*$/, ''));
      const http = (route: string, status: number): string =>
        `bellhop_http_seconds_count{method="GET",route="${route}",status="${status}"}`;
      expect(samples.filter((sample) => /^bellhop_(inbound_total|queue_depth)/.test(sample))).toEqual([
        'bellhop_inbound_total{plugin="fake",result="stored"}',
        'bellhop_queue_depth{queue="route"}',
        'bellhop_queue_depth{queue="send"}',
      ]);
      expect(samples.filter((sample) => sample.startsWith('bellhop_http_seconds_count'))).toEqual(
        expect.arrayContaining([http('/v1/faults/query', 200), http('none', 404)]),
      );
      expect(samples.includes('bellhop_process_cpu_seconds_total')).toBe(true);
      expect(text.includes(SECRET)).toBe(false);
    });

    it('answers without the queues when they cannot be read', async () => {
      rest.get(Metrics).reportQueueDepth(() => Promise.reject(new Error('down')));
      const { status, text } = await rest.call('GET', '/metrics');
      expect(status).toBe(200);
      expect(text).not.toContain('bellhop_queue_depth{');
    });
  });
});
