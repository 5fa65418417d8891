import { createPrivateKey, type KeyObject } from 'node:crypto';

/** What is used of a service-account file. Source: "Create and delete service account keys", cloud.google.com. */
export interface ServiceAccount {
  readonly projectId: string;
  readonly clientEmail: string;
  /** Tells Google which key of the account signed. */
  readonly keyId: string | undefined;
  readonly privateKey: KeyObject;
}

/** Says what is wrong with the text, in words that quote nothing of it. */
export class ServiceAccountFault extends Error {}

const PROJECT_ID = /^[A-Za-z0-9][A-Za-z0-9.:-]{2,62}$/;
const EMAIL = /^[^\s@]+@[^\s@]+$/;

/** @throws {ServiceAccountFault} */
export function parseServiceAccount(text: string): ServiceAccount {
  const file = parseJson(text);
  return {
    projectId: member(file, 'project_id', PROJECT_ID),
    clientEmail: member(file, 'client_email', EMAIL),
    keyId: typeof file['private_key_id'] === 'string' ? file['private_key_id'] : undefined,
    privateKey: parseKey(file['private_key']),
  };
}

function parseJson(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ServiceAccountFault('is not JSON; paste the whole file');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ServiceAccountFault('is not a JSON object; paste the whole file');
}

function member(file: Record<string, unknown>, name: string, shape: RegExp): string {
  const value = file[name];
  if (value === undefined) throw new ServiceAccountFault(`has no ${name}`);
  if (typeof value !== 'string' || !shape.test(value)) throw new ServiceAccountFault(`has a malformed ${name}`);
  return value;
}

function parseKey(pem: unknown): KeyObject {
  if (pem === undefined) throw new ServiceAccountFault('has no private_key');
  const key = loadKey(pem);
  if (!key)
    throw new ServiceAccountFault('has a private_key that cannot be read; it must be PEM, line breaks included');
  if (key.asymmetricKeyType !== 'rsa') throw new ServiceAccountFault('has a private_key that is not an RSA key');
  return key;
}

function loadKey(pem: unknown): KeyObject | undefined {
  if (typeof pem !== 'string') return undefined;
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
