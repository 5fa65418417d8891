import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  acknowledgement,
  describeInbound,
  describeVectors,
  InboundHarness,
  loadVectors,
  rawRequest,
} from '@bellhop/contracts/testing';
import { udeskClose, udeskMessages, udeskSamples, udeskText } from '@bellhop/simulators';
import { UdeskInbound } from './udesk.inbound.js';
import { UdeskConfig } from './udesk.manifest.js';

const fixtures = path.join(import.meta.dirname, '../fixtures');
const adapter = new UdeskInbound();
const config = new UdeskConfig();
const vectors = loadVectors(fixtures);
const now = new Date('2026-01-15T08:00:00.000Z');

describeVectors(adapter, vectors, () => config);
describeInbound(adapter, { config, cases: vectors, now });

describe('UdeskInbound', () => {
  const request = (name: string) => ({
    ...vectors[0]!.request,
    body: readFileSync(path.join(fixtures, name)),
  });

  it('keeps what is new of a batch that partly came before', () => {
    const harness = new InboundHarness(adapter, config);
    harness.receive(request('start-and-text.json'), now);
    const { outcome, events } = harness.receive(request('partly-new.json'), now);
    expect([outcome, events.length]).toEqual(['accepted', 1]);
  });

  it('names why a callback is ignored', () => {
    const harness = new InboundHarness(adapter, config);
    expect(harness.receive(request('hidden-types.json'), now)).toMatchObject({
      outcome: 'ignored',
      code: 'udesk.type_hidden',
    });
  });

  it('takes a batch from the simulator', () => {
    const messages = [udeskText('hi', { messageId: 'm-1', at: now }), udeskClose({ survey: true, at: now })];
    const callback = udeskMessages({ webToken: 'user_10086', pluginId: 42, messages });
    const { events } = new InboundHarness(adapter, config).receive(rawRequest(callback), now);
    expect(events).toMatchObject([
      { message: { id: 'm-1', text: 'hi' }, occurredAt: now.toISOString(), attributes: { pluginId: '42' } },
      { kind: 'conversation.closed', conversation: { id: '3001', closeType: 'normal', survey: true } },
    ]);
  });

  it.each([
    ['trailing commas', udeskSamples.trailingCommas, 'accepted', 'tolerant'],
    ['a text in place of the survey', udeskSamples.surveyPlaceholder, 'accepted', 'strict'],
    ['a missing comma', udeskSamples.missingComma, 'quarantined', undefined],
    ['comments', udeskSamples.comments, 'quarantined', undefined],
  ])('takes a sample with %s', (_name, callback, outcome, parseMode) => {
    const received = new InboundHarness(adapter, config).receive(rawRequest(callback), now);
    expect([received.outcome, received.parseMode]).toEqual([outcome, parseMode]);
  });

  it('asks for another try when nothing could be stored', () => {
    expect(adapter.acknowledge(acknowledgement('unavailable'))).toEqual({ status: 503 });
  });
});
