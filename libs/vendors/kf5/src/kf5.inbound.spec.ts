import path from 'node:path';
import { readConfig } from '@bellhop/contracts';
import {
  acknowledgement,
  describeInbound,
  describeVectors,
  InboundHarness,
  loadVectors,
  rawRequest,
} from '@bellhop/contracts/testing';
import { kf5Chat, kf5Samples, kf5Ticket } from '@bellhop/simulators';
import { Kf5Inbound } from './kf5.inbound.js';
import { Kf5Config } from './kf5.manifest.js';

const adapter = new Kf5Inbound();
const config = readConfig(Kf5Config, {});
const vectors = loadVectors(path.join(import.meta.dirname, '../fixtures'));
const now = new Date('2026-01-15T08:00:00.000Z');

describeVectors(adapter, vectors, ({ settings }) => readConfig(Kf5Config, { dedupeWindowMs: settings.dedupeWindowMs }));
describeInbound(adapter, { config, cases: vectors, now });

describe('Kf5Inbound', () => {
  const { request } = vectors[0]!;
  const later = (ms: number) => new Date(now.getTime() + ms);

  it('takes every callback as new when the window is off', () => {
    const harness = new InboundHarness(adapter, readConfig(Kf5Config, { dedupeWindowMs: 0 }));
    expect([harness.receive(request, now), harness.receive(request, now)]).toEqual([
      expect.objectContaining({ outcome: 'accepted' }),
      expect.objectContaining({ outcome: 'accepted' }),
    ]);
  });

  it('measures the window from the callback that was kept', () => {
    const harness = new InboundHarness(adapter, config);
    const outcomes = [0, 9_999, 10_000].map((ms) => harness.receive(request, later(ms)).outcome);
    expect(outcomes).toEqual(['accepted', 'duplicate', 'accepted']);
  });

  const recipient = { userId: 40_057, devices: [{ token: 'aa11', platform: 'ios' as const }] };
  it.each([
    ['a ticket', kf5Ticket({ ...recipient, ticketId: '998' }), 'accepted', undefined, 'strict'],
    ['a chat message', kf5Chat({ ...recipient, text: 'hi' }), 'accepted', undefined, 'strict'],
    ['an old ticket', kf5Samples.legacyTicket, 'accepted', undefined, 'tolerant'],
    ['an old chat message', kf5Samples.legacyChat, 'accepted', undefined, 'tolerant'],
    ['no recipient', kf5Samples.withoutRecipient, 'unroutable', undefined, 'strict'],
    ['two subjects', kf5Samples.ambiguous, 'quarantined', 'kf5.notification_ambiguous', undefined],
    ['a missing comma', kf5Samples.missingComma, 'quarantined', 'kf5.body_not_json', undefined],
    ['a form', kf5Samples.form, 'quarantined', 'kf5.body_not_json', undefined],
  ])('takes %s from the simulator', (_name, callback, outcome, code, parseMode) => {
    const received = new InboundHarness(adapter, config).receive(rawRequest(callback), now);
    expect([received.outcome, received.code, received.parseMode]).toEqual([outcome, code, parseMode]);
  });

  it('asks for another try when nothing could be stored', () => {
    expect(adapter.acknowledge(acknowledgement('unavailable'))).toEqual({ status: 503 });
  });
});
