import { createDecipheriv } from 'node:crypto';
import { loadVectors } from '@bellhop/contracts/testing';
import { echatPush } from '@bellhop/simulators';
import {
  type BenchVendor,
  entryOf,
  fixtureBytes,
  fixturePath,
  people,
  VectorBench,
  withBody,
} from '../support/vector-bench.js';
import { wireOf } from '../support/vectors.js';

// Every inbound vector of Echat over HTTP against the running platform on PostgreSQL, one integration each.

const vectors = loadVectors(fixturePath('echat'));
const NOW = new Date('2026-01-15T08:00:00.000Z');
const plain = entryOf(vectors, 'ECHAT-IN-10').settings;
const secure = entryOf(vectors, 'ECHAT-SEC-01').settings;
const chat = wireOf(entryOf(vectors, 'ECHAT-IN-10'));
const received = { status: 200, body: 'success' };
const echat = (msgType: string, body: Buffer, nonce: string) =>
  wireOf(echatPush({ token: String(plain.token) }, msgType, body.toString('utf8'), { now: NOW, nonce }));

const bench = new VectorBench({
  plugin: 'echat',
  people: people('echat.member_uid', 'user_10086', '28474495'),
  configOf: ({ mode, token, freshnessMs, appId, encodingAesKey }) => ({
    mode,
    token,
    maxAgeSeconds: Number(freshnessMs) / 1000,
    ...(mode === 'secure' && { appId, encodingAesKey }),
  }),
  clearText,
});

bench.describeVectors(vectors);
bench.describeRules([
  {
    id: 'ECHAT-IN-12',
    title: 'msgReply as documented',
    settings: plain,
    request: echat('msgReply', fixtureBytes('echat', 'docs-msgReply-malformed.xml'), 'n1008'),
    now: NOW,
    expect: {
      outcome: 'accepted',
      http: received,
      parseMode: 'tolerant',
      events: [
        {
          kind: 'leave_message.replied',
          messageId: '345678',
          conversationId: '1733339',
          unreadCount: 3,
          recipient: { identities: [{ type: 'echat.member_uid', value: '28474495' }] },
          notification: { title: '您的留言有新回复', body: '客服回复的内容' },
        },
      ],
    },
  },
  {
    id: 'ECHAT-IN-27',
    title: 'a signed query that came with another body before is refused, and kept',
    settings: plain,
    given: chat,
    request: withBody(chat, chat.body.toString('utf8').replace('900001', '900099')),
    now: NOW,
    expect: { outcome: 'quarantined', errorCode: 'echat.nonce_reused', http: { status: 401 }, events: [] },
  },
  {
    id: 'ECHAT-IN-33',
    title: 'chat text cannot bring a pushInfo of its own',
    settings: plain,
    request: echat('chatSend', fixtureBytes('echat', 'chatSend-injection.xml'), 'n1029'),
    now: NOW,
    expect: { outcome: 'quarantined', errorCode: 'echat.duplicate_field', http: received, events: [] },
  },
  {
    id: 'ECHAT-IN-38',
    title: 'the parts of the signature are sorted by code unit',
    settings: plain,
    request: echat('chatSend', chat.body, 'Zed'),
    now: NOW,
    expect: { outcome: 'accepted', http: received, events: [{ messageId: '900001' }] },
    more: () => expect(['echat-test-token-01', 'Zed'].sort()).toEqual(['Zed', 'echat-test-token-01']),
  },
  {
    id: 'ECHAT-SEC-02',
    title: 'base64 with line breaks and without padding',
    settings: secure,
    request: echat('chatSend', fixtureBytes('echat', 'secure-chatSend-wrapped.xml'), 'n1037'),
    now: NOW,
    expect: {
      outcome: 'accepted',
      http: received,
      parseMode: 'strict',
      events: [{ kind: 'conversation.message', messageType: 'text' }],
    },
  },
  {
    id: 'ECHAT-SEC-07',
    title: 'an encrypted body that is malformed inside',
    settings: secure,
    request: echat('chatSend', fixtureBytes('echat', 'secure-docs-malformed.xml'), 'n1042'),
    now: NOW,
    expect: {
      outcome: 'accepted',
      http: received,
      parseMode: 'tolerant',
      events: [{ messageId: '345678', unreadCount: 3 }],
    },
  },
]);

/** The body that must be kept: what an encrypted one holds, deciphered here without the plugin's help. */
function clearText({ settings, request }: Parameters<NonNullable<BenchVendor['clearText']>>[0]): Buffer {
  if (settings?.mode !== 'secure') return request.body;
  const [, sealed = ''] = /<Encrypt><!\[CDATA\[([^\]]*)/.exec(request.body.toString('utf8')) ?? [];
  const key = Buffer.from(`${String(settings.encodingAesKey)}=`, 'base64');
  const cipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
  const plain = Buffer.concat([cipher.update(sealed.replace(/\s/g, ''), 'base64'), cipher.final()]);
  return plain.subarray(20, 20 + plain.readUInt32BE(16));
}
