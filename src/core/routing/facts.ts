import type { Veto } from '@bellhop/contracts';
import type { Preference } from '../users/preference.entity.js';
import { APP_SOURCE } from '../users/presence.entity.js';
import type { ConsideredDevice } from './candidate.js';
import type { Person, Session } from './directory.js';
import { inWindow, wallClock } from './quiet-hours.js';
import type { Facts } from './whether.js';

/** What is asked to be shown, as far as it bears on whether it is. */
export interface Intent {
  readonly category: string;
  readonly vetoes: readonly Veto[];
  readonly forced: boolean;
  readonly hasCopy: boolean;
  readonly conversation?: string;
  /** Set when another person wrote it. */
  readonly userSender?: string;
  /** Integration whose vendor delivers the message itself over a live session. */
  readonly servedOnlineBy?: string;
  /** Integration whose log-ins and log-outs count. */
  readonly accountOf?: string;
}

export interface FactsInput {
  readonly intent: Intent;
  readonly person: Person | undefined;
  readonly device: ConsideredDevice | undefined;
  readonly unreachable: Facts['unreachable'];
  /** IANA zone of people whose devices and preferences name none. */
  readonly timeZone: string;
  readonly now: Date;
}

const LIVE = new Set(['online', 'foreground', 'background']);

/** Gathers what is known into the facts that the decision is made of. */
export function factsOf({ intent, person, device, unreachable, timeZone, now }: FactsInput): Facts {
  const preference = person?.preference;
  const sessions = (person?.sessions ?? []).filter(({ expiresAt }) => !expiresAt || expiresAt > now);
  const vendor = sessions.filter(({ source }) => source !== APP_SOURCE);
  const own = sessions.find(({ source, session }) => source === APP_SOURCE && session === device?.installationId);
  const desktop = vendor.some(({ client, state }) => client === 'desktop' && LIVE.has(state));
  return {
    vetoes: intent.vetoes,
    stranger: isStranger(intent, preference),
    blocked: intent.userSender !== undefined && (preference?.blockedSenders.includes(intent.userSender) ?? false),
    optedOut: preference !== undefined && (!preference.pushEnabled || preference.optedOut.includes(intent.category)),
    account: own?.state === 'loggedOut' ? 'loggedOut' : accountOf(vendor, intent),
    foreground: own?.state === 'foreground',
    servedOnline: vendor.some(
      ({ source, client, state }) => source === intent.servedOnlineBy && client !== 'desktop' && LIVE.has(state),
    ),
    desktopServes: desktop && (preference?.quietOnDesktop ?? false),
    quiet: isQuiet(intent, preference, device?.timeZone ?? timeZone, now),
    forced: intent.forced,
    unreachable,
    hasCopy: intent.hasCopy,
  };
}

function isStranger({ userSender }: Intent, preference: Preference | undefined): boolean {
  if (!userSender || !preference || preference.allowStrangers) return false;
  return preference.friends !== null && !preference.friends.includes(userSender);
}

/** A person may be pushed to as long as one mobile session has not been ended on purpose. */
function accountOf(sessions: readonly Session[], { accountOf: integrationId }: Intent): Facts['account'] {
  const mobile = sessions.filter(({ source, client }) => source === integrationId && client !== 'desktop');
  const ended = mobile.filter(({ state }) => state === 'loggedOut' || state === 'kicked');
  if (mobile.length === 0 || ended.length < mobile.length) return 'loggedIn';
  const last = ended.reduce((a, b) => (b.observedAt > a.observedAt ? b : a));
  return last.state === 'kicked' ? 'kicked' : 'loggedOut';
}

function isQuiet({ conversation }: Intent, preference: Preference | undefined, zone: string, now: Date): boolean {
  if (!preference) return false;
  if (conversation && preference.mutedConversations.includes(conversation)) return true;
  const { dndStart, dndEnd, dndTimeZone } = preference;
  return dndStart !== null && dndEnd !== null && inWindow(dndStart, dndEnd, wallClock(now, dndTimeZone ?? zone));
}
