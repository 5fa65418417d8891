import {
  apnsTestCredentials,
  type ApnsSimulator,
  type ApnsStep,
  createAuthority,
  type FcmSimulator,
  type FcmStep,
  type Relay,
  startApnsSimulator,
  startRelay,
} from '@bellhop/simulators';
import { setTimeout as pause } from 'node:timers/promises';
import { numberFrom, run } from '../../../bench/support/postgres.js';
import { check } from '../checks/check.js';
import { quiet } from '../checks/quiet.js';
import type { Chaos, Scenario } from '../scenario.js';
import { Askers } from '../stage/askers.js';
import { bundleIdOf, onStage, type Stage } from '../stage/stage.js';
import type { Channels, Tenant } from '../stage/tenants.js';

const RETRY_AFTER_S = 2;
const RECORD = 50_000;
/** Of the clients; shorter than what a batch has, so that they find out by themselves that nobody answers. */
const PATIENCE_MS = 2_000;

/** A way in which a gateway of one app is out of order until it is mended. */
interface Ailment {
  readonly name: string;
  readonly via: 'apns' | 'fcm';
  readonly fall: (gateway: Gateway) => void | Promise<void>;
  /** Absent: the client has to get over it by itself. */
  readonly mend?: (gateway: Gateway) => void | Promise<void>;
}

interface Gateway {
  readonly apns: ApnsSimulator;
  readonly fcm: FcmSimulator;
  /** Between the platform and the one of the two that is used. */
  readonly relay: Relay;
}

/** One answer, or none, for everything. */
const apns = (name: string, step: ApnsStep): Ailment => ({
  name: `apns-${name}`,
  via: 'apns',
  fall: ({ apns }) => apns.script('*', [step], { repeatLast: true }),
  mend: ({ apns }) => apns.script('*', []),
});
const fcm = (name: string, step: FcmStep): Ailment => ({
  name: `fcm-${name}`,
  via: 'fcm',
  fall: ({ fcm }) => fcm.script('*', [step], { repeatLast: true }),
  mend: ({ fcm }) => fcm.script('*', []),
});
/** Connections that are open lead nowhere from now on, and nobody is told. */
const blackHole = (via: 'apns' | 'fcm'): Ailment => ({
  name: `${via}-black-hole`,
  via,
  fall: ({ relay }) => relay.freeze(),
});

const AILMENTS: readonly Ailment[] = [
  { name: 'healthy', via: 'apns', fall: () => undefined },
  apns('silent', 'silence'),
  apns('503', 'ServiceUnavailable'),
  apns('429', 'TooManyRequests'),
  apns('dropping', 'drop'),
  apns('resetting', 'resetInternal'),
  apns('goaway', 'goaway'),
  blackHole('apns'),
  {
    name: 'apns-refusing',
    via: 'apns',
    fall: ({ apns }) => apns.refuse(),
    mend: ({ apns }) => apns.listen(),
  },
  fcm('silent', 'silent'),
  fcm('503', `unavailable${RETRY_AFTER_S}`),
  fcm('429', `quota${RETRY_AFTER_S}`),
  fcm('dropping', 'rst'),
  fcm('resetting', 'reset'),
  fcm('goaway', 'goaway'),
  blackHole('fcm'),
  {
    name: 'fcm-refusing',
    via: 'fcm',
    fall: ({ fcm }) => fcm.refuse(),
    mend: ({ fcm }) => fcm.resume(),
  },
  {
    name: 'token-endpoint-gone',
    via: 'fcm',
    fall: ({ fcm }) => {
      fcm.revokeTokens();
      fcm.scriptOAuth(['rst'], { repeatLast: true });
    },
    mend: ({ fcm }) => fcm.scriptOAuth([]),
  },
];

/** Each ailment at an app of its own, all at once, for a while; then everything that was asked for has arrived. */
export const badGateways: Scenario = {
  name: 'bad-gateways',
  about:
    'gateways that are silent, refuse, throttle, break connections, fail TLS, take one stream, or give no access tokens',
  ci: true,
  run: (chaos) => {
    // The last one is for the app whose gateway takes one stream.
    const apns = [...AILMENTS.map(() => ({})), { maxConcurrentStreams: 1 }];
    return onStage(chaos, { record: RECORD, apns, fcm: AILMENTS.map(() => ({})) }, (stage) => carryOut(chaos, stage));
  },
};

/** An app with its gateway. */
interface Patient {
  readonly ailment: Ailment;
  readonly gateway: Gateway;
  readonly tenant: Tenant;
}

