import { isRecord } from '@bellhop/contracts';
import { internalId } from '../../platform/ids.js';
import type { MappedRole } from '../../platform/env.oidc.js';
import { emailKey } from '../operators/operator.entity.js';
import type { OperatorRole, RoleGrant } from '../operators/roles.js';

/** Somebody whom the provider has proved to be who they are. */
export interface ProvenPerson {
  /** Issuer and subject: the one name that no provider gives to somebody else later. */
  readonly subject: string;
  /** Absent unless the provider says that it is verified: whoever can enter any address would be whoever they like. */
  readonly email?: string;
  readonly name: string;
  /** By the role claim; absent while none is configured. */
  readonly roles?: readonly RoleGrant[];
}

export interface RoleMapping {
  /** Name of a claim, or a way to it (`realm_access.roles`). */
  readonly claim: string;
  readonly roles: readonly MappedRole[];
}

export type Claims = Readonly<Record<string, unknown>> & { readonly iss: string; readonly sub: string };

const MAILBOX = /^[^\s@\p{C}]{1,64}@[^\s@\p{C}]{1,189}$/u;
const MOST_NAME = 100;

export function personIn(claims: Claims, mapping: RoleMapping | undefined): ProvenPerson {
  const email = verifiedEmail(claims);
  const said = textOf(claims['name']).replaceAll(/\p{C}/gu, ' ').trim();
  const name = (said || email || claims.sub.replaceAll(/\p{C}/gu, ' ')).slice(0, MOST_NAME);
  return {
    subject: `${claims.iss} ${claims.sub}`,
    name,
    ...(email !== undefined && { email }),
    ...(mapping && { roles: rolesIn(claims, mapping) }),
  };
}

function verifiedEmail({ email, email_verified: verified }: Claims): string | undefined {
  // Some providers write the answer as text.
  const sure = verified === true || verified === 'true';
  const key = emailKey(textOf(email));
  return sure && MAILBOX.test(key) ? key : undefined;
}

/** What the claim grants: nothing for values that are not mapped, and each role once. */
export function rolesIn(claims: Claims, { claim, roles }: RoleMapping): RoleGrant[] {
  const values = new Set(valuesOf(claimAt(claims, claim)));
  const granted = roles
    .filter(({ value }) => values.has(value))
    .map(({ role, app }) => ({ role: role as OperatorRole, appId: app && internalId('app', app) }));
  return [...new Map(granted.map((grant) => [`${grant.role} ${grant.appId}`, grant])).values()];
}

export const hasClaim = (claims: Claims, name: string): boolean => claimAt(claims, name) !== undefined;

/** By its whole name first: names of claims may be addresses, which have dots of their own. */
function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name
    .split('.')
    .reduce<unknown>(
      (value, step) => (isRecord(value) && Object.hasOwn(value, step) ? value[step] : undefined),
      claims,
    );
}

function valuesOf(claim: unknown): string[] {
  const values: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return values.filter((value) => typeof value === 'string');
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
