import { nimMessage, sendCallback } from '@bellhop/simulators';
import { FRIEND } from '../../src/sandbox/demo-people.js';
import { settledEvent } from './events.js';
import { reached, tokensOf, withPreferences } from './people.js';
import type { Section, Stage } from './stage.js';
import { say } from './words.js';

interface Step {
  readonly stage: string;
  readonly text: string;
  readonly state?: string;
  readonly reason?: string;
}

const ALWAYS_QUIET = { dndStart: '00:00', dndEnd: '23:59' };
const SENDER = 'zhangsan';

export const PREFERENCES: Section = {
  title: 'Do not disturb',
  async play(stage) {
    await withPreferences(stage, FRIEND, ALWAYS_QUIET, async () => {
      await rest(stage);
      await insist(stage);
    });
    await withPreferences(stage, FRIEND, { mutedConversations: [SENDER] }, () => mute(stage));
  },
};

async function rest(stage: Stage): Promise<void> {
  const { id } = await stage.notify({ audience: { users: [FRIEND.userId] }, content: { title: 'Quiet hours' } });
  await stage.ended(id);
  await showSkips(stage, 'in quiet hours every phone is skipped, and the trace says why', id);
}

async function insist(stage: Stage): Promise<void> {
  const { id, mark } = await stage.notify({
    audience: { users: [FRIEND.userId] },
    content: { title: 'Your code is 4711' },
    forced: true,
  });
  await stage.ended(id);
  stage.equal('what is forced arrives', reached(await stage.arrivals(mark)), tokensOf(FRIEND));
}

/** A message of a conversation that the friend has muted. */
async function mute(stage: Stage): Promise<void> {
  const { url, vendors } = stage.sandbox;
  const { config, callbackPath, integrationId } = vendors.nim;
  const app = { appKey: config.appKey ?? '', appSecret: config.appSecret ?? '' };
  const message = { fromAccount: SENDER, fromNick: '张三', to: FRIEND.userId, body: '在吗？' };
  await sendCallback(url + callbackPath, nimMessage(app, message, { now: new Date() }));
  await showSkips(stage, 'a message of a muted conversation as well', (await settledEvent(stage, integrationId)).id);
}

async function showSkips(stage: Stage, what: string, id: string): Promise<void> {
  const { steps } = await stage.api<{ steps: Step[] }>('GET', `/v1/trace/${id}`);
  const deliveries = steps.filter((step) => step.stage === 'delivery');
  for (const { text } of deliveries) say(`  ${text}`);
  const reasons = deliveries.map(({ state, reason }) => [state, reason]);
  stage.equal(
    what,
    reasons,
    FRIEND.phones.map(() => ['skipped', 'do_not_disturb']),
  );
}
