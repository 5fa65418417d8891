/**
 * Named moments before and after commits and calls at which a test may end this process, to show what is lost there:
 * nothing. `BELLHOP_FAULT=kill:after-claim-commit:3` kills it the third time it gets there. Without the variable, and in
 * production, a point is a call of an empty function.
 */
export const FAULT_POINTS = [
  'before-flush-commit',
  'after-flush-commit',
  'before-route-commit',
  'after-route-commit',
  'before-slice-commit',
  'after-slice-commit',
  'before-claim-commit',
  'after-claim-commit',
  'before-send',
  'after-send',
  'before-record-commit',
  'after-record-commit',
  'after-webhook-claim',
  'after-webhook-send',
  'after-webhook-record',
] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

/** @throws {Error} for a fault that cannot happen: a test with a misspelt one would show nothing. */
export function faultsOf({ BELLHOP_FAULT: fault, NODE_ENV: mode }: NodeJS.ProcessEnv): (point: FaultPoint) => void {
  if (!fault || mode === 'production') return () => undefined;
  const [, name, times = '1'] = /^kill:([a-z-]+)(?::(\d+))?$/.exec(fault) ?? [];
  if (!FAULT_POINTS.some((point) => point === name)) throw new Error(`BELLHOP_FAULT=${fault} names no known fault.`);
  let left = Number(times);
  return (point) => {
    // The signal cannot be caught: nothing after this line happens, as on a machine that loses its power.
    if (point === name && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
}

export const faultPoint = faultsOf(process.env);
