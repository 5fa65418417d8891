import { sha1Hex, sha256Hex } from '@bellhop/contracts';

/** Who calls the Open API. */
export interface UdeskCredentials {
  /** Of the super administrator. */
  readonly email: string;
  readonly apiToken: string;
}

/**
 * `v2`: SHA-256, with a nonce that is good for one call. `v1`: SHA-1 without a nonce, for accounts that take nothing else.
 * Source: https://www.udesk.cn/doc/apiv2/intro (v2); older public integrations (v1).
 */
export type SignVersion = 'v1' | 'v2';

/** What differs from call to call. */
export interface CallStamp {
  /** Seconds since 1970. */
  readonly timestamp: string;
  /** Good for one call within 15 minutes, refused calls included. */
  readonly nonce: string;
}

/** Lower-case hex. The body of the call is not covered. */
export function signCall(credentials: UdeskCredentials, stamp: CallStamp, version: SignVersion = 'v2'): string {
  const { email, apiToken } = credentials;
  if (version === 'v1') return sha1Hex([email, apiToken, stamp.timestamp].join('&'));
  return sha256Hex([email, apiToken, stamp.timestamp, stamp.nonce, 'v2'].join('&'));
}

/** Parameters that prove a call, in the order of the documentation. The e-mail is signed raw and sent percent-encoded. */
export function signedParameters(
  credentials: UdeskCredentials,
  stamp: CallStamp,
  version: SignVersion = 'v2',
): readonly [name: string, value: string][] {
  const { timestamp, nonce } = stamp;
  return [
    ['email', credentials.email],
    ['timestamp', timestamp],
    ['sign', signCall(credentials, stamp, version)],
    ...(version === 'v2'
      ? ([
          ['nonce', nonce],
          ['sign_version', 'v2'],
        ] as [string, string][])
      : []),
  ];
}

export type IdentityAlgorithm = 'SHA1' | 'SHA256';

/** The object `customer` of the web plugin; its names are the vendor's. */
export interface SignedCustomer {
  readonly nonce: string;
  /** Upper-case hex. */
  readonly signature: string;
  /** Milliseconds since 1970. */
  readonly timestamp: string;
  readonly web_token: string;
  /** Absent: SHA1. */
  readonly encryption_algorithm?: 'SHA256';
}

/**
 * Proves a `web_token` to the web plugin, so that no visitor can pose as another. The key stays on the server.
 * Source: https://www.udesk.cn/doc/thirdparty/webim, customer information.
 */
export function signCustomer(
  imUserKey: string,
  customer: { readonly webToken: string } & CallStamp,
  algorithm: IdentityAlgorithm = 'SHA1',
): SignedCustomer {
  const { nonce, timestamp, webToken } = customer;
  const text = `nonce=${nonce}&timestamp=${timestamp}&web_token=${webToken}&${imUserKey}`;
  const digest = algorithm === 'SHA1' ? sha1Hex(text) : sha256Hex(text);
  return {
    nonce,
    signature: digest.toUpperCase(),
    timestamp,
    web_token: webToken,
    ...(algorithm === 'SHA256' && { encryption_algorithm: algorithm }),
  };
}
