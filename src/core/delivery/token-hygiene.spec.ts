import type { SqlRunner } from '../../platform/sql.js';
import type { Decision } from './decide.js';
import { applyVerdicts, type DeviceVerdict, MassInvalidationBrake } from './token-hygiene.js';

const NOW = new Date('2026-01-15T08:00:00.000Z');
const at = (ms: number): Date => new Date(NOW.getTime() + ms);

type Verdict = Decision['device'];
const dead: Verdict = { verdict: 'dead', since: NOW };
const elsewhere: Verdict = { verdict: 'elsewhere' };
const reached: Verdict = { verdict: 'reached' };
const times = (count: number, verdict: Verdict): Verdict[] => Array.from({ length: count }, () => verdict);

describe('MassInvalidationBrake', () => {
  it.each([
    ['nothing', [], false],
    ['19 dead tokens', times(19, dead), false],
    ['20 dead tokens', times(20, dead), true],
    ['20 tokens that belong elsewhere', times(20, elsewhere), true],
    ['some of each', [...times(10, dead), ...times(10, elsewhere)], true],
    ['500 dead tokens and one device that was reached', [...times(500, dead), reached], false],
    ['one device that was reached and 500 dead tokens', [reached, ...times(500, dead)], false],
    ['500 outcomes that say nothing about devices', times(500, undefined), false],
    ['19 dead tokens among those', [...times(500, undefined), ...times(19, dead)], false],
  ])('after %s: %p', (_name, verdicts, pulled) => {
    expect(new MassInvalidationBrake().pulled('i', verdicts, NOW)).toBe(pulled);
  });

  it('adds up the batches of a minute', () => {
    const brake = new MassInvalidationBrake();
    const verdicts = [0, 30_000, 59_999].map((ms) => brake.pulled('i', times(7, dead), at(ms)));
    expect(verdicts).toEqual([false, false, true]);
  });

  it('forgets after a minute', () => {
    const brake = new MassInvalidationBrake();
    expect(brake.pulled('i', times(19, dead), NOW)).toBe(false);
    expect(brake.pulled('i', times(19, dead), at(60_000))).toBe(false);
    expect(brake.pulled('i', times(1, dead), at(60_001))).toBe(true);
  });

  it('forgets that a device was reached, too', () => {
    const brake = new MassInvalidationBrake();
    brake.pulled('i', [reached], NOW);
    expect(brake.pulled('i', times(20, dead), at(59_999))).toBe(false);
    expect(brake.pulled('i', times(20, dead), at(60_000))).toBe(true);
  });

  it('is one for each integration', () => {
    const brake = new MassInvalidationBrake();
    expect(brake.pulled('i', times(19, dead), NOW)).toBe(false);
    expect(brake.pulled('j', times(1, dead), NOW)).toBe(false);
    expect(brake.pulled('i', times(1, dead), NOW)).toBe(true);
    expect(brake.pulled('j', [], NOW)).toBe(false);
  });
});

describe('applyVerdicts', () => {
  /** Keeps the statements instead of running them. */
  async function statementsFor(verdicts: readonly DeviceVerdict[]): Promise<unknown[][]> {
    const kept: unknown[][] = [];
    const tx: SqlRunner = {
      query: async <T>(_sql: string, values?: unknown) => {
        kept.push(values as unknown[]);
        return [] as T[];
      },
    };
    await applyVerdicts(tx, 'app', NOW, at(-5), verdicts);
    return kept;
  }

  it('asks nothing of the database when nothing was learned', async () => {
    expect(await statementsFor([])).toEqual([]);
  });

  it('writes those that were reached with the environment that was found', async () => {
    const verdicts: DeviceVerdict[] = [
      { deviceId: 'a', device: { verdict: 'reached', environment: 'sandbox' } },
      { deviceId: 'b', device: { verdict: 'reached' } },
    ];
    expect(await statementsFor(verdicts)).toEqual([['app', NOW, ['a', 'b'], ['sandbox', null]]]);
  });

  it('retires the dead as of the gateway’s word and suspects the others as of the call', async () => {
    const verdicts: DeviceVerdict[] = [
      { deviceId: 'a', reason: 'token.unregistered', device: { verdict: 'dead', since: at(-60_000) } },
      { deviceId: 'b', device: { verdict: 'elsewhere' } },
    ];
    expect(await statementsFor(verdicts)).toEqual([
      ['app', NOW, ['a', 'b'], ['retired', 'suspect'], ['token.unregistered', null], [at(-60_000), at(-5)]],
    ]);
  });
});
