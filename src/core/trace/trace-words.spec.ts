import type { AudienceExpression, InboundEvent } from '@bellhop/contracts';
import { audienceWords, commandWords, scheduleWords, targetWords } from './trace-words.js';

describe('the words of a trace', () => {
  it.each<[AudienceExpression & { devices?: string[]; identities?: string[] }, string]>([
    [{ everyone: true }, 'everyone'],
    [{ everyone: true, platforms: ['ios'] }, 'everyone on ios'],
    [{ users: ['u1'] }, 'users u1'],
    [{ users: ['u1', 'u2', 'u3', 'u4', 'u5'] }, 'users u1, u2, u3 and 2 more'],
    [{ allOf: ['vip', '北京'] }, 'everyone with all of the tags vip, 北京'],
    [
      { allOf: ['vip'], anyOf: ['a', 'b'], packageName: 'com.example.shop', platforms: ['android'] },
      'everyone with all of the tags vip and one of the tags a, b and the app com.example.shop on android',
    ],
    [{ devices: ['dev_1'] }, 'devices dev_1'],
    [{ identities: ['kf5.user_id:7'] }, 'kf5.user_id:7'],
    [{}, 'nobody'],
  ])('tell an audience: %j', (audience, words) => {
    expect(audienceWords(audience)).toBe(words);
  });

  it('tell what a vendor is asked to reach', () => {
    expect(targetWords({ kind: 'vendorUser', userId: 'a7' })).toBe('account a7');
    expect(targetWords({ kind: 'audience', audience: { kind: 'users', users: ['a7', 'b8'] } })).toBe('accounts a7, b8');
    expect(targetWords({ kind: 'audience', audience: { kind: 'everyone', platforms: ['ios', 'android'] } })).toBe(
      'everyone',
    );
  });

  it('tell a command, and nothing for an event that is none', () => {
    const event: InboundEvent = {
      kind: 'example.command',
      key: 'k',
      recipient: { identities: [], devices: [] },
      push: { notify: false },
    };
    const identityKind = 'rongcloud.user_id';
    const command = (more: Partial<InboundEvent>) => commandWords({ ...event, ...more });
    expect(command({})).toBeUndefined();
    expect(command({ request: { audience: { users: ['u1'] }, identityKind, content: { body: 'secret' } } })).toBe(
      'a push to rongcloud.user_id u1',
    );
    expect(command({ request: { audience: {}, identityKind, content: {} } })).toBe('a push to nobody');
    expect(command({ tags: { identityKind, users: ['u1', 'u2'], tags: ['vip'] } })).toBe(
      'tags of rongcloud.user_id u1, u2: vip',
    );
    expect(command({ tags: { identityKind, users: ['u1'], tags: [] } })).toBe('tags of rongcloud.user_id u1: none');
  });

  it('tell a schedule', () => {
    expect(scheduleWords({ at: '2026-11-20T08:00:00Z', window: { start: '09:00', end: '21:00' } })).toBe(
      'not before 2026-11-20T08:00:00Z, between 09:00 and 21:00 there',
    );
    expect(scheduleWords({ localTime: '2026-11-20T08:00' })).toBe('at 2026-11-20T08:00 on the wall of each device');
  });
});
