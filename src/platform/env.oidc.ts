import { ValidateBy, type ValidationArguments } from 'class-validator';

/** What people may do who have a value of the role claim. */
export interface MappedRole {
  readonly value: string;
  readonly role: string;
  /** Public id of an app; null: in all of them. */
  readonly app: string | null;
}

const ENTRY = /^([^,]{1,256})=(viewer|operator|developer|admin)(?:@(app_[0-9a-f]{32}))?$/;

/** `push-admins=admin, shop=operator@app_…` → three parts each. A faulty list stays text and fails {@link IsRoleMapping}. */
export function toRoleMapping(text: string): unknown {
  const entries = text.split(',').map((entry) => ENTRY.exec(entry.trim()));
  return entries.every((entry) => entry !== null)
    ? entries.map(([, value = '', role = '', app = null]): MappedRole => ({ value, role, app }))
    : text;
}

export function IsRoleMapping(): PropertyDecorator {
  return ValidateBy({
    name: 'isRoleMapping',
    validator: {
      validate: (value, args) => Array.isArray(value) && (value.length > 0 || claimOf(args) === undefined),
      defaultMessage: (args) =>
        Array.isArray(args?.value)
          ? 'must be set when BELLHOP_OIDC_ROLE_CLAIM is'
          : 'must be value=role or value=role@app_…, separated by commas',
    },
  });
}

function claimOf(args: ValidationArguments | undefined): string | undefined {
  const settings: { readonly oidcRoleClaim?: string } | undefined = args?.object;
  return settings?.oidcRoleClaim;
}

/** An issuer over https, or on this machine, and an address to which it can send people back. */
export function IsIssuer(): PropertyDecorator {
  return ValidateBy({
    name: 'isIssuer',
    validator: {
      validate: (value, args) => faultOf(value, args) === undefined,
      defaultMessage: (args) => faultOf(args?.value, args) ?? '',
    },
  });
}

function faultOf(value: unknown, args: ValidationArguments | undefined): string | undefined {
  if (!isIssuer(String(value))) return 'must be an address that starts with https://; http:// on this machine only';
  const settings: { readonly publicUrl?: string } | undefined = args?.object;
  return settings?.publicUrl === undefined ? 'needs PUBLIC_URL, to which the provider sends people back' : undefined;
}

function isIssuer(text: string): boolean {
  const url = URL.parse(text);
  if (!url || url.search || url.hash || url.username) return false;
  return (
    url.protocol === 'https:' ||
    (url.protocol === 'http:' && /^(127(\.\d{1,3}){3}|\[::1\]|localhost)$/.test(url.hostname))
  );
}
