import { BATCH_SIZE, deliverNudges, type DueDelivery } from './deliver.nudge.js';

const due = (id: string, more: Partial<DueDelivery> = {}): DueDelivery => ({
  id,
  appId: 'app-1',
  integrationId: 'int-1',
  priority: 'normal',
  ...more,
});
const at = (iso: string): Date => new Date(`2026-01-15T08:00:${iso}Z`);
const idsOf = (deliveries: readonly DueDelivery[]) => deliverNudges(deliveries).map(({ data }) => data.ids);

describe('deliverNudges', () => {
  it('makes none of nothing', () => {
    expect(deliverNudges([])).toEqual([]);
  });

  it('names the rows, the lane and nothing else', () => {
    expect(deliverNudges([due('a'), due('b')])).toEqual([
      { data: { appId: 'app-1', integrationId: 'int-1', ids: ['a', 'b'] }, lane: 'int-1', priority: 0 },
    ]);
  });

  it('lets high priority overtake', () => {
    const nudges = deliverNudges([due('a'), due('b', { priority: 'high' })]);
    expect(nudges.map(({ data, priority }) => [data.ids, priority])).toEqual([
      [['a'], 0],
      [['b'], 1],
    ]);
  });

  it('keeps integrations apart', () => {
    const other = { appId: 'app-2', integrationId: 'int-2' };
    expect(deliverNudges([due('a'), due('b', other), due('c')]).map(({ data, lane }) => [data, lane])).toEqual([
      [{ appId: 'app-1', integrationId: 'int-1', ids: ['a', 'c'] }, 'int-1'],
      [{ ...other, ids: ['b'] }, 'int-2'],
    ]);
  });

  it.each([
    [1, [1]],
    [BATCH_SIZE, [BATCH_SIZE]],
    [BATCH_SIZE + 1, [BATCH_SIZE, 1]],
    [2 * BATCH_SIZE + 7, [BATCH_SIZE, BATCH_SIZE, 7]],
  ])('cuts %i into %j', (count, sizes) => {
    const ids = Array.from({ length: count }, (_, i) => String(i));
    const batches = idsOf(ids.map((id) => due(id)));
    expect(batches.map((batch) => batch.length)).toEqual(sizes);
    expect(batches.flat()).toEqual(ids);
  });

  it('gathers what is due within a second and starts when the last of it is due', () => {
    const waiting = [
      due('a', { notBefore: at('01.001') }),
      due('b', { notBefore: at('02.000') }),
      due('c', { notBefore: at('01.500') }),
      due('d', { notBefore: at('02.001') }),
    ];
    const nudges = deliverNudges(waiting).map(({ data, startAfter }) => [data.ids, startAfter]);
    expect(nudges).toEqual([
      [['a', 'b', 'c'], at('02.000')],
      [['d'], at('02.001')],
    ]);
  });

  it('keeps what is due now apart from what waits', () => {
    const nudges = deliverNudges([due('a'), due('b', { notBefore: at('01') }), due('c', { notBefore: null })]);
    expect(nudges.map(({ data, startAfter }) => [data.ids, startAfter])).toEqual([
      [['a', 'c'], undefined],
      [['b'], at('01')],
    ]);
  });
});
