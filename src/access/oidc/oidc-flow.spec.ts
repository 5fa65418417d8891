import { FLOW_MS, flowIn, newFlow } from './oidc-flow.js';

const NOW = new Date('2026-11-21T08:00:00Z');
const after = (ms: number): Date => new Date(NOW.getTime() + ms);

describe('an OIDC flow', () => {
  it('is found again by its cookie, for ten minutes', () => {
    const flow = newFlow(NOW);
    expect(flowIn(flow.cookie, NOW)).toEqual(flow);
    expect(flowIn(flow.cookie, after(FLOW_MS))).toEqual(flow);
    expect(flowIn(flow.cookie, after(FLOW_MS + 1))).toBeUndefined();
    expect(flowIn(flow.cookie, after(-60_000))).toEqual(flow);
    expect(flowIn(flow.cookie, after(-62_000))).toBeUndefined();
  });

  it('has a state, a nonce and a verifier of its own, none of which tells another or the cookie', () => {
    const [one, two] = [newFlow(NOW), newFlow(NOW)];
    const parts = [one, two].flatMap(({ cookie, ...rest }) => [cookie.split('.')[0], ...Object.values(rest)]);
    expect(new Set(parts).size).toBe(8);
    for (const part of parts) expect(part).toMatch(/^[\w-]{43}$/);
  });

  it('cannot be made younger: another time has another state', () => {
    const old = newFlow(after(-FLOW_MS));
    const [token] = old.cookie.split('.');
    const young = flowIn(`${token}.${newFlow(NOW).cookie.split('.')[1]}`, NOW);
    expect(young).toBeDefined();
    expect(young?.state).not.toBe(old.state);
  });

  it.each([undefined, '', 'x', 'A'.repeat(43), `${'A'.repeat(43)}.`, `${'A'.repeat(43)}.ZZ`, `${'A'.repeat(42)}%.t`])(
    'is not in %j',
    (cookie) => {
      expect(flowIn(cookie, NOW)).toBeUndefined();
    },
  );
});
