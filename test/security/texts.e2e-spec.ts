import { nimMessage } from '@bellhop/simulators';
import { publicId } from '../../src/platform/ids.js';
import { type ApiReply, type Gateways, PLATFORM_KEY, startGateways, TestPlatform } from '../support/app.js';
import { freshApnsToken, type Phones, Shop } from '../support/shop.js';
import { CONTROL_TEXTS, META_TEXTS, STRANGE_TEXTS, UNSTORABLE_TEXTS } from './ugly.js';

interface Refused {
  readonly errors?: readonly { readonly field: string }[];
}

/** Somewhere a caller may put a text. */
interface Place {
  readonly name: string;
  /** As a refusal names it. */
  readonly field: string;
  put(text: string, number: number): Promise<ApiReply<Refused>>;
  /** What stands there afterwards. */
  get(text: string, number: number): Promise<unknown>;
}

const WELL_FORMED = Object.entries({ ...STRANGE_TEXTS, ...CONTROL_TEXTS, ...META_TEXTS });
const TEXTS = [...WELL_FORMED, ...Object.entries(UNSTORABLE_TEXTS)];
/** A place gets a quarter of those that mean something to somebody, and all others. */
const textsFor = (place: number): typeof TEXTS => {
  const meta = Object.entries(META_TEXTS).filter((_, i) => i % 4 === place % 4);
  return [...Object.entries({ ...STRANGE_TEXTS, ...CONTROL_TEXTS, ...UNSTORABLE_TEXTS }), ...meta];
};

