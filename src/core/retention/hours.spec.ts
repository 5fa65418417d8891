import { isWithin } from './hours.js';

describe('hours of the day', () => {
  it.each([
    ['18:00-22:00', '18:00', true],
    ['18:00-22:00', '21:59', true],
    ['18:00-22:00', '22:00', false],
    ['18:00-22:00', '17:59', false],
    ['23:30-01:15', '23:30', true],
    ['23:30-01:15', '00:00', true],
    ['23:30-01:15', '01:14', true],
    ['23:30-01:15', '01:15', false],
    ['23:30-01:15', '12:00', false],
    ['00:00-00:00', '12:00', true],
    ['09:00-09:00', '08:59', true],
  ])('%s at %s: %s', (hours, clock, expected) => {
    expect(isWithin(hours, new Date(`2026-11-20T${clock}:30Z`))).toBe(expected);
  });
});
