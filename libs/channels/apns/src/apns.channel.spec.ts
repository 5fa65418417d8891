import { type OutcomeKind, readConfig, type SendItem } from '@bellhop/contracts';
import { describeChannel } from '@bellhop/contracts/testing';
import {
  type ApnsReason,
  ApnsSimulator,
  apnsTestCredentials,
  apnsToken,
  startApnsSimulator,
} from '@bellhop/simulators';
import { ApnsChannel } from './apns.channel.js';
import { ApnsConfig } from './apns.manifest.js';

const credentials = apnsTestCredentials();
let gateway: ApnsSimulator;

function item(answer: 'ok' | ApnsReason, number: number): SendItem {
  return {
    id: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
    message: { title: '客服', body: '您好', extras: {}, priority: 'high', expiresAt: new Date(Date.now() + 60_000) },
    target: {
      kind: 'device',
      token: apnsToken(answer, { number }),
      identifier: 'token',
      platform: 'ios',
      environment: 'production',
    },
  };
}

const CASES: readonly (readonly ['ok' | ApnsReason, OutcomeKind])[] = [
  ['ok', 'accepted'],
  ['Unregistered', 'invalidTarget'],
  ['ok', 'accepted'],
  ['DeviceTokenNotForTopic', 'wrongBinding'],
  ['PayloadTooLarge', 'rejected'],
  ['InvalidProviderToken', 'misconfigured'],
  ['TooManyRequests', 'throttled'],
  ['ServiceUnavailable', 'transient'],
  ['ok', 'accepted'],
];

describeChannel(new ApnsChannel(), {
  cases: CASES.map(([answer, outcome], index) => ({ item: item(answer, index), outcome })),
  config: () =>
    readConfig(ApnsConfig, {
      ...credentials,
      bundleId: 'com.example.app',
      productionUrl: gateway.url,
      sandboxUrl: gateway.url,
      certificateAuthority: gateway.caPem,
    }),
  stub: {
    start: async () => {
      gateway = await startApnsSimulator({ credentials });
    },
    stop: () => gateway.close(),
    hold: () => {
      gateway.reset();
      gateway.hold();
      return { arrived: () => gateway.received(CASES.length), release: () => gateway.release() };
    },
  },
});
