/**
 * The least that pushes over HTTP/2 can cost in Node, a process of its own: one connection, one provider token, one
 * body, so many streams in flight. It plans, stores and retries nothing, and reads no answer but its status.
 */
import { sign } from 'node:crypto';
import { type ClientHttp2Session, connect } from 'node:http2';
import type { Gateway } from '../support/gateway.js';
import { serve } from '../support/worker.js';
import type { LoopResult, LoopTask } from './node-apn-loop.js';

/** Of Node's default of 10 MB, which many streams in flight use up. */
const SESSION_MEGABYTES = 100;

let session: ClientHttp2Session | undefined;
let authorization = '';

function open({ url, caPem, credentials }: Gateway): void {
  session = connect(url, { ca: caPem, maxSessionMemory: SESSION_MEGABYTES });
  session.on('error', (error: Error) => process.stderr.write(`${error.message}\n`));
  authorization = `bearer ${providerToken(credentials)}`;
}

function providerToken({ keyId, teamId, p8 }: Gateway['credentials']): string {
  const part = (claims: object): string => Buffer.from(JSON.stringify(claims)).toString('base64url');
  const claims = { iss: teamId, iat: Math.floor(Date.now() / 1000) };
  const signed = `${part({ alg: 'ES256', kid: keyId })}.${part(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key: p8, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

function send({ tokens, payload, topic, inFlight }: LoopTask): Promise<LoopResult> {
  const body = Buffer.from(JSON.stringify(payload));
  const headers = {
    ':method': 'POST',
    authorization,
    'apns-topic': topic,
    'apns-push-type': 'alert',
    'apns-priority': '10',
  };
  const { promise, resolve, reject } = Promise.withResolvers<LoopResult>();
  const started = performance.now();
  let [next, open, accepted] = [0, 0, 0];
  const push = (): void => {
    const stream = session?.request({ ...headers, ':path': `/3/device/${tokens[next++]}` });
    if (!stream) return reject(new Error('Nothing is open.'));
    open++;
    stream.on('response', ({ ':status': status }) => void (accepted += status === 200 ? 1 : 0));
    stream.on('error', reject);
    stream.on('close', () => {
      open--;
      if (next < tokens.length) push();
      else if (open === 0) resolve({ seconds: (performance.now() - started) / 1000, accepted });
    });
    stream.end(body);
    stream.resume();
  };
  for (let first = Math.min(inFlight, tokens.length); first > 0; first--) push();
  return promise;
}

serve({ open, send });
