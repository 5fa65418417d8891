import type { OutcomeKind, SendOutcome } from '@bellhop/contracts';
import {
  type FcmSimulator,
  type FcmSimulatorOptions,
  fcmToken,
  startFcmSimulator,
  startRelay,
} from '@bellhop/simulators';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { aMessage, times, until, within } from '../testing/builders.js';
import { FcmHttpTransport } from './fcm.http-transport.js';
import { FcmCredential } from './fcm.oauth.js';
import { type FcmMessage, FcmPayloads } from './fcm.payload.js';
import { parseServiceAccount } from './fcm.service-account.js';

const NEVER = new AbortController().signal;
const payload = new FcmPayloads('notification').of(aMessage(), 'android');

function messagesFor(...tokens: readonly string[]): FcmMessage[] {
  if ('outcome' in payload) throw new Error('the message was refused');
  return tokens.map((token) => ({ target: { token }, payload }));
}

function many(count: number): FcmMessage[] {
  return messagesFor(...Array.from({ length: count }, (_, number) => fcmToken('accepted', number)));
}

describe('the http transport', () => {
  let simulator: FcmSimulator;
  let transport: FcmHttpTransport;
  const cleanUp: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const close of cleanUp.splice(0).reverse()) await within(close());
  });

  async function start(
    options: FcmSimulatorOptions = {},
    changes: { pingMs?: number; baseUrl?: string } = {},
  ): Promise<void> {
    simulator = await startFcmSimulator(options);
    cleanUp.push(() => simulator.close());
    connect(changes);
  }

  function connect(changes: { pingMs?: number; baseUrl?: string } = {}): void {
    const { caPem: certificateAuthority, tokenUrl, url: baseUrl, serviceAccount } = simulator;
    const account = parseServiceAccount(JSON.stringify(serviceAccount));
    const credential = new FcmCredential(account, { tokenUrl, certificateAuthority, deadlineMs: 5000 });
    const { projectId } = account;
    transport = new FcmHttpTransport(credential, { baseUrl, projectId, certificateAuthority, ...changes });
    cleanUp.push(() => transport.close());
  }

  async function kinds(messages: readonly FcmMessage[], signal = NEVER): Promise<OutcomeKind[]> {
    return (await within(transport.send(messages, signal), 30_000)).map(({ kind }) => kind);
  }

  it('keeps its connections and stays within the streams of each', async () => {
    await start({ latencyMs: 2 });
    expect(new Set(await kinds(many(500)))).toEqual(new Set(['accepted']));
    expect(new Set(await kinds(many(500)))).toEqual(new Set(['accepted']));
    const { connections, maxStreams, tokensIssued } = simulator.counters;
    // Five connections, and one for the access token.
    expect({ connections, maxStreams, tokensIssued }).toEqual({ connections: 6, maxStreams: 100, tokensIssued: 1 });
    expect([...simulator.acceptedByToken.values()].filter((times) => times !== 2)).toEqual([]);
  });

  it.each<readonly [fault: string, earlier: OutcomeKind, struck: OutcomeKind]>([
    ['goaway', 'accepted', 'transient'],
    ['drain', 'accepted', 'accepted'],
    ['calm', 'unknown', 'transient'],
    ['fin', 'unknown', 'unknown'],
    ['rst', 'unknown', 'unknown'],
    ['cancel', 'accepted', 'unknown'],
    ['refused', 'accepted', 'transient'],
    ['reset', 'accepted', 'unknown'],
  ])(
    'after "%s" the earlier stream is %s, the struck one %s, and the next call is served',
    async (fault, ...expected) => {
      await start();
      expect(await kinds(messagesFor(fcmToken('slow50'), fcmToken(fault)))).toEqual(expected);
      expect(await kinds(many(3))).toEqual(['accepted', 'accepted', 'accepted']);
    },
  );

  it('calls streams above lastStreamId unprocessed, and they are', async () => {
    await start();
    const tokens = [fcmToken('slow20'), fcmToken('goaway'), fcmToken('accepted', 1), fcmToken('accepted', 2)];
    expect(await kinds(messagesFor(...tokens))).toEqual(['accepted', 'transient', 'transient', 'transient']);
    expect([...simulator.acceptedByToken.keys()]).toEqual([tokens[0]]);
  });

  it('settles everything when the gateway takes fewer streams than it announced', async () => {
    await start({ streamsBeforeGoaway: 40, latencyMs: 5 });
    const outcomes = await kinds(many(500));
    expect(outcomes).toHaveLength(500);
    const { accepted } = simulator.counters;
    expect(outcomes.filter((kind) => kind === 'accepted').length).toBeLessThanOrEqual(accepted);
    expect(outcomes.filter((kind) => kind === 'transient').length).toBeLessThanOrEqual(500 - accepted);
  });

  it('finishes 5,000 messages over connections that end every 300 requests', async () => {
    await start({ dropEvery: 300, record: 10_000 });
    const said = listen();
    const outcomes: SendOutcome[] = [];
    for (let call = 0; call < 10; call++) outcomes.push(...(await within(transport.send(many(500), NEVER), 30_000)));
    expect(outcomes).toHaveLength(5000);
    const tally = Object.groupBy(outcomes, ({ kind }) => kind);
    expect(Object.keys(tally).filter((kind) => !['accepted', 'unknown', 'transient'].includes(kind))).toEqual([]);
    expect(tally.unknown?.length).toBeGreaterThan(0);
    expect(tally.accepted!.length).toBeLessThanOrEqual(simulator.counters.accepted);
    expect(`${said.stop()}${JSON.stringify(outcomes)}`).not.toMatch(/ya29\.|APA91b/);
  });

  it('reports a refused connection and recovers', async () => {
    await start();
    await kinds(many(1));
    await simulator.refuse();
    // The news that the kept connection has ended may still be on its way.
    expect(await kinds(many(1))).not.toContain('accepted');
    const refused = await within(transport.send(many(250), NEVER));
    expect(new Set(refused.map((outcome) => JSON.stringify(outcome)))).toEqual(
      new Set([JSON.stringify({ kind: 'transient', reason: 'network.unreachable', vendorCode: 'ECONNREFUSED' })]),
    );
    expect(refused).toHaveLength(250);
    await simulator.resume();
    expect(await kinds(many(2))).toEqual(['accepted', 'accepted']);
  });

  it('does not trust a stranger', async () => {
    await start();
    await kinds(many(1));
    const stranger = await startFcmSimulator();
    cleanUp.push(() => stranger.close());
    connect({ baseUrl: stranger.url });
    expect(await kinds(many(2))).toEqual(['transient', 'transient']);
    expect(stranger.counters.requests).toBe(0);
  });

  it('gives up a connection that has become a black hole', async () => {
    await start();
    const relay = await startRelay(Number(new URL(simulator.url).port));
    cleanUp.push(() => relay.close());
    connect({ baseUrl: `https://127.0.0.1:${relay.port}`, pingMs: 250 });
    expect(await kinds(many(1))).toEqual(['accepted']);
    relay.freeze();
    expect(await kinds(many(3))).toEqual(['unknown', 'unknown', 'unknown']);
    expect(await kinds(many(3))).toEqual(['accepted', 'accepted', 'accepted']);
  });

  it('goes around one where requests end in their deadline, before it has looked', async () => {
    await start();
    const relay = await startRelay(Number(new URL(simulator.url).port));
    cleanUp.push(() => relay.close());
    connect({ baseUrl: `https://127.0.0.1:${relay.port}` });
    expect(await kinds(many(1))).toEqual(['accepted']);
    relay.freeze();
    expect(await kinds(many(5), AbortSignal.timeout(200))).toEqual(times(5, 'unknown'));
    expect(await kinds(many(3))).toEqual(times(3, 'accepted'));
  });

  it('keeps a connection that is merely slow', async () => {
    await start({}, { pingMs: 200 });
    expect(await kinds(messagesFor(fcmToken('slow500')))).toEqual(['accepted']);
  });

  it('closes a connection that nobody uses, and opens another one when needed', async () => {
    await start({}, { pingMs: 100 });
    await kinds(many(1));
    await until(() => simulator.openConnections === 0);
    expect(await kinds(many(1))).toEqual(['accepted']);
  });

  it('tells what was written from what was waiting when the call is aborted', async () => {
    await start();
    simulator.hold();
    const abort = new AbortController();
    const sending = kinds(many(600), abort.signal);
    await simulator.received(500);
    abort.abort();
    const outcomes = await sending;
    simulator.release();
    expect(outcomes.slice(0, 500)).toEqual(times(500, 'unknown'));
    expect(outcomes.slice(500)).toEqual(times(100, 'transient'));
    expect(await kinds(many(2))).toEqual(['accepted', 'accepted']);
  });

  it('leaves other calls alone when one is aborted', async () => {
    await start();
    simulator.hold();
    const abort = new AbortController();
    const aborted = kinds(many(20), abort.signal);
    const other = kinds(many(20));
    await simulator.received(40);
    abort.abort();
    expect(await aborted).toEqual(times(20, 'unknown'));
    simulator.release();
    expect(await other).toEqual(times(20, 'accepted'));
  });

  it('gives up a connection that never comes about', async () => {
    await start();
    const speechless = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await once(speechless, 'listening');
    cleanUp.push(async () => void speechless.close());
    connect({ baseUrl: `https://127.0.0.1:${(speechless.address() as AddressInfo).port}` });
    const outcomes = await within(transport.send(many(2), AbortSignal.timeout(100)));
    expect(outcomes).toMatchObject(times(2, { kind: 'transient', reason: 'network.timeout' }));
    connect({ baseUrl: `https://127.0.0.1:${(speechless.address() as AddressInfo).port}`, pingMs: 30 });
    expect(await kinds(many(2))).toEqual(['transient', 'transient']);
  });

  it('releases every connection', async () => {
    await start();
    await kinds(many(300));
    await within(transport.close());
    await until(() => simulator.openConnections === 0);
    expect(await kinds(many(1), AbortSignal.timeout(50))).toEqual(['transient']);
  });
});

/** What goes to the console until it is stopped. */
function listen(): { stop(): string } {
  const streams = [process.stdout, process.stderr] as const;
  const writes = streams.map((stream) => stream.write.bind(stream));
  let said = '';
  streams.forEach((stream, index) => {
    stream.write = (chunk: string | Uint8Array) => {
      said += String(chunk);
      return writes[index]!(chunk);
    };
  });
  return {
    stop: () => {
      streams.forEach((stream, index) => (stream.write = writes[index]!));
      return said;
    },
  };
}
