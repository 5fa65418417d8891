import type { Scope } from '../api-key.entity.js';

export const OPERATOR_ROLES = ['viewer', 'operator', 'developer', 'admin'] as const;
export type OperatorRole = (typeof OPERATOR_ROLES)[number];

/** A role of a person, in one app or in all of them. */
export interface RoleGrant {
  readonly role: OperatorRole;
  /** UUID; null: in every app, those of the future included. */
  readonly appId: string | null;
}

/**
 * What a role may do in an app, in the scopes of keys. A developer may configure integrations, templates and webhooks,
 * which is the scope `admin` and implies sending; an admin manages the app and its keys, too.
 */
const SCOPES: Readonly<Record<OperatorRole, readonly Scope[]>> = {
  viewer: ['read'],
  operator: ['broadcast'],
  developer: ['admin'],
  admin: ['admin', 'platform'],
};

/** Scopes in an app; empty when the person has no part in it. */
export function scopesIn(grants: readonly RoleGrant[], appId: string): Scope[] {
  return scopesOf(grants.filter((grant) => grant.appId === null || grant.appId === appId));
}

/** Scopes over everything, apps that do not exist yet included. */
export function scopesEverywhere(grants: readonly RoleGrant[]): Scope[] {
  return scopesOf(grants.filter(({ appId }) => appId === null));
}

/** Scopes of a call that names no app: what the person may do somewhere. The platform itself is nowhere but everywhere. */
export function scopesSomewhere(grants: readonly RoleGrant[]): Scope[] {
  return scopesOf(grants).filter((scope) => scope !== 'platform');
}

function scopesOf(grants: readonly RoleGrant[]): Scope[] {
  return [...new Set(grants.flatMap(({ role }) => SCOPES[role]))];
}
