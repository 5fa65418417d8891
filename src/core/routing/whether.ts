import type { Veto } from '@bellhop/contracts';

/** Why a delivery is not sent. The order of {@link whether} decides which one is told. */
export type SkipReason =
  | 'not_friend'
  | 'blacklisted'
  | 'antispam'
  | 'push_disabled'
  | 'opted_out'
  | 'not_logged_in'
  | 'logged_out'
  | 'kicked'
  | 'foreground'
  | 'online'
  | 'desktop_online'
  | 'do_not_disturb'
  | 'no_token'
  | 'no_identity'
  | 'invalid_token'
  | 'device_of_another_user'
  | 'device_not_active'
  | 'no_certificate'
  | 'no_push_copy';

export interface Facts {
  /** What the vendor forbids whoever receives it. */
  readonly vetoes: readonly Veto[];
  readonly stranger: boolean;
  readonly blocked: boolean;
  readonly optedOut: boolean;
  readonly account: 'loggedIn' | 'never' | 'loggedOut' | 'kicked';
  readonly foreground: boolean;
  /** The vendor delivers the message itself over a live session. */
  readonly servedOnline: boolean;
  /** A desktop session is online and the person wants quiet phones meanwhile. */
  readonly desktopServes: boolean;
  /** Inside the do-not-disturb window, or the conversation is muted. */
  readonly quiet: boolean;
  /** Overrides `quiet`, nothing else. */
  readonly forced: boolean;
  /** Why nothing can be addressed. */
  readonly unreachable?:
    'no_token' | 'no_identity' | 'invalid_token' | 'device_of_another_user' | 'device_not_active' | 'no_certificate';
  readonly hasCopy: boolean;
}

/** The first reason not to push, most permanent first; undefined means: push. */
export function whether(facts: Facts): SkipReason | undefined {
  const { vetoes } = facts;
  if (vetoes.includes('notFriends') || facts.stranger) return 'not_friend';
  if (vetoes.includes('blacklisted') || facts.blocked) return 'blacklisted';
  if (vetoes.includes('antispam')) return 'antispam';
  if (vetoes.includes('pushDisabled')) return 'push_disabled';
  if (facts.optedOut) return 'opted_out';
  if (facts.account === 'never') return 'not_logged_in';
  if (facts.account === 'loggedOut') return 'logged_out';
  if (facts.account === 'kicked') return 'kicked';
  if (facts.foreground) return 'foreground';
  if (facts.servedOnline) return 'online';
  if (facts.desktopServes) return 'desktop_online';
  if (facts.quiet && !facts.forced) return 'do_not_disturb';
  if (facts.unreachable) return facts.unreachable;
  if (!facts.hasCopy) return 'no_push_copy';
  return undefined;
}
