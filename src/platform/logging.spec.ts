import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pinoHttp } from 'pino-http';
import { httpLogOptions, pathForLog } from './logging.js';

const SECRET = 'u7Jd0Qm2';

/** What is logged about one request. */
async function logOf(path: string, headers: Record<string, string>, act?: (request: IncomingMessage) => void) {
  const lines: string[] = [];
  const log = pinoHttp(httpLogOptions('info'), { write: (line) => void lines.push(line) });
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    log(request, response);
    act?.(request);
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const reply = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
  await reply.text();
  await new Promise((resolve) => server.close(resolve));
  return { reply, text: lines.join(''), entries: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('request log', () => {
  it('has one line of id, method, path and status', async () => {
    const { reply, entries } = await logOf('/v1/devices/1?cursor=abc', { 'x-request-id': 'mine-1' });
    expect(entries).toEqual([
      expect.objectContaining({
        level: 'info',
        req: { id: 'mine-1', method: 'GET', path: '/v1/devices/1' },
        res: { status: 200 },
        responseTime: expect.any(Number),
      }),
    ]);
    expect(reply.headers.get('x-request-id')).toBe('mine-1');
  });

  it('says nothing about probes and scrapes', async () => {
    expect((await logOf('/health/ready', {})).entries).toEqual([]);
    expect((await logOf('/metrics', {})).entries).toEqual([]);
  });

  it('holds no secret of the address, the headers, the entry or an error', async () => {
    const path = `/v1/inbound/int_1/${SECRET}/more?sign=${SECRET}`;
    const { text, entries } = await logOf(path, { authorization: `Bearer ${SECRET}`, cookie: SECRET }, ({ log }) => {
      log.info({ token: SECRET, config: { p8: SECRET, appSecret: SECRET }, a: { b: { secret: SECRET } } }, 'entry');
      const cause = Object.assign(new Error('inner'), { detail: SECRET });
      const err = Object.assign(new Error('outer', { cause }), { code: '23505', parameters: [SECRET], query: SECRET });
      log.error({ err }, 'failed');
    });
    expect(text).not.toContain(SECRET);
    expect(entries[1]).toMatchObject({ err: { message: 'outer', code: '23505', cause: { message: 'inner' } } });
  });
});

describe('pathForLog', () => {
  it.each([
    ['/v1/inbound/int_1/secret', '/v1/inbound/int_1/[redacted]'],
    ['/v1/inbound/int_1/secret/a/b?c=d', '/v1/inbound/int_1/[redacted]/a/b'],
    ['//V1//Inbound//int_1//secret', '//V1//Inbound//int_1//[redacted]'],
    ['/v1/inbound/int_1?x=/v1', '/v1/inbound/int_1'],
    ['/v1/apps', '/v1/apps'],
    ['', ''],
  ])('%s → %s', (url, path) => expect(pathForLog(url)).toBe(path));
});
