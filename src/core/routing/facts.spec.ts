import { Preference } from '../users/preference.entity.js';
import { APP_SOURCE } from '../users/presence.entity.js';
import type { DirectoryDevice, Person, Session } from './directory.js';
import { type FactsInput, factsOf, type Intent } from './facts.js';
import { type Facts, whether } from './whether.js';

const NOW = new Date('2026-01-15T15:00:00Z');
const VENDOR = 'integration-1';
const OTHER = 'integration-2';

const intent: Intent = {
  category: 'conversation.message',
  vetoes: [],
  forced: false,
  hasCopy: true,
  conversation: 'c1',
  userSender: 'u1',
  servedOnlineBy: VENDOR,
  accountOf: VENDOR,
};

const device: DirectoryDevice = {
  id: 'd1',
  userId: 'lisi',
  installationId: 'phone-1',
  platform: 'ios',
  gateway: 'apns',
  environment: 'production',
  appIdentifier: null,
  locale: null,
  contentKey: null,
  timeZone: null,
  state: 'active',
  tokenHash: Buffer.alloc(32),
};

function preference(more: Partial<Preference>): Preference {
  return Object.assign(new Preference(), {
    pushEnabled: true,
    dndStart: null,
    dndEnd: null,
    dndTimeZone: null,
    mutedConversations: [],
    optedOut: [],
    blockedSenders: [],
    friends: null,
    allowStrangers: true,
    quietOnDesktop: false,
    ...more,
  });
}

function session(more: Partial<Session>): Session {
  const base = { source: VENDOR, session: 's1', state: 'online', client: 'mobile', observedAt: NOW, expiresAt: null };
  return { ...base, ...more } as Session;
}

/** The app on this phone reports of itself. */
const own = (more: Partial<Session>): Session => session({ source: APP_SOURCE, session: 'phone-1', ...more });

interface Known {
  readonly sessions?: readonly Session[];
  readonly preference?: Partial<Preference>;
  readonly intent?: Partial<Intent>;
  readonly input?: Partial<FactsInput>;
}

function factsWith({ sessions = [], preference: wishes, intent: more, input }: Known): Facts {
  const person: Person = {
    userId: 'lisi',
    devices: [device],
    sessions,
    preference: wishes && preference(wishes),
  };
  return factsOf({
    intent: { ...intent, ...more },
    person,
    device,
    unreachable: undefined,
    timeZone: 'Asia/Shanghai',
    now: NOW,
    ...input,
  });
}

/** At a given age, in milliseconds before now. */
const at = (age: number): Date => new Date(NOW.getTime() - age);

