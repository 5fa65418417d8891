import { rongCloudCommand, sendCallback } from '@bellhop/simulators';
import { FRIEND } from '../../src/sandbox/demo-people.js';
import { eventsOf } from './events.js';
import { reached, tokensOf } from './people.js';
import { newMark, type Section, type Stage } from './stage.js';
import { until } from './words.js';

interface Answer {
  readonly status: number;
  readonly code: number;
  readonly body: string;
}

type Command = (path: string, body: object | URLSearchParams, forged?: boolean) => Promise<Answer>;

const BOTH = ['ios', 'android'];

export const SERVER_API: Section = {
  title: "An application server that speaks RongCloud's server API",
  async play(stage) {
    const command = commandsTo(stage);
    await tagAndRead(stage, command);
    await push(stage, command);
    await refuse(stage, command);
  },
};

/** The inbound address is what the server enters as its API address. */
function commandsTo({ sandbox }: Stage): Command {
  const { callbackPath, config } = sandbox.vendors.rongcloud;
  const app = { appKey: config.appKey ?? '', appSecret: config.appSecret ?? '' };
  return async (path, body, forged = false) => {
    const call = rongCloudCommand(app, path, body, { now: new Date(), forged });
    const reply = await sendCallback(sandbox.url + callbackPath, call);
    return { ...reply, code: Number(/"code":(\d+)|<code>(\d+)/.exec(reply.body)?.slice(1).find(Boolean)) };
  };
}

async function tagAndRead(stage: Stage, command: Command): Promise<void> {
  const tags = [...FRIEND.tags, 'demo-server'];
  const { body } = await command('user/tag/set.json', { userId: FRIEND.userId, tags });
  stage.equal('/user/tag/set is answered in its words', body, '{"code":200}');
  const found = await command('user/tags/get.json', new URLSearchParams({ userIds: FRIEND.userId }));
  stage.equal(
    '/user/tags/get knows them at once',
    found.body,
    JSON.stringify({ code: 200, result: { [FRIEND.userId]: tags } }),
  );
}

async function push(stage: Stage, command: Command): Promise<void> {
  const extras = { demo: newMark() };
  const { body } = await command('push.xml', {
    platform: BOTH,
    audience: { tag: ['demo-server'], is_to_all: false },
    notification: { alert: '来自业务服务器', ios: { extras }, android: { extras } },
  });
  stage.check(`/push is answered with an id, here in XML: ${body}`, /<code>200<.*<id>evt_/.test(body));
  await until('the push arrives', async () => {
    const arrivals = await stage.arrivals(extras.demo);
    return arrivals.length >= FRIEND.phones.length ? arrivals : undefined;
  });
  const arrivals = await stage.arrivals(extras.demo);
  stage.equal('it goes through APNs and FCM to those who have the tag', reached(arrivals), tokensOf(FRIEND));
}

/** Each in the vendor's own codes, and nothing is stored. */
async function refuse(stage: Stage, command: Command): Promise<void> {
  const { integrationId } = stage.sandbox.vendors.rongcloud;
  const events = () => eventsOf(stage, integrationId, 1);
  const before = await events();
  const { userId } = FRIEND;
  const nobody = { platform: BOTH, audience: { is_to_all: false }, notification: { alert: 'hello' } };
  const answers = {
    'a tag of 41 bytes': await command('user/tag/set.json', { userId, tags: ['x'.repeat(41)] }),
    '21 tags': await command('user/tag/set.json', { userId, tags: Array.from({ length: 21 }, (_, i) => `t${i}`) }),
    'is_to_all: false alone': await command('push.json', nobody),
    'a forged signature': await command('push.json', nobody, true),
  };
  for (const [what, { status, code }] of Object.entries(answers))
    stage.check(`${what} is refused: HTTP ${status}, code ${code}`, status >= 400 && code >= 1000);
  stage.equal('nothing of it is stored', await events(), before);
}
