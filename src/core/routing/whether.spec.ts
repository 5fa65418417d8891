import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Veto } from '@bellhop/contracts';
import { executed } from '@bellhop/contracts/testing';
import { type Facts, type SkipReason, whether } from './whether.js';

/** A phone in a pocket, of somebody who may be told. */
const PUSHED: Facts = {
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
  hasCopy: true,
};

interface TriggerInput {
  readonly device: Readonly<{
    account: Facts['account'];
    app: 'foreground' | 'background' | 'suspended' | 'killed';
    token: boolean;
    cert: boolean;
    dnd: boolean;
    muted: boolean;
    desktopOnline?: boolean;
    noMobileWhenDesktop?: boolean;
  }>;
  readonly message: Readonly<{ push: boolean; pushText: string; forced?: boolean; antispam?: boolean }>;
  readonly relation: Readonly<{ friends: boolean; allowNonFriend: boolean; blacklisted: boolean }>;
}

interface TriggerFile {
  readonly defaults: TriggerInput;
  readonly order: readonly string[];
  readonly cases: readonly {
    readonly id: string;
    readonly input: { readonly [K in keyof TriggerInput]?: Partial<TriggerInput[K]> };
    readonly expect: string;
  }[];
}

const trigger = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '../../../libs/vendors/nim/fixtures/trigger-cases.json'), 'utf8'),
) as TriggerFile;

/** The words of the file as facts: the one place that knows both vocabularies. */
function factsOf({ device, message, relation }: TriggerInput): Facts {
  const vetoes: Veto[] = [
    ...(message.antispam ? ['antispam' as const] : []),
    ...(message.push ? [] : ['pushDisabled' as const]),
  ];
  return {
    vetoes,
    stranger: !relation.friends && !relation.allowNonFriend,
    blocked: relation.blacklisted,
    optedOut: false,
    account: device.account,
    foreground: device.app === 'foreground',
    servedOnline: false,
    desktopServes: Boolean(device.desktopOnline && device.noMobileWhenDesktop),
    quiet: device.dnd || device.muted,
    forced: message.forced ?? false,
    unreachable: device.token ? (device.cert ? undefined : 'no_certificate') : 'no_token',
    hasCopy: message.pushText !== '',
  };
}

const answerOf = (name: string): SkipReason | undefined =>
  name === 'PUSH' ? undefined : (name.toLowerCase() as SkipReason);

describe('whether', () => {
  it.each(trigger.cases.map((each) => [each.id, each] as const))('%s', (id, { input, expect: expected }) => {
    const { device, message, relation } = trigger.defaults;
    const facts = factsOf({
      device: { ...device, ...input.device },
      message: { ...message, ...input.message },
      relation: { ...relation, ...input.relation },
    });
    expect(whether(facts)).toBe(answerOf(expected));
    executed('nim/trigger-cases.json', id);
  });

  it('meets as many cases as the file was made with', () => {
    expect(trigger.cases).toHaveLength(19);
  });

  /** What alone gives a reason, most permanent first. */
  const causes: readonly (readonly [SkipReason, Partial<Facts>])[] = [
    ['not_friend', { vetoes: ['notFriends'] }],
    ['not_friend', { stranger: true }],
    ['blacklisted', { vetoes: ['blacklisted'] }],
    ['blacklisted', { blocked: true }],
    ['antispam', { vetoes: ['antispam'] }],
    ['push_disabled', { vetoes: ['pushDisabled'] }],
    ['opted_out', { optedOut: true }],
    ['not_logged_in', { account: 'never' }],
    ['logged_out', { account: 'loggedOut' }],
    ['kicked', { account: 'kicked' }],
    ['foreground', { foreground: true }],
    ['online', { servedOnline: true }],
    ['desktop_online', { desktopServes: true }],
    ['do_not_disturb', { quiet: true }],
    ['no_token', { unreachable: 'no_token' }],
    ['invalid_token', { unreachable: 'invalid_token' }],
    ['device_of_another_user', { unreachable: 'device_of_another_user' }],
    ['device_not_active', { unreachable: 'device_not_active' }],
    ['no_certificate', { unreachable: 'no_certificate' }],
    ['no_push_copy', { hasCopy: false }],
  ];

  it('pushes when nothing speaks against it', () => {
    expect(whether(PUSHED)).toBeUndefined();
  });

  it.each(causes)('tells %s because of %j', (reason, cause) => {
    expect(whether({ ...PUSHED, ...cause })).toBe(reason);
  });

  it.each(causes.map(([reason, cause], rank) => [reason, cause, rank] as const))(
    'tells %s because of %j before anything less permanent',
    (reason, cause, rank) => {
      const lesser = causes.slice(rank + 1).map(([, facts]) => facts);
      for (const other of lesser) {
        const vetoes = [...(other.vetoes ?? []), ...(cause.vetoes ?? [])];
        expect(whether({ ...PUSHED, ...other, ...cause, vetoes })).toBe(reason);
      }
    },
  );

  it('keeps the order of the file', () => {
    const ours = [...new Set(causes.map(([reason]) => reason))];
    const theirs = trigger.order.flatMap((name) => answerOf(name) ?? []);
    expect(ours.filter((reason) => theirs.includes(reason))).toEqual(theirs);
  });

  it.each(causes)('is forced past do-not-disturb alone, not past %s because of %j', (reason, cause) => {
    const forced = whether({ ...PUSHED, ...cause, forced: true });
    expect(forced).toBe(reason === 'do_not_disturb' ? undefined : reason);
  });
});
