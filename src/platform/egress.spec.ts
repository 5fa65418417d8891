import { EgressRefusedError, HttpFailure } from '@bellhop/contracts';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { generate } from 'selfsigned';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { isPublicAddress } from './egress.address.js';
import { GuardedEgress, type ResolveHost } from './egress.js';
import type { Environment } from './env.js';

const PUBLIC = '93.184.216.34';
const PRIVATE = 'must not lead to a private, loopback, link-local or reserved address';

/** What must not be called, in the spellings that parsers, resolvers and people know. */
const FORBIDDEN_ADDRESSES = [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '100.64.0.1',
  '100.100.100.200',
  '127.0.0.1',
  '127.255.255.254',
  '168.63.129.16',
  '169.254.169.254',
  '169.254.170.2',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.192',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::7f00:1',
  '::ffff:127.0.0.1',
  '::ffff:a9fe:a9fe',
  '::ffff:0:7f00:1',
  '64:ff9b::7f00:1',
  '64:ff9b::169.254.169.254',
  '64:ff9b:1::808:808',
  '100::1',
  '2001::1',
  '2001:2::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '2002:808:808::',
  '3fff::1',
  '4000::1',
  '5f00::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fec0::1',
  'ff02::1',
];

const FORBIDDEN_URLS = [
  'https://127.0.0.1/',
  'https://127.1/',
  'https://127.0.0.1./',
  'https://2130706433/',
  'https://0x7f000001/',
  'https://0x7f.0.0.1/',
  'https://0177.0.0.1/',
  'https://017700000001/',
  'https://0/',
  'https://%31%32%37.0.0.1/',
  'https://１２７.0.0.1/',
  'https://①②⑦.0.0.1/',
  'https://169。254。169。254/latest/meta-data/',
  'https://0xa9fea9fe/',
  'https://169.254.169.254/',
  'https://[::1]/',
  'https://[0:0:0:0:0:0:0:1]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:7f00:1]/',
  'https://[::127.0.0.1]/',
  'https://[64:ff9b::127.0.0.1]/',
  'https://[fd00:ec2::254]/',
  'https://[fe80::1]/',
  'https:127.0.0.1',
  'https:\\\\127.0.0.1\\',
];

