import { generate } from 'selfsigned';

/** PEM texts of one server. */
export interface ServerIdentity {
  readonly key: string;
  readonly cert: string;
}

/** A certificate authority that lives as long as the process; nothing of it touches the disk. */
export interface Authority {
  /** What a client has to trust. */
  readonly caPem: string;
  /**
   * A server certificate for `127.0.0.1`, `::1`, `localhost` and `host`.
   * @param host name or address to add; default: none.
   */
  issue(host?: string): Promise<ServerIdentity>;
}

const EC = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;
const DNS = 2;
const IP = 7;
const ADDRESS = /^[\d.]+$|:/;

/** Makes an authority with a fresh P-256 key. */
export async function createAuthority(): Promise<Authority> {
  const ca = await generate([{ name: 'commonName', value: 'Bellhop simulators' }], {
    ...EC,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return {
    caPem: ca.cert,
    issue: (host) => issueFor(host ?? 'localhost', { key: ca.private, cert: ca.cert }),
  };
}

async function issueFor(host: string, ca: { key: string; cert: string }): Promise<ServerIdentity> {
  const server = await generate([{ name: 'commonName', value: host }], {
    ...EC,
    ca,
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: namesOf(host) },
    ],
  });
  return { key: server.private, cert: server.cert };
}

function namesOf(host: string): { type: typeof DNS | typeof IP; value?: string; ip?: string }[] {
  const names = new Set(['localhost', '127.0.0.1', '::1', host]);
  return [...names].map((name) => (ADDRESS.test(name) ? { type: IP, ip: name } : { type: DNS, value: name }));
}
