import { CUSTOMER } from '../../src/sandbox/demo-people.js';
import type { Section, Stage } from './stage.js';
import { say, until } from './words.js';

interface Received {
  readonly path: string;
  readonly id: string;
  readonly genuine: boolean;
  readonly payload: {
    readonly type: string;
    readonly data: { readonly notificationId?: string; readonly userId?: string };
  };
}

interface Webhook {
  readonly id: string;
  readonly secret: string;
}

const METADATA = 'https://169.254.169.254/latest/meta-data/';

export const WEBHOOKS: Section = {
  title: 'Webhooks of our own',
  async play(stage) {
    const { receiver } = stage.sandbox;
    const events = ['notification.done'];
    const webhook = await stage.api<Webhook>('POST', '/v1/webhooks', { url: `${receiver}/demo`, events });
    try {
      await stage.rules('webhook', { trust: [webhook.secret] });
      await hear(stage);
      await forge(stage);
      await misdirect(stage, webhook);
    } finally {
      await stage.api('DELETE', `/v1/webhooks/${webhook.id}`);
    }
    await sendThroughChannel(stage);
  },
};

async function hear(stage: Stage): Promise<void> {
  const { id } = await stage.notify({ audience: { users: [CUSTOMER.userId] }, content: { title: 'Tell my server' } });
  const heard = await until('the event is heard', async () => {
    const calls = await stage.requests<Received>('webhook', id);
    return calls.find(({ path }) => path === '/hooks/demo');
  });
  say(`  ${heard.id}: ${heard.payload.type} of ${heard.payload.data.notificationId}`);
  stage.equal(
    'an event is heard, and its signature is right',
    [heard.payload.type, heard.genuine],
    ['notification.done', true],
  );
}

async function forge(stage: Stage): Promise<void> {
  const headers = {
    'webhook-id': 'msg_forged',
    'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
    'webhook-signature': `v1,${Buffer.alloc(32).toString('base64')}`,
  };
  const { status } = await fetch(`${stage.sandbox.receiver}/demo`, { method: 'POST', headers, body: '{}' });
  stage.equal('the receiver refuses a forged one (401)', status, 401);
}

/** Addresses that would make us ask for what only we can reach. */
async function misdirect(stage: Stage, { id }: Webhook): Promise<void> {
  const body = { url: METADATA, events: ['notification.done'] };
  const refused = await stage.call<{ errors?: { field: string; message: string }[] }>('POST', '/v1/webhooks', body);
  const [error] = refused.body.errors ?? [];
  stage.equal(`${METADATA} ${error?.message}`, [refused.status, error?.field], [422, '/url']);
  await stage.api('PATCH', `/v1/webhooks/${id}`, { url: `${stage.sandbox.receiver}/redirect` });
  const test = await stage.api<{ ok: boolean; detail?: string }>('POST', `/v1/webhooks/${id}/test`);
  stage.equal('a redirect to it is not followed', [test.ok, test.detail], [false, 'HTTP 302']);
}

/** The door to a company's own SMS or site messages. */
async function sendThroughChannel(stage: Stage): Promise<void> {
  const { id, mark } = await stage.notify({
    channel: stage.sandbox.hooks.integrationId,
    audience: { users: [CUSTOMER.userId] },
    content: { title: 'By another way' },
  });
  await stage.ended(id);
  const calls = await stage.requests<Received>('webhook', mark);
  const seen = calls.map(({ genuine, payload }) => [genuine, payload.data.userId]);
  stage.equal('a notification through the webhook channel, signed as well', seen, [[true, CUSTOMER.userId]]);
}
