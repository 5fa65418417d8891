import { readFileSync } from 'node:fs';
import type { AudienceExpression, Platform } from '@bellhop/contracts';
import { executed } from '@bellhop/contracts/testing';
import type { AudiencePreview } from '../../src/core/audiences/audience.dto.js';
import { audienceQuery } from '../../src/core/audiences/audience-query.js';
import { readAudience } from '../../src/core/audiences/audiences.service.js';
import { TagsService } from '../../src/core/audiences/tags.service.js';
import { idAfter, newId } from '../../src/platform/ids.js';
import { Sql } from '../../src/platform/sql.js';
import { type ApiReply, type TestApp, TestPlatform } from '../support/app.js';
import { freshApnsToken, freshFcmToken } from '../support/shop.js';

interface Refused {
  readonly code: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
}

interface Tagged {
  readonly userId: string;
  readonly tags: readonly string[];
  readonly updatedAt: string | null;
}

/** `{ $repeat: n, value }` stands for `value0` … `value(n-1)`. */
type Repeated = readonly string[] | { readonly $repeat: number; readonly value: string };

interface ValidationCase {
  readonly id: string;
  readonly body: { readonly userId?: string; readonly userIds?: Repeated; readonly tags: Repeated | string };
  readonly expect: 'ok' | 'reject';
  readonly code?: string;
}

interface ResolutionCase {
  readonly id: string;
  readonly request: {
    readonly platform: readonly Platform[];
    readonly audience: {
      readonly is_to_all?: boolean | string;
      readonly userid?: readonly string[];
      readonly tag?: readonly string[];
      readonly tag_or?: readonly string[];
      readonly packageName?: string;
    };
  };
  /** Null: refused before anything is done. */
  readonly expectDevices: readonly string[] | null;
}

interface Resolutions {
  readonly devices: readonly { id: string; userId: string; platform: Platform; packageName: string }[];
  readonly userTags: Readonly<Record<string, readonly string[]>>;
  readonly cases: readonly ResolutionCase[];
}

const FIXTURES = new URL('../../libs/vendors/rongcloud/fixtures/', import.meta.url);
const fixture = <T>(name: string): T => JSON.parse(readFileSync(new URL(name, FIXTURES), 'utf8')) as T;
const VALIDATION = fixture<{ tagSet: ValidationCase[]; tagBatchSet: ValidationCase[] }>('validation-cases.json');
const RESOLUTION = fixture<Resolutions>('audience-resolution.json');

/** What the fixtures call a fault → status, code and field of ours. */
const OURS: Readonly<Record<string, readonly [status: number, code: string, field?: string]>> = {
  TAG_COUNT_EXCEEDED: [422, 'tags.too_many', '/tags'],
  TAG_TOO_LONG: [422, 'tags.length', '/tags/0'],
  TAG_SPECIAL_CHARACTER: [422, 'tags.characters', '/tags/0'],
  TAGS_NOT_ARRAY: [400, 'request.invalid', '/tags'],
  USER_COUNT_EXCEEDED: [422, 'users.too_many', '/userIds'],
};

const expanded = (value: Repeated | string | undefined): unknown =>
  typeof value === 'object' && '$repeat' in value
    ? Array.from({ length: value.$repeat }, (_, i) => `${value.value}${i}`)
    : value;

