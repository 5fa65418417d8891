import { isPast, notBefore, startOf } from './schedule.js';

const NOW = new Date('2026-03-10T04:00:00Z'); // noon in Shanghai, midnight in New York

describe('schedule', () => {
  it('sends at once without one', () => {
    expect(notBefore({}, 'Asia/Shanghai', NOW)).toBeUndefined();
    expect(startOf({}, NOW)).toEqual(NOW);
  });

  it('waits for an instant that is the same everywhere', () => {
    const at = '2026-03-10T05:00:00Z';
    expect(notBefore({ at }, 'Asia/Shanghai', NOW)).toEqual(new Date(at));
    expect(startOf({ at }, NOW)).toEqual(new Date(at));
    expect(isPast({ at }, NOW)).toBe(false);
    expect(isPast({ at: '2026-03-10T03:59:59Z' }, NOW)).toBe(true);
  });

  it.each([
    ['Asia/Shanghai', '2026-03-10T10:00:00Z'],
    ['America/New_York', '2026-03-10T22:00:00Z'],
    ['Pacific/Kiritimati', '2026-03-10T04:00:00Z'],
  ])('waits for the wall clock of %s', (zone, due) => {
    const expected = new Date(due) > NOW ? new Date(due) : undefined;
    expect(notBefore({ localTime: '2026-03-10T18:00' }, zone, NOW)).toEqual(expected);
  });

  it('plans a local time before the day has begun in the far east, and refuses it when it is over in the far west', () => {
    expect(startOf({ localTime: '2026-03-12T08:00' }, NOW)).toEqual(new Date('2026-03-11T18:00:00Z'));
    expect(isPast({ localTime: '2026-03-09T15:00' }, NOW)).toBe(true);
    expect(isPast({ localTime: '2026-03-09T17:00' }, NOW)).toBe(false);
  });

  it.each([
    ['inside', { start: '09:00', end: '21:00' }, 'Asia/Shanghai', undefined],
    ['before it opens', { start: '13:30', end: '21:00' }, 'Asia/Shanghai', '2026-03-10T05:30:00Z'],
    ['after it closed', { start: '08:00', end: '12:00' }, 'Asia/Shanghai', '2026-03-11T00:00:00Z'],
    ['a window over midnight', { start: '22:00', end: '06:00' }, 'America/New_York', undefined],
    ['a window over midnight, at noon', { start: '22:00', end: '06:00' }, 'Asia/Shanghai', '2026-03-10T14:00:00Z'],
  ])('keeps to the window: %s', (_, window, zone, due) => {
    expect(notBefore({ window }, zone, NOW)).toEqual(due && new Date(due));
  });

  it('counts a wall clock that daylight saving skips from the other side of the gap', () => {
    const winter = new Date('2026-03-08T00:00:00Z');
    expect(notBefore({ localTime: '2026-03-08T02:30' }, 'America/New_York', winter)).toEqual(
      new Date('2026-03-08T07:30:00Z'),
    );
  });
});
