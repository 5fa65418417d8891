import { createRequire } from 'node:module';
import type { ClientHttp2Session, OutgoingHttpHeaders } from 'node:http2';

type Http2 = typeof import('node:http2');

export interface AdminShim {
  /** Gives `http2.connect` back. */
  restore(): void;
}

const GOOGLE = 'https://fcm.googleapis.com';
/** The object that CommonJS code sees; imports of ES modules are not touched. */
const http2 = createRequire(import.meta.url)('node:http2') as { connect: Http2['connect'] };

/**
 * For specs and benchmarks only: makes firebase-admin 14.5.1 send to a simulator. The SDK has no setting for its host,
 * and names the scheme `https:`, with a colon, which Node's own server refuses.
 */
export function redirectFirebaseAdmin(simulator: { readonly url: string; readonly caPem: string }): AdminShim {
  const connect = http2.connect;
  http2.connect = ((authority: string, options: object) => {
    if (authority !== GOOGLE) return connect(authority, options);
    return mendScheme(connect(simulator.url, { ...options, ca: simulator.caPem }));
  }) as Http2['connect'];
  return { restore: () => (http2.connect = connect) };
}

function mendScheme(session: ClientHttp2Session): ClientHttp2Session {
  const request = session.request.bind(session);
  session.request = (headers, options) => request({ ...(headers as OutgoingHttpHeaders), ':scheme': 'https' }, options);
  return session;
}
