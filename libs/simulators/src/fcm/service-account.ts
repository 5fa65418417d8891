import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

/** A Google service-account file, with Google's own member names. */
export interface FcmServiceAccount {
  readonly type: 'service_account';
  readonly project_id: string;
  readonly private_key_id: string;
  /** PEM, PKCS #8. */
  readonly private_key: string;
  readonly client_email: string;
  readonly token_uri: string;
}

let testKey: string | undefined;

/**
 * A service account that every simulator accepts for its project. The RSA key (2,048 bits) is made on first use and
 * shared by all test accounts of the process: making one takes longer than most tests.
 */
export function fcmTestServiceAccount(projectId = 'bellhop-test'): FcmServiceAccount {
  testKey ??= generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).privateKey;
  return {
    type: 'service_account',
    project_id: projectId,
    private_key_id: '0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c',
    private_key: testKey,
    client_email: `push@${projectId}.iam.gserviceaccount.com`,
    token_uri: 'https://oauth2.googleapis.com/token',
  };
}

/** What the token endpoint keeps of an account. */
export interface KnownAccount {
  readonly projectId: string;
  readonly keyId: string;
  readonly publicKey: KeyObject;
}

export function knownAccounts(accounts: readonly FcmServiceAccount[]): ReadonlyMap<string, KnownAccount> {
  return new Map(
    accounts.map((account) => [
      account.client_email,
      {
        projectId: account.project_id,
        keyId: account.private_key_id,
        publicKey: createPublicKey(account.private_key),
      },
    ]),
  );
}