describe('texts of every kind', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;
  let phones: Phones;
  let nim: { readonly publicId: string };

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start();
    shop = await Shop.open(platform, gateways);
    phones = await shop.person('user_1');
    nim = await shop.vendor('nim', { appKey: 'a', appSecret: 'b' });
  });
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
  });

  type Json = Record<string, unknown>;
  const call = (method: string, path: string, body?: object) =>
    shop.app.call<Refused & Json>(method, path, body, undefined);
  const show = async (path: string): Promise<Json> => (await call('GET', path)).body;
  const inPath = (text: string): string => encodeURIComponent(text);
  /** Made once and changed after that, or made anew each time: where it stands. */
  const made = new Map<string, string>();
  const remember = async <R extends ApiReply<Json>>(name: string, reply: Promise<R>): Promise<R> => {
    const given = await reply;
    if (given.status < 300) made.set(name, String(given.body['id']));
    return given;
  };
  const app = (): string => `/v1/apps/${publicId('app', shop.app.id)}`;
  const asOperator = (method: string, path: string, body?: object) =>
    platform.request<Refused & Json>(method, path, { key: PLATFORM_KEY, body });
  const TEMPLATE = { kind: 'conversation.message', messageType: 'text', locale: 'de', body: 'x' };

  const places: readonly Place[] = [
    {
      name: 'the name of an app',
      field: '/name',
      put: (name) => asOperator('PATCH', app(), { name }),
      get: async () => (await asOperator('GET', app())).body['name'],
    },
    {
      name: 'the name of an integration',
      field: '/name',
      put: (name) => call('PATCH', `/v1/integrations/${nim.publicId}`, { name }),
      get: async () => (await show(`/v1/integrations/${nim.publicId}`))['name'],
    },
    {
      name: 'a setting of an integration',
      field: '/config/appKey',
      put: (appKey) => call('PATCH', `/v1/integrations/${nim.publicId}`, { config: { appKey } }),
      get: async () => ((await show(`/v1/integrations/${nim.publicId}`))['config'] as Json)['appKey'],
    },
    {
      name: 'a user id',
      field: '{userId}',
      put: (text) => call('PUT', `/v1/users/${inPath(text)}/tags`, { tags: ['known'] }),
      get: async (text) => {
        const rows = await shop.query<{ id: string }>(
          'SELECT user_id AS id FROM user_tag WHERE app_id = $1 AND user_id = $2',
          text,
        );
        const { tags } = (await show(`/v1/users/${inPath(text)}/tags`)) as { tags?: string[] };
        return tags?.includes('known') ? rows[0]?.id : undefined;
      },
    },
    {
      name: 'an installation id',
      field: '{installationId}',
      put: (text, number) => {
        const body = { gateway: 'apns', platform: 'ios', environment: 'production', token: freshApnsToken() };
        return call('PUT', `/v1/users/person-${number}/devices/${inPath(text)}`, body);
      },
      get: async (_text, number) => {
        const { data } = (await show(`/v1/users/person-${number}/devices`)) as { data?: { installationId: string }[] };
        return data?.[0]?.installationId;
      },
    },
    {
      name: 'a tag',
      field: '/tags/0',
      put: (text, number) => call('PUT', `/v1/users/tagged-${number}/tags`, { tags: [text] }),
      get: async (_text, number) => ((await show(`/v1/users/tagged-${number}/tags`))['tags'] as string[])[0],
    },
    {
      name: 'the name of a person at a vendor',
      field: '/value',
      put: (value, number) =>
        call('PUT', `/v1/users/linked-${number}/identities`, { integrationId: nim.publicId, kind: 'nim.accid', value }),
      get: async (_text, number) => {
        const { data } = (await show(`/v1/users/linked-${number}/identities`)) as { data?: { value: string }[] };
        return data?.[0]?.value;
      },
    },
    {
      name: 'a sender who is not wanted',
      field: '/blockedSenders/0',
      put: (text, number) => call('PUT', `/v1/users/quiet-${number}/preferences`, { blockedSenders: [text] }),
      get: async (_text, number) =>
        ((await show(`/v1/users/quiet-${number}/preferences`))['blockedSenders'] as string[])[0],
    },
    {
      name: 'the words of a template',
      field: '/title',
      put: async (title) => {
        const id = made.get('template');
        const body = { ...TEMPLATE, title };
        return id
          ? call('PUT', `/v1/templates/${id}`, body)
          : remember('template', call('POST', '/v1/templates', body));
      },
      get: async () => (await show(`/v1/templates/${made.get('template')}`))['title'],
    },
    {
      name: 'the description of a webhook',
      field: '/description',
      put: (description) => {
        const id = made.get('webhook');
        const body = { url: 'https://93.184.216.34/x', events: ['delivery.dead'], description };
        return id ? call('PATCH', `/v1/webhooks/${id}`, body) : remember('webhook', call('POST', '/v1/webhooks', body));
      },
      get: async () => (await show(`/v1/webhooks/${made.get('webhook')}`))['description'],
    },
    {
      name: 'the name of a key',
      field: '/name',
      put: (name) => remember('key', asOperator('POST', `${app()}/api-keys`, { name, scopes: ['read'] })),
      get: async () => {
        const { data } = (await asOperator('GET', `${app()}/api-keys?limit=200`)).body as {
          data?: { id: string; name: string }[];
        };
        return data?.find(({ id }) => id === made.get('key'))?.name;
      },
    },
  ];

  it.each(places)('$name is kept as it is, or refused by name', async (place) => {
    const { field } = place;
    let kept = 0;
    for (const [number, [name, text]] of textsFor(places.indexOf(place)).entries()) {
      // No address can hold half a surrogate pair.
      if (field.startsWith('{') && !text.isWellFormed()) continue;
      const { status, body } = await place.put(text, number);
      if (status < 300) {
        expect([name, await place.get(text, number)]).toEqual([name, text]);
        kept++;
        continue;
      }
      const fields = new Set((body.errors ?? []).map((error) => error.field));
      expect([name, [400, 422].includes(status), fields]).toEqual([
        name,
        true,
        new Set([expect.stringContaining(parent(field))]),
      ]);
    }
    expect(kept).toBeGreaterThan(0);
  });

  it('of a notification come to both gateways as they were sent', async () => {
    const sent: string[] = [];
    for (const [name, text] of TEXTS) {
      const content = { title: text, body: `body ${text}`, extras: { [`name ${text}`]: text }, threadId: 't' };
      const { status, body } = await call('POST', '/v1/notifications', { audience: { users: ['user_1'] }, content });
      if (status !== 202) {
        const named = (body.errors ?? []).map(({ field }) => field.startsWith('/content/'));
        expect([name, status, new Set(named)]).toEqual([name, 400, new Set([true])]);
        continue;
      }
      sent.push(text);
      const shown = await show(`/v1/notifications/${String(body['id'])}`);
      expect([name, JSON.stringify(shown['content'])]).toEqual([name, expect.stringContaining(JSON.stringify(text))]);
    }
    expect(sent).toEqual(expect.arrayContaining(Object.values(STRANGE_TEXTS)));
    await shop.settled();
    const expected = sent.map((text) => [text, `body ${text}`, text]);
    const iphone = shop.onApns(phones.iosToken).map(({ payload }) => {
      const { aps, extras } = payload as { aps: { alert: { title: string; body: string } }; extras: Json };
      return [aps.alert.title, aps.alert.body, extras[`name ${aps.alert.title}`]];
    });
    const android = shop.onFcm(phones.androidToken).map(({ message }) => {
      const { notification, data } = message as { notification: { title: string; body: string }; data: Json };
      return [notification.title, notification.body, data[`name ${notification.title}`]];
    });
    expect(new Set(iphone.map((one) => JSON.stringify(one)))).toEqual(
      new Set(expected.map((one) => JSON.stringify(one))),
    );
    expect(new Set(android.map((one) => JSON.stringify(one)))).toEqual(
      new Set(expected.map((one) => JSON.stringify(one))),
    );
  });

  it('of a vendor find people whose names are strange, and are shown to them', async () => {
    const key = { appKey: 'k', appSecret: 's' };
    const { inboundUrl, publicId: id } = await shop.vendor('nim', key);
    const people = await Promise.all(
      Object.values(STRANGE_TEXTS).map(async (text, number) => {
        const person = await shop.person(`strange-${number}`);
        await shop.link(person.userId, id, 'nim.accid', text);
        const message = { fromAccount: 'a', fromNick: 'Bob', to: text, body: text };
        await shop.post(inboundUrl, nimMessage(key, message, { now: new Date() }));
        return { person, text };
      }),
    );
    await shop.settled();
    for (const { person, text } of people) {
      expect([text, shop.pushes(person)]).toEqual([text, [1, 1]]);
      expect(withPlainBlanks(shop.alerts(person)[0]?.body ?? '')).toContain(withPlainBlanks(text));
    }
  });
});

/** On a screen, blanks of every kind are one blank. */
const withPlainBlanks = (text: string): string => text.replaceAll(/\s+/g, ' ');

/** A list or an object whose part is at fault may be named itself. */
const parent = (field: string): string => field.replace(/\/0$/, '');
