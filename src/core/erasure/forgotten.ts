import type { IdentityRef, InboundEvent } from '@bellhop/contracts';
import { publicId } from '../../platform/ids.js';
import type { Audience, Content } from '../notifications/content.js';
import type { Delivery } from '../notifications/delivery.entity.js';
import { mentions, sureNames } from './mentions.js';
import { type Person, textsOf, valuesAt } from './person.js';

/**
 * What is left of something without a person. `undefined`: it is not about them. `null`: nothing may stay.
 * Otherwise it is about others as well, and this is their part.
 */
export type Remainder<T> = T | null | undefined;

/** The event of which integration, and who vouches for names in it: the user id, where the vendor's name proves one. */
export interface EventSource {
  readonly integrationId: string;
  readonly vouchedFor: (identity: IdentityRef) => string | undefined;
}

/** An event without the person it concerns, who is concerned by it, or wrote it. */
export function eventWithout(event: InboundEvent, source: EventSource, person: Person): Remainder<InboundEvent> {
  const values = valuesAt(person, source.integrationId);
  if (event.sender?.role === 'user' && event.sender.id !== undefined && values.has(event.sender.id)) return null;
  const parts = [
    recipientWithout(event, source, person),
    usersWithout(event.tags, values, (tags) => ({ tags })),
    usersWithout(event.request?.audience, values, (audience) => ({ request: { ...event.request, audience } })),
  ];
  if (parts.includes(null)) return null;
  const left = Object.assign({}, event, ...parts) as InboundEvent;
  const isTouched = parts.some((part) => part !== undefined);
  if (mentions(JSON.stringify(left), sureNames(textsOf(person)))) return null;
  return isTouched ? left : undefined;
}

/** Whether it was meant for the person alone: every name in it is theirs then, whether we know it or not. */
export const isMeantFor = (event: InboundEvent, source: EventSource, person: Person): boolean =>
  recipientWithout(event, source, person) === null;

function recipientWithout(
  { recipient, conversation }: InboundEvent,
  { integrationId, vouchedFor }: EventSource,
  { userId, names, devices }: Person,
): Remainder<Partial<InboundEvent>> {
  const isName = ({ kind, value }: IdentityRef): boolean =>
    names.some((name) => name.integrationId === integrationId && name.kind === kind && name.value === value) ||
    vouchedFor({ kind, value }) === userId;
  const addresses = new Set(
    devices.flatMap(({ id, token }) => [publicId('dev', id), token.toLowerCase()]).filter(Boolean),
  );
  const left = {
    identities: recipient.identities.filter((identity) => !isName(identity)),
    devices: recipient.devices.filter(({ token }) => !addresses.has(token.toLowerCase())),
  };
  const isNamed = left.identities.length < recipient.identities.length;
  if (!isNamed && left.devices.length === recipient.devices.length) return undefined;
  // Only a group's identities are several people; and a phone may have changed hands.
  const isAboutOthers = left.identities.length > 0 && (conversation?.type === 'group' || !isNamed);
  return isAboutOthers ? { recipient: left } : null;
}

function usersWithout<T extends { readonly users?: readonly string[] }>(
  named: T | undefined,
  values: ReadonlySet<string>,
  partOf: (left: T) => object,
): Remainder<Partial<InboundEvent>> {
  const users = named?.users ?? [];
  const left = users.filter((user) => !values.has(user));
  if (!named || left.length === users.length) return undefined;
  // Without anybody left, the other conditions of an audience would begin to count.
  return left.length > 0 ? partOf({ ...named, users: left }) : null;
}

/** The part of a notification that can tell of people. */
export interface PersonalNotification {
  /** The integration whose event caused it. */
  readonly integrationId: string | null;
  readonly content: Content;
  readonly audience: Audience;
  readonly decisions: readonly string[];
}

export const NO_CONTENT: Content = { copy: { default: {} }, extras: {} };

/** How much of a notification is known to be theirs: what it says, or also whom it was for. */
export type Share = 'words' | 'whole';

/** A notification without a person. It stays, with its figures. */
export function notificationWithout(
  notification: PersonalNotification,
  person: Person,
  share?: Share,
): PersonalNotification | undefined {
  const { integrationId, content, audience, decisions } = notification;
  const left = share === 'whole' ? nobodyOf(audience) : audienceWithout(audience, integrationId, person);
  const sure = sureNames(textsOf(person));
  const isGone = share !== undefined || left === null || mentions(JSON.stringify(content), sure);
  const about = person.names.map(({ kind, value }) => `${kind} ${value}:`);
  const kept = decisions.filter(
    (line) =>
      !about.some((name) => line.startsWith(name)) &&
      !line.includes(`: user ${person.userId} (`) &&
      !mentions(line, sure),
  );
  if (!isGone && left === undefined && kept.length === decisions.length) return undefined;
  return {
    integrationId,
    content: isGone ? NO_CONTENT : content,
    audience: left === undefined ? audience : (left ?? nobodyOf(audience)),
    decisions: isGone ? [] : kept,
  };
}

const LISTS = ['users', 'devices', 'identities'] as const;

function audienceWithout(
  audience: Audience,
  integrationId: string | null,
  { userId, names, devices }: Person,
): Remainder<Audience> {
  const own = names.filter((name) => integrationId === null || name.integrationId === integrationId);
  const theirs = {
    users: new Set([userId]),
    devices: new Set(devices.map(({ id }) => publicId('dev', id))),
    identities: new Set(own.map(({ kind, value }) => `${kind}:${value}`)),
  };
  const lists = LISTS.flatMap((list) => {
    const before = audience[list] ?? [];
    const after = before.filter((one) => !theirs[list].has(one));
    return after.length < before.length ? [{ list, after }] : [];
  });
  if (lists.length === 0) return undefined;
  if (lists.every(({ after }) => after.length === 0)) return null;
  return { ...audience, ...Object.fromEntries(lists.map(({ list, after }) => [list, after])) };
}

/** Whoever was named is gone. The other conditions go as well: they must not begin to count. */
function nobodyOf(audience: Audience): Audience {
  const list = LISTS.find((name) => audience[name]);
  return list ? { [list]: [] } : audience;
}

type VendorTarget = NonNullable<Delivery['target']>;

/** What a vendor is asked to reach, without the names that it has for a person. */
export function targetWithout(target: VendorTarget, values: ReadonlySet<string>): Remainder<VendorTarget> {
  if (target.kind === 'vendorUser') return values.has(target.userId) ? null : undefined;
  if (target.audience.kind !== 'users') return undefined;
  const users = target.audience.users.filter((user) => !values.has(user));
  if (users.length === target.audience.users.length) return undefined;
  return users.length > 0 ? { kind: 'audience', audience: { kind: 'users', users } } : null;
}

/** Stands where nothing may stay. */
export const NOBODY: VendorTarget = { kind: 'audience', audience: { kind: 'users', users: [] } };