describe('tags and audiences', () => {
  let platform: TestPlatform;
  let app: TestApp;

  beforeAll(async () => {
    platform = await TestPlatform.start({ role: 'api' });
  });
  afterAll(() => platform?.stop());
  beforeEach(async () => {
    app = await platform.createApp(['send']);
  });

  const setTags = (userId: string, tags: unknown) =>
    app.call<Tagged & Refused>('PUT', `/v1/users/${userId}/tags`, { tags });
  const setBatch = (body: object) => app.call<{ users: number } & Refused>('POST', '/v1/tags/batch', body);
  const getTags = async (userId: string) => (await app.call<Tagged>('GET', `/v1/users/${userId}/tags`)).body;
  const stored = () =>
    platform.sql.query<{ user_id: string; tags: string[] }[]>(
      'SELECT user_id, tags FROM user_tag WHERE app_id = $1 ORDER BY user_id',
      [app.id],
    );
  const refusalIn = ({ status, body }: ApiReply<Refused>) => {
    return [status, body.code, ...new Set(body.errors?.map(({ field }) => field))];
  };

  describe('the tags of a person', () => {
    it('are replaced as a whole, and cleared by none', async () => {
      expect(await getTags('u-1')).toEqual({ userId: 'u-1', tags: [], updatedAt: null });
      const first = await setTags('u-1', ['vip', '北京', 'vip']);
      expect([first.status, first.body]).toEqual([
        200,
        { userId: 'u-1', tags: ['vip', '北京'], updatedAt: expect.any(String) },
      ]);
      expect((await setTags('u-1', ['上海'])).body.tags).toEqual(['上海']);
      expect(await getTags('u-1')).toMatchObject({ tags: ['上海'] });
      expect((await setTags('u-1', [])).body.tags).toEqual([]);
      expect(await getTags('u-1')).toMatchObject({ tags: [], updatedAt: expect.any(String) });
    });

    it('are refused with the place of every fault, and nothing is stored', async () => {
      const refused = await setTags('u-1', ['a', 'b', 'c', 'no good', 'd'.repeat(41)]);
      expect(refusalIn(refused)).toEqual([422, 'tags.characters', '/tags/3', '/tags/4']);
      expect(await stored()).toEqual([]);
    });

    it.each(['vip', null, { a: 1 }, [1], [null], [['vip']]])('are a list of texts, and not %j', async (tags) => {
      expect(refusalIn(await setTags('u-1', tags))).toEqual([400, 'request.invalid', '/tags']);
      expect(await stored()).toEqual([]);
    });

    it('belong to one app', async () => {
      await setTags('u-1', ['vip']);
      const other = await platform.createApp(['send']);
      expect((await other.call<Tagged>('GET', '/v1/users/u-1/tags')).body.tags).toEqual([]);
      await other.call('PUT', '/v1/users/u-1/tags', { tags: ['other'] });
      expect((await getTags('u-1')).tags).toEqual(['vip']);
    });

    it('are set for up to 1,000 people at once', async () => {
      await setTags('u-1', ['before']);
      const reply = await setBatch({ userIds: ['u-1', 'u-2', 'u-1'], tags: ['vip'] });
      expect([reply.status, reply.body]).toEqual([200, { users: 2 }]);
      expect(await stored()).toEqual([
        { user_id: 'u-1', tags: ['vip'] },
        { user_id: 'u-2', tags: ['vip'] },
      ]);
    });

    it('need the scope "send" to be written', async () => {
      const reader = await platform.createApp(['read']);
      expect((await reader.call('GET', '/v1/users/u-1/tags')).status).toBe(200);
      expect((await reader.call('PUT', '/v1/users/u-1/tags', { tags: [] })).status).toBe(403);
      expect((await reader.call('POST', '/v1/tags/batch', { userIds: ['u-1'], tags: [] })).status).toBe(403);
    });
  });

  describe('the cases of RongCloud', () => {
    it(`are as many as the file has`, () => {
      expect([VALIDATION.tagSet.length, VALIDATION.tagBatchSet.length, RESOLUTION.cases.length]).toEqual([11, 3, 14]);
    });

    it.each(VALIDATION.tagSet)(
      '$id: tags of one person, $expect',
      async ({ id, body: { userId = '', tags }, expect: wanted, code }) => {
        const reply = await setTags(userId, expanded(tags));
        if (wanted === 'ok') expect([reply.status, reply.body.tags]).toEqual([200, expanded(tags)]);
        // Without a user there is no such address.
        else expect(refusalIn(reply)).toEqual(code === 'USER_ID_REQUIRED' ? [404, 'route.not_found'] : OURS[code!]);
        expect(await stored()).toHaveLength(wanted === 'ok' ? 1 : 0);
        executed('rongcloud/validation-cases.json', id);
      },
    );

    it.each(VALIDATION.tagBatchSet)(
      '$id: tags of many people, $expect',
      async ({ id, body: { userIds, tags }, expect: wanted, code }) => {
        const reply = await setBatch({ userIds: expanded(userIds), tags: expanded(tags) });
        if (wanted === 'ok') expect([reply.status, reply.body]).toEqual([200, { users: 1_000 }]);
        else expect(refusalIn(reply)).toEqual(OURS[code!] ?? [400, 'request.invalid', '/userIds']);
        expect(await stored()).toHaveLength(wanted === 'ok' ? 1_000 : 0);
        executed('rongcloud/validation-cases.json', id);
      },
    );
  });

  describe('many changes in one statement', () => {
    const tags = () => platform.app.get(TagsService);
    const sql = () => platform.app.get(Sql);
    const replace = (changes: Parameters<TagsService['replace']>[2]) =>
      sql().transaction((tx) => tags().replace(tx, app.id, changes));

    it('keep the newest of each person, whatever their order', async () => {
      const [first, second, third] = [newId(), newId(), newId()] as const;
      await replace([
        { userIds: ['u-1', 'u-2'], tags: ['b'], version: second },
        { userIds: ['u-2', 'u-3'], tags: ['c'], version: third },
        { userIds: ['u-1', 'u-2', 'u-3'], tags: ['a'], version: first },
      ]);
      const after = await stored();
      expect(after.map((row) => [row.user_id, ...row.tags])).toEqual([
        ['u-1', 'b'],
        ['u-2', 'c'],
        ['u-3', 'c'],
      ]);
    });

    it('of the same moment keep the last', async () => {
      const version = newId();
      await replace([
        { userIds: ['u-1'], tags: ['a'], version },
        { userIds: ['u-1'], tags: ['b'], version },
      ]);
      expect((await stored())[0]?.tags).toEqual(['b']);
    });

    it('never let an older one overwrite a newer one, cleared ones included', async () => {
      const [older, newer] = [newId(), newId()] as const;
      await replace([{ userIds: ['u-1'], tags: [], version: newer }]);
      await replace([{ userIds: ['u-1'], tags: ['late'], version: older }]);
      await replace([{ userIds: ['u-1'], tags: ['again'], version: newer }]);
      expect((await stored())[0]?.tags).toEqual([]);
      await replace([{ userIds: ['u-1'], tags: ['next'], version: idAfter(newer, 1) }]);
      expect((await stored())[0]?.tags).toEqual(['next']);
    });

    it('go with the transaction', async () => {
      const failed = sql().transaction(async (tx) => {
        await tags().replace(tx, app.id, [{ userIds: ['u-1'], tags: ['a'], version: newId() }]);
        throw new Error('Something else failed.');
      });
      await expect(failed).rejects.toThrow('Something else failed.');
      expect(await stored()).toEqual([]);
    });

    it('that cross over do not wait for each other for ever, and end with the newest', async () => {
      const users = Array.from({ length: 200 }, (_, i) => `u-${i}`);
      const versions = Array.from({ length: 24 }, () => newId());
      await Promise.all(
        versions.map((version, i) =>
          replace([{ userIds: i % 2 ? users : users.toReversed(), tags: [`t${i}`], version }]),
        ),
      );
      const after = await stored();
      expect(after).toHaveLength(200);
      expect(new Set(after.flatMap((row) => row.tags))).toEqual(new Set(['t23']));
    });

    it('are read back for those who have any', async () => {
      await replace([
        { userIds: ['u-1'], tags: ['a', 'b'], version: newId() },
        { userIds: ['u-2'], tags: [], version: newId() },
      ]);
      expect(await tags().tagsOf(app.id, ['u-1', 'u-2', 'u-3'])).toEqual(new Map([['u-1', ['a', 'b']]]));
    });
  });

  describe('an audience', () => {
    const byName = new Map<string, string>();

    beforeEach(async () => {
      byName.clear();
      for (const { id, userId, platform: os, packageName } of RESOLUTION.devices) {
        const gateway = os === 'ios' ? 'apns' : 'fcm';
        const token = os === 'ios' ? freshApnsToken() : freshFcmToken();
        const device = await app.device(userId, gateway, token, { appIdentifier: packageName });
        byName.set(device.id, id);
      }
      for (const [userId, tags] of Object.entries(RESOLUTION.userTags)) await setTags(userId, tags);
    });

    /** Names of the devices that the store finds. */
    async function devicesOf(expression: AudienceExpression): Promise<string[]> {
      const { where, values } = audienceQuery(readAudience(expression), 2);
      const rows = await platform.sql.query<{ id: string }[]>(
        `SELECT d.id FROM device d LEFT JOIN user_tag t ON t.app_id = d.app_id AND t.user_id = d.user_id
         WHERE d.app_id = $1 AND d.state = 'active' AND ${where}`,
        [app.id, ...values],
      );
      return rows.map(({ id }) => String(byName.get(id))).toSorted();
    }

    const preview = (audience: unknown) =>
      app.call<AudiencePreview & Refused>('POST', '/v1/audiences/preview', { audience });

    /** A request of RongCloud's in our words. */
    function expressionOf({ request: { platform: platforms, audience } }: ResolutionCase): AudienceExpression {
      const { is_to_all: all, userid, tag, tag_or: anyOf, packageName } = audience;
      return { everyone: all === true || all === 'true', users: userid, allOf: tag, anyOf, packageName, platforms };
    }

    /** What a preview must say of the named devices. */
    function counted(names: readonly string[]): AudiencePreview {
      const devices = RESOLUTION.devices.filter(({ id }) => names.includes(id));
      const reach = (some: typeof devices) => {
        return { users: new Set(some.map(({ userId }) => userId)).size, devices: some.length };
      };
      const platforms = (['ios', 'android'] as const).map((os) => {
        return { platform: os, ...reach(devices.filter(({ platform: of }) => of === os)) };
      });
      return { ...reach(devices), platforms };
    }

    it.each(RESOLUTION.cases)('$id: finds $expectDevices', async (one) => {
      const expression = expressionOf(one);
      const reply = await preview(expression);
      if (one.expectDevices === null) {
        expect(refusalIn(reply)).toEqual([422, 'audience.empty', '/audience']);
      } else {
        expect(await devicesOf(expression)).toEqual(one.expectDevices);
        expect([reply.status, reply.body]).toEqual([200, counted(one.expectDevices)]);
      }
      executed('rongcloud/audience-resolution.json', one.id);
    });

    // The file leaves out what the document says of users: they win over tags, and are reached on every platform.
    it.each<[name: string, expression: AudienceExpression, devices: string[]]>([
      ['RC-AUD-08', { allOf: ['女', '年轻'], anyOf: ['北京'], users: ['123', '456'] }, ['d7', 'd8']],
      ['RC-AUD-09', { users: ['123'], platforms: ['ios'] }, ['d7']],
    ])('%s: %j', async (_name, expression, devices) => {
      expect(await devicesOf(expression)).toEqual(devices);
      expect((await preview(expression)).body).toEqual(counted(devices));
    });

    it('counts somebody with two devices once, and each device', async () => {
      expect((await preview({ users: ['u5', 'u5', 'nobody'] })).body).toEqual({
        users: 1,
        devices: 2,
        platforms: [
          { platform: 'ios', users: 1, devices: 1 },
          { platform: 'android', users: 1, devices: 1 },
        ],
      });
    });

    it('leaves out devices that are not active, and those of other apps', async () => {
      const [gone] = [...byName].filter(([, name]) => name === 'd1').map(([id]) => id);
      await platform.sql.query(`UPDATE device SET state = 'retired' WHERE id = $1`, [gone]);
      expect((await preview({ everyone: true })).body).toEqual(counted(['d2', 'd3', 'd4', 'd5', 'd6', 'd7', 'd8']));
      const other = await platform.createApp(['read']);
      const nothing = await other.call<AudiencePreview>('POST', '/v1/audiences/preview', {
        audience: { everyone: true },
      });
      expect(nothing.body).toMatchObject({ users: 0, devices: 0 });
    });

    it('is never everyone by mistake', async () => {
      for (const audience of [
        {},
        { platforms: ['ios'] },
        { everyone: false },
        { everyone: null, users: null, allOf: null, platforms: null },
      ]) {
        expect(refusalIn(await preview(audience))).toEqual([422, 'audience.empty', '/audience']);
      }
      expect(refusalIn(await preview(undefined))).toEqual([400, 'request.invalid', '/audience']);
    });

    it.each<[name: string, audience: unknown, refusal: readonly unknown[]]>([
      [
        '1,001 users',
        { users: Array.from({ length: 1_001 }, (_, i) => `u${i}`) },
        [422, 'users.too_many', '/audience/users'],
      ],
      ['21 tags', { allOf: Array.from({ length: 21 }, (_, i) => `t${i}`) }, [422, 'tags.too_many', '/audience/allOf']],
      [
        '21 alternatives',
        { anyOf: Array.from({ length: 21 }, (_, i) => `t${i}`) },
        [422, 'tags.too_many', '/audience/anyOf'],
      ],
      ['a tag that nobody can have', { anyOf: ['ok', 'a,b'] }, [422, 'tags.characters', '/audience/anyOf/1']],
      ['no platform', { everyone: true, platforms: [] }, [400, 'request.invalid', '/audience/platforms']],
      [
        'a platform twice',
        { everyone: true, platforms: ['ios', 'ios'] },
        [400, 'request.invalid', '/audience/platforms'],
      ],
      [
        'an unknown platform',
        { everyone: true, platforms: ['windows'] },
        [400, 'request.invalid', '/audience/platforms'],
      ],
      ['"everyone" in quotes', { everyone: 'true' }, [400, 'request.invalid', '/audience/everyone']],
      ['an unknown field', { everyone: true, is_to_all: true }, [400, 'request.invalid', '/audience/is_to_all']],
      ['an empty package', { packageName: '' }, [400, 'request.invalid', '/audience/packageName']],
    ])('is refused with %s', async (_name, audience, refusal) => {
      expect(refusalIn(await preview(audience))).toEqual(refusal);
    });
  });
});