async function carryOut(chaos: Chaos, stage: Stage): Promise<void> {
  const { ci, findings, seed } = chaos;
  const people = ci ? 16 : 60;
  await stage.start();
  const askers = new Askers(stage.ledger, [stage.slot().url], seed);
  const sick: Patient[] = [];
  for (const [i, ailment] of AILMENTS.entries()) sick.push(await admit(stage, ailment, i, people));
  const single = stage.gateways.apns.at(-1) as ApnsSimulator;
  const narrow = await stage.tenant({
    name: 'narrow',
    people,
    channels: { apns: single.channelConfig(bundleIdOf('narrow')) },
  });
  const askAll = async (tenants: readonly Tenant[]): Promise<void> => {
    for (const tenant of tenants) await askers.ask(tenant, { audience: { users: tenant.people }, ttlSeconds: 3_600 });
  };
  const tenants = [...sick.map(({ tenant }) => tenant), narrow];
  // Faults meet connections that are open and work.
  await askAll(tenants);
  await quiet(stage);
  const tls = await Impostor.start(stage, people);
  for (const { ailment, gateway } of sick) await ailment.fall(gateway);
  await askAll([...tenants, tls.tenant]);
  await pause(ci ? 3_000 : 25_000);
  const mended = Date.now();
  for (const { ailment, gateway } of sick) await ailment.mend?.(gateway);
  await tls.unmask();
  await check(stage);
  findings.figure('latest push after the gateways were mended, s', latestPush(stage, mended));
  findings.figure('streams at once where one is allowed', single.counters.maxStreams);
  findings.expect('more streams than the gateway allows', single.counters.maxStreams <= 1, single.counters.maxStreams);
  findings.expectNone(
    'calls before the end of Retry-After',
    hasty(sick.flatMap(({ gateway: { fcm } }) => fcm.requests)),
  );
  await expectAllSent(chaos, stage);
  await tls.close();
  for (const { gateway } of sick) await gateway.relay.close();
}

async function admit(stage: Stage, ailment: Ailment, place: number, people: number): Promise<Patient> {
  const { name, via } = ailment;
  const apns = stage.gateways.apns[place] as ApnsSimulator;
  const fcm = stage.gateways.fcm[place] as FcmSimulator;
  const relay = await startRelay(Number(new URL((via === 'apns' ? apns : fcm).url).port));
  const url = `https://127.0.0.1:${relay.port}`;
  const channels: Channels =
    via === 'apns'
      ? { apns: { ...apns.channelConfig(bundleIdOf(name)), productionUrl: url, requestTimeoutMs: PATIENCE_MS } }
      : { fcm: { ...fcm.channelConfig(), baseUrl: url, deadlineMs: PATIENCE_MS } };
  return { ailment, gateway: { apns, fcm, relay }, tenant: await stage.tenant({ name, people, channels }) };
}

const latestPush = (stage: Stage, since: number): number =>
  (Math.max(...stage.gateways.pushes.map(({ at }) => at)) - since) / 1000;

/** The same token again, before the time is over that the gateway named. A clock that ticks in seconds may be early by a little. */
function hasty(requests: FcmSimulator['requests']): unknown[] {
  const early: unknown[] = [];
  for (const [token, same] of Map.groupBy(requests, (request) => request.token)) {
    for (const [i, { answer, at }] of same.entries()) {
      const next = same[i + 1];
      const waits = /^(?:429|503)/.test(answer);
      const gap = next ? next.at.getTime() - at.getTime() : Infinity;
      if (waits && gap < RETRY_AFTER_S * 1000 - 50) early.push({ token: token.slice(0, 20), answer, gap });
    }
  }
  return early;
}

/** Nothing was given up, no device was blamed for its gateway, no integration paused. */
async function expectAllSent({ findings }: Chaos, { databaseUrl, tenants }: Stage): Promise<void> {
  await run(databaseUrl, async (client) => {
    const { rows: unsent } = await client.query(
      `SELECT channel, state, reason, count(*)::int FROM delivery WHERE state NOT IN ('accepted', 'skipped') GROUP BY 1, 2, 3`,
    );
    findings.expectNone('deliveries given up although the gateway was mended', unsent);
    const { rows: blamed } = await client.query(`SELECT id, state, state_reason FROM device WHERE state <> 'active'`);
    findings.expectNone('devices blamed for their gateway', blamed);
    const { rows: paused } = await client.query(
      `SELECT plugin, pause_reason, pause_detail FROM integration WHERE state <> 'active'`,
    );
    findings.expectNone('integrations paused by a passing fault', paused);
  });
  findings.figure('apps', tenants.length);
  findings.figure('attempts at most', await numberFrom(databaseUrl, 'SELECT max(attempt_count) FROM delivery'));
}

/** A server with a certificate that nobody trusts, at the address of the real one, which comes later. */
class Impostor {
  private constructor(
    private readonly stage: Stage,
    readonly tenant: Tenant,
    private simulator: ApnsSimulator,
    private readonly real: () => Promise<ApnsSimulator>,
  ) {}

  static async start(stage: Stage, people: number): Promise<Impostor> {
    const credentials = apnsTestCredentials();
    const trusted = await createAuthority();
    const impostor = await startApnsSimulator({ credentials });
    const { port } = new URL(impostor.url);
    const config = { ...impostor.channelConfig(bundleIdOf('tls')), certificateAuthority: trusted.caPem };
    const tenant = await stage.tenant({ name: 'tls', people, channels: { apns: config } });
    const real = () => startApnsSimulator({ credentials, authority: trusted, port: Number(port), record: RECORD });
    return new Impostor(stage, tenant, impostor, real);
  }

  async unmask(): Promise<void> {
    await this.simulator.close();
    this.stage.chaos.findings.figure('calls that reached the impostor', this.simulator.counters.requests);
    this.simulator = await this.real();
    this.stage.gateways.add(this.simulator);
  }

  close(): Promise<void> {
    return this.simulator.close();
  }
}