describe('isPublicAddress', () => {
  it.each(FORBIDDEN_ADDRESSES)('refuses %s', (address) => expect(isPublicAddress(address)).toBe(false));

  it.each([PUBLIC, '8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8'])(
    'takes %s',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it.each(['', 'localhost', '1.2.3.4.5', '[::1]'])('refuses what is no address: %j', (text) =>
    expect(isPublicAddress(text)).toBe(false),
  );
});

/** Answers from a list, the last answer for ever; remembers who asked. */
class Resolver {
  readonly asked: string[] = [];
  constructor(private readonly answers: (readonly string[])[]) {}

  readonly resolve: ResolveHost = async (host) => {
    this.asked.push(host);
    const [answer] = this.answers.length > 1 ? this.answers.splice(0, 1) : this.answers;
    return answer ?? [];
  };
}

describe('GuardedEgress', () => {
  const open: { close(): Promise<unknown> }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
  });

  function egressWith(egressAllow: readonly string[] = [], ...answers: (readonly string[])[]) {
    const resolver = new Resolver(answers);
    const egress = new GuardedEgress({ egressAllow } as Environment, resolver.resolve);
    open.push({ close: () => egress.onApplicationShutdown() });
    return { egress, resolver };
  }

  async function listen(server: Server): Promise<number> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push({
      close: async () => {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    });
    return (server.address() as AddressInfo).port;
  }

  const serve = (listener: RequestListener): Promise<number> => listen(createServer(listener));
  const echo: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => response.setHeader('x-method', request.method ?? '').end(Buffer.concat(chunks)));
  };

  describe('judges addresses by their looks', () => {
    it.each(FORBIDDEN_URLS)('refuses %s', async (url) => {
      const { egress, resolver } = egressWith([], [PUBLIC]);
      expect(egress.refusal(url)).toBe(PRIVATE);
      await expect(egress.call(url, {})).rejects.toThrow(EgressRefusedError);
      expect(resolver.asked).toEqual([]);
    });

    it.each([
      ['', 'must be an absolute https address'],
      ['/hooks', 'must be an absolute https address'],
      ['ftp://example.com/', 'must be an absolute https address'],
      ['file:///etc/passwd', 'must be an absolute https address'],
      ['gopher://127.0.0.1:25/', 'must be an absolute https address'],
      ['https://', 'must be an absolute https address'],
      ['http://example.com/', 'must start with https://'],
      ['http://example.com:443/', 'must start with https://'],
      ['https://example.com:22/', 'must use port 443 or 8443'],
      ['https://example.com:80/', 'must use port 443 or 8443'],
      ['https://user@example.com/', 'must not hold a user name or a password'],
      ['https://:secret@example.com/', 'must not hold a user name or a password'],
      ['https://example.com@127.0.0.1/', 'must not hold a user name or a password'],
    ])('refuses %j: it %s', (url, why) => expect(egressWith().egress.refusal(url)).toBe(why));

    it.each([
      'https://example.com',
      'https://example.com:8443/a?b',
      `https://${PUBLIC}/`,
      'https://[2606:4700::1111]/',
    ])('takes %s', (url) => expect(egressWith().egress.refusal(url)).toBeUndefined());
  });

  describe('judges hosts by what they resolve to', () => {
    it.each(FORBIDDEN_ADDRESSES)('refuses a host at %s', async (address) => {
      const { egress } = egressWith([], [address]);
      expect(await egress.refusalNow('https://hooks.example.com/')).toBe(PRIVATE);
      await expect(egress.call('https://hooks.example.com/', {})).rejects.toThrow(EgressRefusedError);
    });

    it('refuses a host that has a forbidden address among others', async () => {
      const { egress } = egressWith([], [PUBLIC, '10.0.0.1']);
      await expect(egress.call('https://hooks.example.com/', {})).rejects.toThrow(EgressRefusedError);
    });

    it('refuses a host that was public when it was looked at and is private when it is called', async () => {
      const { egress, resolver } = egressWith([], [PUBLIC], ['127.0.0.1']);
      const url = 'https://rebinding.example.com:8443/';
      expect(await egress.refusalNow(url)).toBeUndefined();
      await expect(egress.call(url, {})).rejects.toThrow(EgressRefusedError);
      expect(resolver.asked).toEqual(['rebinding.example.com', 'rebinding.example.com']);
    });

    it('connects to the address that was checked, and asks once', async () => {
      const port = await serve(echo);
      const { egress, resolver } = egressWith([`hooks.example.com:${port}`], ['127.0.0.1'], ['192.0.2.1']);
      const { status } = await egress.call(`http://hooks.example.com:${port}/`, { method: 'POST', body: 'x' });
      expect([status, resolver.asked]).toEqual([200, ['hooks.example.com']]);
    });

    it('takes a host that does not resolve for now, and reports it as not sent when it is called', async () => {
      const { egress } = egressWith([], []);
      expect(await egress.refusalNow('https://later.example.com/')).toBeUndefined();
      await expect(egress.call('https://later.example.com/', {})).rejects.toMatchObject({
        name: 'HttpFailure',
        message: 'ENOTFOUND',
        sent: false,
      });
    });

    it('asks the system when nobody gives it a resolver', async () => {
      const egress = new GuardedEgress({ egressAllow: [] as readonly string[] } as Environment);
      expect(await egress.refusalNow('https://localhost/')).toBe(PRIVATE);
      await expect(egress.call('https://localhost/', {})).rejects.toThrow(EgressRefusedError);
      await egress.onApplicationShutdown();
    });
  });

  describe('calls', () => {
    it('exempt receivers by the host and port of their address alone', async () => {
      const port = await serve(echo);
      const { egress } = egressWith([`127.0.0.1:${port}`]);
      const answer = await egress.call(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'hello' });
      expect([answer.status, answer.headers.get('x-method'), answer.body]).toEqual([200, 'POST', 'hello']);
      expect(egress.refusal(`http://2130706433:${port}/`)).toBeUndefined();
      expect(egress.refusal(`http://127.0.0.2:${port}/`)).toBeDefined();
      expect(egress.refusal(`http://localhost:${port}/`)).toBeDefined();
      expect(egress.refusal('http://127.0.0.1:1/')).toBeDefined();
      expect(egressWith(['127.0.0.1:*']).egress.refusal('http://127.0.0.1/')).toBeUndefined();
    });

    it.each([301, 302, 303, 307, 308])('do not follow %s', async (status) => {
      let calls = 0;
      const port = await serve((_, response) => {
        calls++;
        response.writeHead(status, { location: 'http://169.254.169.254/latest/meta-data/' }).end('moved');
      });
      const { egress } = egressWith([`127.0.0.1:${port}`]);
      const answer = await egress.call(`http://127.0.0.1:${port}/`, { method: 'POST', body: '{}' });
      expect([answer.status, answer.body, calls]).toEqual([status, 'moved', 1]);
    });

    it('read no more than they may', async () => {
      const port = await serve((_, response) => {
        const feed = setInterval(() => response.write('x'.repeat(50_000)), 1);
        response.once('close', () => clearInterval(feed));
      });
      const { egress } = egressWith([`127.0.0.1:${port}`]);
      expect((await egress.call(`http://127.0.0.1:${port}/`, {})).body).toHaveLength(65_536);
      expect((await egress.call(`http://127.0.0.1:${port}/`, { maxBytes: 10 })).body).toBe('xxxxxxxxxx');
    });

    it('end at their deadline, before the answer and within it', async () => {
      const port = await serve((request, response) => {
        if (request.url === '/half') response.write('half');
      });
      const { egress } = egressWith([`127.0.0.1:${port}`]);
      for (const path of ['/silent', '/half']) {
        const call = egress.call(`http://127.0.0.1:${port}${path}`, { deadlineMs: 50 });
        await expect(call).rejects.toMatchObject({ name: 'HttpFailure', message: 'TimeoutError', sent: true });
      }
    });

    it('tell whether the request may have arrived', async () => {
      const port = await serve((request) => request.socket.destroy());
      const { egress } = egressWith([`127.0.0.1:*`]);
      await expect(egress.call(`http://127.0.0.1:${port}/`, {})).rejects.toMatchObject({ sent: true });
      await expect(egress.call('http://127.0.0.1:1/', {})).rejects.toMatchObject({
        message: 'ECONNREFUSED',
        sent: false,
      });
      const aborted = egress.call(`http://127.0.0.1:${port}/`, { signal: AbortSignal.abort() });
      await expect(aborted).rejects.toMatchObject({ name: 'HttpFailure', sent: false });
    });

    it('end at once when they are given up while the host is being resolved', async () => {
      const never: ResolveHost = () => new Promise(() => undefined);
      const egress = new GuardedEgress({ egressAllow: [] as readonly string[] } as Environment, never);
      open.push({ close: () => egress.onApplicationShutdown() });
      const giveUp = new AbortController();
      const call = egress.call('https://hooks.example.com/', { signal: giveUp.signal });
      giveUp.abort();
      await expect(call).rejects.toMatchObject({ name: 'HttpFailure', message: 'AbortError', sent: false });
    });

    it('fail without an answer after the process has let go of its connections', async () => {
      const { egress } = egressWith(['127.0.0.1:*']);
      await egress.onApplicationShutdown();
      await expect(egress.call('http://127.0.0.1:1/', {})).rejects.toThrow(HttpFailure);
    });
  });

  describe('with TLS', () => {
    const before = getCACertificates('default');
    afterEach(() => setDefaultCACertificates(before));

    /** Listens as hooks.example.com, with a certificate that vouches for itself. */
    async function listenSecurely(): Promise<{ port: number; cert: string }> {
      const { private: key, cert } = await generate([{ name: 'commonName', value: 'hooks.example.com' }], {
        keyType: 'ec',
        curve: 'P-256',
        algorithm: 'sha256',
        extensions: [
          { name: 'basicConstraints', cA: true },
          { name: 'subjectAltName', altNames: [{ type: 2, value: 'hooks.example.com' }] },
        ],
      });
      return { port: await listen(createSecureServer({ key, cert }, echo)), cert };
    }

    it('insists on the certificate of the host that was asked for, not of its address', async () => {
      const { port, cert } = await listenSecurely();
      setDefaultCACertificates([...before, cert]);
      const { egress } = egressWith([`hooks.example.com:${port}`, `other.example.com:${port}`], ['127.0.0.1']);
      expect(await egress.call(`https://hooks.example.com:${port}/`, {})).toMatchObject({ status: 200 });
      await expect(egress.call(`https://other.example.com:${port}/`, {})).rejects.toMatchObject({
        message: 'ERR_TLS_CERT_ALTNAME_INVALID',
        sent: false,
      });
    });

    it('refuses certificates that nobody vouches for', async () => {
      const { port } = await listenSecurely();
      const { egress } = egressWith([`hooks.example.com:${port}`], ['127.0.0.1']);
      await expect(egress.call(`https://hooks.example.com:${port}/`, {})).rejects.toMatchObject({
        message: 'DEPTH_ZERO_SELF_SIGNED_CERT',
        sent: false,
      });
    });
  });
});
