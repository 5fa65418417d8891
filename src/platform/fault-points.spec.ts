import { faultsOf } from './fault-points.js';

describe('fault points', () => {
  const killed: [number, string | number | undefined][] = [];
  const kill = process.kill.bind(process);

  beforeEach(() => {
    killed.length = 0;
    process.kill = (pid, signal) => {
      killed.push([pid, signal]);
      return true;
    };
  });
  afterEach(() => {
    process.kill = kill;
  });

  it('kill the process the so-manieth time it gets there, and at no other point', () => {
    const point = faultsOf({ BELLHOP_FAULT: 'kill:after-claim-commit:2' });
    point('after-claim-commit');
    point('before-send');
    expect(killed).toEqual([]);
    point('after-claim-commit');
    expect(killed).toEqual([[process.pid, 'SIGKILL']]);
    point('after-claim-commit');
    expect(killed).toHaveLength(1);
  });

  it.each([[{}], [{ BELLHOP_FAULT: '' }], [{ BELLHOP_FAULT: 'kill:before-send', NODE_ENV: 'production' }]])(
    'do nothing in %j',
    (environment) => {
      faultsOf(environment)('before-send');
      expect(killed).toEqual([]);
    },
  );

  it.each(['kill:nowhere', 'kill:before-send:x', 'explode:before-send', 'kill'])('refuse %s', (fault) => {
    expect(() => faultsOf({ BELLHOP_FAULT: fault })).toThrow('names no known fault');
  });
});
