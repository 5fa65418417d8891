import { readFileSync } from 'node:fs';
import path from 'node:path';
import { executed } from '@bellhop/contracts/testing';
import { inWindow, wallClock } from './quiet-hours.js';

interface Window {
  readonly id: string;
  readonly start: string;
  readonly end: string;
  readonly now: string;
  readonly quiet: boolean;
}

const { cases } = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '../../../libs/vendors/nim/fixtures/dnd-window.json'), 'utf8'),
) as { cases: readonly Window[] };

describe('inWindow', () => {
  it.each(cases.map((each) => [each.id, each] as const))('%s', (id, { start, end, now, quiet }) => {
    expect(inWindow(start, end, now)).toBe(quiet);
    executed('nim/dnd-window.json', id);
  });

  it('meets as many cases as the file was made with', () => {
    expect(cases).toHaveLength(8);
  });

  it.each([
    ['22:00', '22:00', '22:00', false],
    ['00:00', '00:00', '12:00', false],
    ['00:00', '23:59', '00:00', true],
    ['00:00', '23:59', '23:59', true],
    ['23:59', '00:00', '23:59', true],
    ['23:59', '00:00', '00:00', true],
    ['23:59', '00:00', '00:01', false],
    ['22:00', '08:00', '21:59', false],
    ['22:00', '08:00', '22:00', true],
    ['22:00', '08:00', '00:00', true],
    ['12:00', '14:00', '11:59', false],
    ['12:00', '14:00', '14:00', true],
  ])('from %s to %s, at %s: %p', (start, end, clock, quiet) => {
    expect(inWindow(start, end, clock)).toBe(quiet);
  });
});

describe('wallClock', () => {
  it.each([
    ['2026-01-15T08:00:59Z', 'Asia/Shanghai', '16:00'],
    ['2026-01-15T16:00:00Z', 'Asia/Shanghai', '00:00'],
    ['2026-01-15T16:30:00Z', 'Asia/Shanghai', '00:30'],
    ['2026-01-15T08:00:00Z', 'UTC', '08:00'],
    ['2026-01-15T08:00:00Z', 'America/New_York', '03:00'],
    ['2026-07-15T08:00:00Z', 'America/New_York', '04:00'],
    // The hour that summer time skips, and the one that winter time repeats.
    ['2026-03-08T06:59:00Z', 'America/New_York', '01:59'],
    ['2026-03-08T07:00:00Z', 'America/New_York', '03:00'],
    ['2026-11-01T05:30:00Z', 'America/New_York', '01:30'],
    ['2026-11-01T06:30:00Z', 'America/New_York', '01:30'],
    ['2026-01-15T08:00:00Z', 'Asia/Kolkata', '13:30'],
    ['2026-01-15T08:00:00Z', 'Asia/Kathmandu', '13:45'],
    ['2026-01-15T11:00:00Z', 'Pacific/Kiritimati', '01:00'],
    ['2026-01-15T08:00:00Z', 'Mars/Olympus', '08:00'],
    ['2026-01-15T08:00:00Z', '', '08:00'],
  ])('of %s in %p is %s', (instant, zone, clock) => {
    expect(wallClock(new Date(instant), zone)).toBe(clock);
  });

  it('is what the window is compared with', () => {
    const quietAt = (instant: string, zone: string) => inWindow('22:00', '08:00', wallClock(new Date(instant), zone));
    expect(quietAt('2026-01-15T14:30:00Z', 'Asia/Shanghai')).toBe(true);
    expect(quietAt('2026-01-15T14:30:00Z', 'America/New_York')).toBe(false);
  });
});
