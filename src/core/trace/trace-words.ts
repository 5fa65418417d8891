import {
  type EffectiveAudience,
  effectiveAudience,
  type InboundEvent,
  PLATFORMS,
  type Target,
} from '@bellhop/contracts';
import type { Schedule } from '../broadcasts/schedule.js';
import type { Audience } from '../notifications/content.js';

/** Names that are told of a list; of the others only how many there are. */
const TOLD = 3;

/** `a, b, c and 5 more`. */
export function listed(names: readonly string[]): string {
  const told = names.slice(0, TOLD).join(', ');
  return names.length > TOLD ? `${told} and ${names.length - TOLD} more` : told;
}

export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Who is meant by a request. */
export function audienceWords({ devices, identities, ...expression }: Audience): string {
  if (devices) return `devices ${listed(devices)}`;
  if (identities) return listed(identities);
  const effective = effectiveAudience(expression);
  return effective ? effectiveWords(effective, 'users') : 'nobody';
}

/** What the vendor is asked to reach, where it finds the devices itself. */
export function targetWords(target: Exclude<Target, { kind: 'device' }>): string {
  return target.kind === 'vendorUser' ? `account ${target.userId}` : effectiveWords(target.audience, 'accounts');
}

/** What an event tells us to do; undefined when it tells what has happened. */
export function commandWords({ request, tags }: InboundEvent): string | undefined {
  if (request) return `a push to ${effectiveOr(request.audience, request.identityKind)}`;
  return tags && `tags of ${tags.identityKind} ${listed(tags.users)}: ${listed(tags.tags) || 'none'}`;
}

export function scheduleWords({ at, localTime, window }: Schedule): string {
  const parts = [
    at && `not before ${at}`,
    localTime && `at ${localTime} on the wall of each device`,
    window && `between ${window.start} and ${window.end} there`,
  ];
  return parts.filter(Boolean).join(', ');
}

const effectiveOr = (audience: Audience, users: string): string => {
  const effective = effectiveAudience(audience);
  return effective ? effectiveWords(effective, users) : 'nobody';
};

/** @param users what the names of people are. */
function effectiveWords(audience: EffectiveAudience, users: string): string {
  if (audience.kind === 'users') return `${users} ${listed(audience.users)}`;
  const everywhere = PLATFORMS.every((platform) => audience.platforms.includes(platform));
  const where = everywhere ? '' : ` on ${audience.platforms.join(' and ')}`;
  if (audience.kind === 'everyone') return `everyone${where}`;
  const { allOf, anyOf, packageName } = audience;
  const conditions = [
    allOf.length > 0 && `all of the tags ${listed(allOf)}`,
    anyOf.length > 0 && `one of the tags ${listed(anyOf)}`,
    packageName && `the app ${packageName}`,
  ];
  return `everyone with ${conditions.filter(Boolean).join(' and ')}${where}`;
}
