import { readFileSync } from 'node:fs';
import path from 'node:path';
import { MalformedPayloadError } from '@bellhop/contracts';
import { readKf5 } from './kf5.wire.js';

const fixture = (name: string): Buffer => readFileSync(path.join(import.meta.dirname, '../fixtures', name));
const read = (body: object | string | Buffer) =>
  readKf5(Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), 10_000);
const eventOf = (body: Parameters<typeof read>[0]) => read(body).events[0]!;
const chat = (message: unknown) => ({ user: { user_id: 7 }, notification: { type: 'im', message } });

function codeOf(body: Parameters<typeof read>[0]): string {
  try {
    read(body);
  } catch (error) {
    if (error instanceof MalformedPayloadError) return error.code;
    throw error;
  }
  return 'none';
}

describe('devices', () => {
  it('are named once, without blanks, and keep a platform that is not known', () => {
    const { ticket, recipient } = eventOf(fixture('ticket-mixed-devices.json'));
    expect(ticket).toEqual({ id: '998' });
    expect(recipient).toEqual({
      identities: [{ kind: 'kf5.user_id', value: '40057' }],
      devices: [
        { platform: 'ios', token: 'aa11' },
        { platform: 'android', token: 'bb22' },
        { platform: 'unknown', token: 'cc33' },
      ],
    });
  });

  it.each([
    ['devices', { devices: [{ device_token: 't', type: 'IOS' }] }],
    ['a single object', { device: { device_token: 't', type: 'IOS' } }],
    ['both keys', { device: [{ device_token: 't', type: 'IOS' }], devices: [{ device_token: 't', type: 'ios' }] }],
  ])('are read from %s', (_name, part) => {
    expect(eventOf({ ...chat('hi'), ...part }).recipient.devices).toEqual([{ platform: 'ios', token: 't' }]);
  });
});

describe('a ticket reply', () => {
  const { push } = eventOf({ notification: { type: 'ticket', ticket_id: 998 } });

  it('opens the ticket and replaces the reply before it', () => {
    expect(push).toEqual({
      notify: true,
      collapseId: 'kf5-ticket-998',
      deepLink: 'support/kf5/ticket/998',
      extras: { vendor: 'kf5', kind: 'ticket.replied', ticketId: '998' },
    });
  });

  it('with an absurd id still has a collapse id that gateways take', () => {
    const { collapseId } = eventOf({ notification: { ticket_id: '9'.repeat(500) } }).push;
    expect(collapseId).toMatch(/^kf5-ticket-[0-9a-f]{32}$/);
  });

  it('cannot leave its place in the deep link', () => {
    expect(eventOf({ notification: { ticket_id: '../1?x#y' } }).push.deepLink).toBe(
      'support/kf5/ticket/..%2F1%3Fx%23y',
    );
  });
});

describe('a chat message', () => {
  it.each([
    ['https://kf5.example/a.PNG?x=1&y=2', 'image'],
    ['https://kf5.example/v.amr', 'audio'],
    ['http://kf5.example/m.mp4', 'video'],
  ])('that is the address %s is a %s', (url, type) => {
    expect(eventOf(chat(url)).message).toEqual({ type, vendorType: 'im', text: null, attachment: { url } });
  });

  it.each([
    ['see https://kf5.example/a.png', 'see https://kf5.example/a.png'],
    ['https://kf5.example/page', 'https://kf5.example/page'],
    ['  hi  ', 'hi'],
    [5, '5'],
    [{ odd: true }, ''],
  ])('%j is the text %j', (content, text) => {
    expect(eventOf(chat(content)).message).toEqual({ type: 'text', vendorType: 'im', text });
  });

  it('keeps commas before brackets within a text when the body is repaired', () => {
    const { events, parseMode } = read(fixture('im-comma-in-string.txt'));
    expect([parseMode, events[0]?.message?.text]).toEqual(['tolerant', 'a,}b,]']);
  });

  it('keeps 120 family emoji', () => {
    const text = eventOf(fixture('im-long-emoji.json')).message?.text ?? '';
    expect([...new Intl.Segmenter().segment(text)]).toHaveLength(120);
  });

  it('never puts its words into the extras', () => {
    expect(eventOf(chat('secret words')).push.extras).toEqual({ vendor: 'kf5', kind: 'conversation.message' });
  });
});

describe('the key', () => {
  const device = (token: string) => ({ device_token: token, type: 'IOS' });
  const base = { user: { user_id: 1 }, device: [device('a'), device('b')], notification: { ticket_id: '1' } };

  it('does not depend on the order of devices nor on spelling', () => {
    const same = {
      user: { user_id: '1' },
      devices: [device('b'), device('a')],
      notification: { type: 'TICKET', ticket_id: 1 },
    };
    expect(eventOf(same).key).toBe(eventOf(base).key);
  });

  it.each([
    ['user', { ...base, user: { user_id: 2 } }],
    ['ticket', { ...base, notification: { ticket_id: '2' } }],
    ['kind', { ...base, notification: { message: '1' } }],
    ['devices', { ...base, device: [device('a')] }],
  ])('tells another %s apart', (_name, other) => {
    expect(eventOf(other).key).not.toBe(eventOf(base).key);
  });
});

describe('a body that cannot be used', () => {
  it.each([
    ['a missing comma', '{"device":[] "notification":{"message":"x"}}', 'kf5.body_not_json'],
    ['an empty body', '', 'kf5.body_not_json'],
    ['a scalar', '7', 'kf5.body_not_object'],
    ['a list as notification', { notification: [] }, 'kf5.notification_missing'],
    ['an empty notification', { notification: {} }, 'kf5.notification_type_unknown'],
    ['a type that is no text', { notification: { type: 5, message: 'x' } }, 'kf5.notification_type_unknown'],
    ['a blank ticket id', { notification: { type: 'ticket', ticket_id: ' ' } }, 'kf5.ticket_id_missing'],
    ['two subjects', { notification: { ticket_id: '1', message: '' } }, 'kf5.notification_ambiguous'],
  ])('is named: %s', (_name, body, code) => {
    expect(codeOf(body)).toBe(code);
  });

  it('is not quoted', () => {
    const body = Buffer.from('{"device":[{"device_token":"aa11bb22"');
    expect(() => readKf5(body, 0)).toThrow(expect.not.objectContaining({ cause: expect.anything() }) as Error);
    expect(() => readKf5(body, 0)).toThrow('The body is not JSON.');
  });

  it('may start with a byte order mark', () => {
    expect(codeOf(`\uFEFF${JSON.stringify(chat('hi'))}`)).toBe('none');
  });
});
