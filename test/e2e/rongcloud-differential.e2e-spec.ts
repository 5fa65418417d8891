import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  accept,
  type ChannelClient,
  effectiveAudience,
  type InboundEvent,
  type PushMessage,
  readConfig,
  type SendItem,
} from '@bellhop/contracts';
import { executed, rawRequest, testContext } from '@bellhop/contracts/testing';
import { type RongCloudCommand, type RongCloudSimulator, startRongCloudSimulator } from '@bellhop/simulators';
// Of the plugin itself and not through its module: nothing but the two clients is under test.
import { RongCloudChannel } from '../../libs/vendors/rongcloud/src/rongcloud.channel.js';
import { RongCloudInbound } from '../../libs/vendors/rongcloud/src/rongcloud.inbound.js';
import { RongCloudConfig } from '../../libs/vendors/rongcloud/src/rongcloud.manifest.js';
import { callSdk, type SdkCall } from '../support/rongcloud-sdk/index.js';

// Every example of the vendor's document, sent by the vendor's SDK and by our channel: the vendor understands the same.

interface SeedBody {
  readonly userId?: string;
  readonly userIds?: readonly string[];
  readonly tags?: readonly string[];
  readonly fromuserid?: string;
  readonly message?: { readonly content: string; readonly objectName: string };
}

interface Seed {
  readonly id: string;
  readonly path: string;
  readonly bodyRaw: string;
  readonly body: SeedBody;
}

const { requests: seeds } = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '../../libs/vendors/rongcloud/fixtures/seed-requests.json'), 'utf8'),
) as { requests: readonly Seed[] };

const APP = { appKey: 'uwd1c0sxdlx2', appSecret: 'Y1W2MeFwwwRxa0' };
const NEVER = new AbortController().signal;

/** The call of the SDK that makes this example. */
function sdkCallOf({ body }: Seed): SdkCall {
  const { fromuserid: fromUserId, ...content } = body;
  if (body.userIds) return ['User.Tag.batchSet', { users: body.userIds.map((id) => ({ id })), tags: body.tags }];
  if (body.userId) return ['User.Tag.set', { id: body.userId, tags: body.tags }];
  return fromUserId ? ['Push.message', { ...content, fromUserId }] : ['Push.push', content];
}

const adapter = new RongCloudInbound();

/** The example as our own command, by way of the compatible API. */
function eventOf({ path: address, bodyRaw }: Seed): InboundEvent {
  const request = rawRequest({ method: 'POST', path: address.slice(1), query: {}, headers: {}, body: bodyRaw });
  const config = readConfig(RongCloudConfig, APP);
  const [event] = adapter.parse(accept(request).request, config).events;
  if (!event) throw new Error('no event');
  return event;
}

/** Does the same through our channel. */
async function sendByChannel(client: ChannelClient, seed: Seed): Promise<void> {
  const { tags, request } = eventOf(seed);
  if (tags) {
    const replacements = tags.users.map((userId) => ({ userId, tags: tags.tags }));
    await client.tags?.replace(replacements, NEVER);
    return;
  }
  const audience = request && effectiveAudience(request.audience);
  if (!audience) throw new Error('no audience');
  const { content } = request;
  const { fromuserid: from, message } = seed.body;
  const push: PushMessage = {
    ...content,
    extras: content.extras ?? {},
    ...(from && message && { chatMessage: { from, type: message.objectName, content: message.content } }),
    priority: 'high',
    expiresAt: new Date('2036-01-01T00:00:00Z'),
  };
  const item: SendItem = {
    id: '01890000-0000-7000-8000-000000000002',
    message: push,
    target: { kind: 'audience', audience },
  };
  await client.sender?.send([item], NEVER);
}

describe("the vendor's SDK and our channel", () => {
  let simulator: RongCloudSimulator;
  let client: ChannelClient;
  /** What the vendor understood, one command per example. */
  let bySdk: readonly (RongCloudCommand | undefined)[];
  let byChannel: readonly (RongCloudCommand | undefined)[];

  beforeAll(async () => {
    simulator = await startRongCloudSimulator({ ...APP, quotaPerHour: Infinity, quotaPerDay: Infinity });
    const config = readConfig(RongCloudConfig, { ...APP, baseUrls: [simulator.url] });
    client = await new RongCloudChannel().open(config, testContext());
    const { appKey: appkey, appSecret: secret } = APP;
    await callSdk({ appkey, secret, api: simulator.url }, ...seeds.map(sdkCallOf));
    bySdk = understood();
    simulator.reset();
    for (const seed of seeds) await sendByChannel(client, seed);
    byChannel = understood();
  });
  afterAll(async () => {
    await client?.close();
    await simulator?.close();
  });

  /** Every call since the last reset must have been proved and taken. */
  function understood(): readonly (RongCloudCommand | undefined)[] {
    expect(simulator.requests.map(({ answer }) => answer)).toEqual(seeds.map(() => '200'));
    return simulator.requests.map(({ command }) => command);
  }

  it('have all examples of the document before them', () => {
    expect([seeds.length, bySdk.length, byChannel.length]).toEqual([17, 17, 17]);
  });

  it.each(seeds.map((seed, index) => [seed.id, index] as const))('make the vendor understand the same: %s', (id, i) => {
    expect(bySdk[i]).toBeDefined();
    expect(byChannel[i]).toEqual(bySdk[i]);
    executed('rongcloud/seed-requests.json', id);
  });

  it.each(seeds.map((seed, index) => [seed.id, seed, index] as const))(
    'mean what the compatible API understands: %s',
    (_id, seed, index) => {
      expect(meaningOf(eventOf(seed))).toEqual(bySdk[index] && meaningOfCommand(bySdk[index]));
    },
  );
});

/** Kind and people, in words that both sides have. */
function meaningOf({ tags, request }: InboundEvent): object | undefined {
  if (tags) return { users: tags.users, tags: tags.tags };
  const audience = request && effectiveAudience(request.audience);
  switch (audience?.kind) {
    case 'everyone':
      return { all: true };
    case 'users':
      return { userIds: audience.users };
    case 'tags': {
      const { allOf, anyOf, packageName } = audience;
      return { tagsAll: allOf, tagsAny: anyOf, ...(packageName && { packageName }) };
    }
    case undefined:
      return undefined;
  }
}

function meaningOfCommand(command: RongCloudCommand): object | undefined {
  switch (command.kind) {
    case 'tags':
      return { users: command.userIds, tags: command.tags };
    case 'push':
      return command.audience;
    case 'query':
      return undefined;
  }
}
