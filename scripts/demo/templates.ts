import { sendCallback, udeskMessage, udeskMessages } from '@bellhop/simulators';
import { UDESK_PLUGIN, UDESK_TOKEN } from '../../src/sandbox/demo-vendors.js';
import { settledEvent } from './events.js';
import type { Section, Stage } from './stage.js';
import { say, until } from './words.js';

const KIND = { kind: 'conversation.message', messageType: 'image', locale: 'en' };
const TEMPLATE = { ...KIND, title: '{{app.name}}', body: '{{sender.name}} sent you a picture' };

export const TEMPLATES: Section = {
  title: 'Words of your own',
  async play(stage) {
    await forgetLeftovers(stage);
    const preview = await stage.api<{ title: string; body: string }>('POST', '/v1/templates/preview', TEMPLATE);
    say(`  preview of "${TEMPLATE.body}": ${preview.title}: ${preview.body}`);
    stage.check('a preview fills in the variables of a sample', preview.body.endsWith(' sent you a picture'));
    const unknown = { ...TEMPLATE, body: '{{sender.age}} sent you a picture' };
    const { status } = await stage.call('POST', '/v1/templates', unknown);
    stage.equal('a variable that the kind does not have is refused (422)', status, 422);
    const { id } = await stage.api<{ id: string }>('POST', '/v1/templates', TEMPLATE);
    try {
      await sendPicture(stage);
    } finally {
      await stage.api('DELETE', `/v1/templates/${id}`);
    }
  },
};

/** Of a run that was broken off. */
async function forgetLeftovers(stage: Stage): Promise<void> {
  const { data } = await stage.api<{ data: (typeof TEMPLATE & { id: string })[] }>('GET', '/v1/templates?limit=200');
  for (const { id, body } of data) if (body === TEMPLATE.body) await stage.api('DELETE', `/v1/templates/${id}`);
}

/** A picture from Udesk: the Android phone of the demo user speaks English, the iPhone Chinese. */
async function sendPicture(stage: Stage): Promise<void> {
  const { url, vendors } = stage.sandbox;
  const picture = udeskMessage('image', { content: 'https://udesk.example/receipt.png' });
  const batch = { webToken: UDESK_TOKEN, pluginId: UDESK_PLUGIN, messages: [picture] };
  await sendCallback(url + vendors.udesk.callbackPath, udeskMessages(batch));
  const { id } = await settledEvent(stage, vendors.udesk.integrationId);
  const arrivals = await until('the picture arrives', async () => {
    const seen = await stage.arrivals(id);
    return seen.length >= 2 ? seen : undefined;
  });
  const textOn = (gateway: string) => arrivals.find((arrival) => arrival.gateway === gateway)?.payload;
  const { body } = (textOn('fcm')?.notification ?? {}) as { body?: string };
  stage.equal('it speaks on the English phone', body, 'Tom sent you a picture');
  const { alert } = (textOn('apns')?.aps ?? {}) as { alert?: { body?: string } };
  stage.check(
    `and the built-in words on the Chinese one: ${alert?.body}`,
    Boolean(alert?.body) && alert?.body !== body,
  );
}
