import { webhookNudges } from './webhook.nudge.js';

const due = (count: number, endpointId: string, notBefore?: Date) =>
  Array.from({ length: count }, (_, i) => ({ id: `${endpointId}-${i}`, appId: 'app', endpointId, notBefore }));

describe('webhookNudges', () => {
  it('keeps endpoints apart, in lanes of their own and at most 50 together', () => {
    const nudges = webhookNudges([...due(120, 'a'), ...due(1, 'b')]);
    expect(nudges.map(({ lane, data }) => [lane, data.endpointId, data.ids.length])).toEqual([
      ['a', 'a', 50],
      ['a', 'a', 50],
      ['a', 'a', 20],
      ['b', 'b', 1],
    ]);
    expect(nudges.every(({ startAfter }) => startAfter === undefined)).toBe(true);
  });

  it('comes when the last message of its second is due', () => {
    const [first, second] = [new Date('2026-01-01T00:00:00.200Z'), new Date('2026-01-01T00:00:00.900Z')];
    const [nudge, ...others] = webhookNudges([...due(1, 'a', second), ...due(1, 'a', first)]);
    expect([nudge?.startAfter, others]).toEqual([second, []]);
    expect(webhookNudges([...due(1, 'a', first), ...due(1, 'a', new Date('2026-01-01T00:00:01.001Z'))])).toHaveLength(
      2,
    );
  });

  it('is nothing for nothing', () => expect(webhookNudges([])).toEqual([]));
});