describe('factsOf', () => {
  it('finds nothing that speaks against somebody of whom nothing is known', () => {
    const facts = factsWith({ input: { person: undefined, device: undefined } });
    expect(facts).toEqual({
      vetoes: [],
      stranger: false,
      blocked: false,
      optedOut: false,
      account: 'loggedIn',
      foreground: false,
      servedOnline: false,
      desktopServes: false,
      quiet: false,
      forced: false,
      unreachable: undefined,
      hasCopy: true,
    });
    expect(whether(facts)).toBeUndefined();
  });

  it('hands over what the intent and the registry say', () => {
    const facts = factsWith({
      intent: { vetoes: ['antispam'], forced: true, hasCopy: false },
      input: { unreachable: 'no_token' },
    });
    expect(facts).toMatchObject({ vetoes: ['antispam'], forced: true, hasCopy: false, unreachable: 'no_token' });
  });

  it.each([
    ['relations are not known', { friends: null, allowStrangers: false }, 'u1', false],
    ['strangers may write', { friends: [], allowStrangers: true }, 'u1', false],
    ['it is a friend', { friends: ['u1'], allowStrangers: false }, 'u1', false],
    ['it is none', { friends: ['u2'], allowStrangers: false }, 'u1', true],
    ['there are none', { friends: [], allowStrangers: false }, 'u1', true],
    ['staff wrote', { friends: [], allowStrangers: false }, undefined, false],
  ] satisfies [string, Partial<Preference>, string | undefined, boolean][])(
    'knows a stranger: %s',
    (_name, wishes, userSender, stranger) => {
      expect(factsWith({ preference: wishes, intent: { userSender } }).stranger).toBe(stranger);
    },
  );

  it.each([
    [['u1'], 'u1', true],
    [['u2'], 'u1', false],
    [['u1'], undefined, false],
  ])('knows who is blocked: %j, %p', (blockedSenders, userSender, blocked) => {
    expect(factsWith({ preference: { blockedSenders }, intent: { userSender } }).blocked).toBe(blocked);
  });

  it.each([
    [{ pushEnabled: false }, true],
    [{ optedOut: ['conversation.message'] }, true],
    [{ optedOut: ['ticket.replied'] }, false],
    [{}, false],
  ])('knows who opted out: %j', (wishes, optedOut) => {
    expect(factsWith({ preference: wishes }).optedOut).toBe(optedOut);
  });

  it.each([
    ['no session', [], 'loggedIn'],
    ['one that is offline', [session({ state: 'offline' })], 'loggedIn'],
    ['one that logged out', [session({ state: 'loggedOut' })], 'loggedOut'],
    ['one that was kicked', [session({ state: 'kicked' })], 'kicked'],
    [
      'one of two that logged out',
      [session({ state: 'loggedOut' }), session({ session: 's2', state: 'offline' })],
      'loggedIn',
    ],
    [
      'a logout after a kick',
      [session({ state: 'loggedOut' }), session({ session: 's2', state: 'kicked', observedAt: at(1) })],
      'loggedOut',
    ],
    [
      'a kick after a logout',
      [session({ state: 'loggedOut', observedAt: at(1) }), session({ session: 's2', state: 'kicked' })],
      'kicked',
    ],
    ['a desktop that logged out', [session({ state: 'loggedOut', client: 'desktop' })], 'loggedIn'],
    [
      'a desktop that stayed',
      [session({ state: 'loggedOut' }), session({ session: 's2', client: 'desktop' })],
      'loggedOut',
    ],
    ['a client of no known kind', [session({ state: 'loggedOut', client: 'unknown' })], 'loggedOut'],
    ["another integration's logout", [session({ state: 'loggedOut', source: OTHER })], 'loggedIn'],
    ['a logout that is no longer known', [session({ state: 'loggedOut', expiresAt: NOW })], 'loggedIn'],
    ['the app logging out on this phone', [own({ state: 'loggedOut' })], 'loggedOut'],
    ['the app logging out on another', [own({ state: 'loggedOut', session: 'phone-2' })], 'loggedIn'],
  ] satisfies [string, Session[], Facts['account']][])('reads the account from %s', (_name, sessions, account) => {
    expect(factsWith({ sessions }).account).toBe(account);
  });

  it('asks no account when the notification is nobody else’s', () => {
    const sessions = [session({ state: 'kicked' })];
    expect(factsWith({ sessions, intent: { accountOf: undefined } }).account).toBe('loggedIn');
  });

  it.each([
    ['this phone', [own({ state: 'foreground' })], true],
    ['another phone', [own({ state: 'foreground', session: 'phone-2' })], false],
    ['a report that ran out', [own({ state: 'foreground', expiresAt: NOW })], false],
    ['a report that holds', [own({ state: 'foreground', expiresAt: at(-1) })], true],
    ['the background', [own({ state: 'background' })], false],
    ["the vendor's word", [session({ session: 'phone-1', state: 'foreground' })], false],
  ] satisfies [string, Session[], boolean][])('sees the app in front: %s', (_name, sessions, foreground) => {
    expect(factsWith({ sessions }).foreground).toBe(foreground);
  });

  it.each([
    ['online', [session({})], true],
    ['in front', [session({ state: 'foreground' })], true],
    ['in the background', [session({ state: 'background' })], true],
    ['offline', [session({ state: 'offline' })], false],
    ['on a desktop', [session({ client: 'desktop' })], false],
    ['at another vendor', [session({ source: OTHER })], false],
    ['in the app’s own words', [own({})], false],
    ['no longer', [session({ expiresAt: NOW })], false],
  ] satisfies [string, Session[], boolean][])('sees who is served online: %s', (_name, sessions, servedOnline) => {
    expect(factsWith({ sessions }).servedOnline).toBe(servedOnline);
    expect(factsWith({ sessions, intent: { servedOnlineBy: undefined } }).servedOnline).toBe(false);
  });

  it.each([
    ['and wanted', [session({ client: 'desktop' })], true, true],
    ['at any vendor', [session({ client: 'desktop', source: OTHER })], true, true],
    ['and not wanted', [session({ client: 'desktop' })], false, false],
    ['and offline', [session({ client: 'desktop', state: 'offline' })], true, false],
    ['but a phone', [session({ client: 'mobile' })], true, false],
  ] satisfies [string, Session[], boolean, boolean][])(
    'sees a desktop that serves: online %s',
    (_name, sessions, quietOnDesktop, desktopServes) => {
      expect(factsWith({ sessions, preference: { quietOnDesktop } }).desktopServes).toBe(desktopServes);
    },
  );

  const night = { dndStart: '22:00', dndEnd: '08:00' };
  it.each([
    ['no wishes', undefined, {}, false],
    ['the window in the zone of the app', night, {}, true],
    ['the zone of the device before it', night, { device: { ...device, timeZone: 'Europe/London' } }, false],
    [
      'the zone of the person before both',
      { ...night, dndTimeZone: 'Asia/Shanghai' },
      { device: { ...device, timeZone: 'Europe/London' } },
      true,
    ],
    ['a zone that nobody knows as UTC', { ...night, dndTimeZone: 'Mars/Olympus' }, {}, false],
    ['half a window', { dndStart: '22:00' }, {}, false],
    ['the other half', { dndEnd: '08:00' }, {}, false],
    ['a muted conversation', { mutedConversations: ['c1'] }, {}, true],
    ['another one', { mutedConversations: ['c2'] }, {}, false],
  ] satisfies [string, Partial<Preference> | undefined, Partial<FactsInput>, boolean][])(
    'keeps quiet by %s',
    (_name, wishes, input, quiet) => {
      // 15:00 UTC: 23:00 in Shanghai, 15:00 in London.
      expect(factsWith({ preference: wishes, input }).quiet).toBe(quiet);
    },
  );

  it('mutes no notification without a conversation', () => {
    const facts = factsWith({ preference: { mutedConversations: ['c1'] }, intent: { conversation: undefined } });
    expect(facts.quiet).toBe(false);
  });
});
