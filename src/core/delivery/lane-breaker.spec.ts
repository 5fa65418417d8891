import type { SendOutcome } from '@bellhop/contracts';
import { type Heard, heardOf, LaneBreaker, type LaneState, type Pass, TRIAL_SIZE } from './lane-breaker.js';

const ANSWERED: Heard = { answered: true, unanswered: 0 };
const UNANSWERED: Heard = { answered: false, unanswered: 5 };
const NOTHING: Heard = { answered: false, unanswered: 0 };
const ALMOST_ONE = 1 - Number.EPSILON;

/** A breaker with a clock in the hand. */
class Lane {
  now = new Date('2026-01-15T08:00:00Z');
  readonly told: LaneState[] = [];
  readonly breaker = new LaneBreaker((state) => this.told.push(state));

  enter(): Pass {
    return this.breaker.enter(this.now);
  }

  /** Milliseconds until one may ask again; of who may send, the deliveries. */
  ask(): { wait: number } | { most: number } {
    const pass = this.enter();
    return pass.until ? { wait: pass.until.getTime() - this.now.getTime() } : { most: pass.most };
  }

  leave(pass: Pass, heard: Heard, random = 0): void {
    if (pass.until) throw new Error('There was nothing to leave.');
    this.breaker.leave(pass.turn, heard, this.now, random);
  }

  /** One batch from the beginning to the end. */
  pass(heard: Heard, random = 0): void {
    this.leave(this.enter(), heard, random);
  }

  wait(ms: number): void {
    this.now = new Date(this.now.getTime() + ms);
  }

  /** Three batches in a row. */
  fall(random = 0): void {
    for (let i = 0; i < 3; i++) this.pass(UNANSWERED, random);
  }
}

describe('LaneBreaker', () => {
  let lane: Lane;
  beforeEach(() => (lane = new Lane()));

  it('lets everything through at first', () => {
    expect(lane.ask()).toEqual({ most: Infinity });
    expect(lane.told).toEqual([]);
  });

  it('opens after three batches in a row that nobody answered', () => {
    lane.pass(UNANSWERED);
    lane.pass(UNANSWERED);
    expect(lane.breaker.state).toBe('closed');
    lane.pass(UNANSWERED);
    expect(lane.breaker.state).toBe('open');
  });

  it.each([
    ['an answer in between begins the row anew', [UNANSWERED, UNANSWERED, ANSWERED, UNANSWERED, UNANSWERED]],
    [
      'a single delivery that is tried again is no dead vendor',
      Array.from({ length: 8 }, () => ({ answered: false, unanswered: 1 })),
    ],
    ['one lost connection is none, however much was on it', [{ answered: false, unanswered: 500 }]],
    ['what came to no call says nothing', Array.from({ length: 50 }, () => NOTHING)],
  ])('stays closed: %s', (_why, batches: readonly Heard[]) => {
    for (const heard of batches) lane.pass(heard);
    expect(lane.breaker.state).toBe('closed');
    expect(lane.told).toEqual([]);
  });

  it('lets nothing through while it is open: one comes back for the trial, the others behind it', () => {
    lane.fall();
    expect([lane.ask(), lane.ask(), lane.ask()]).toEqual([{ wait: 1_000 }, { wait: 2_000 }, { wait: 2_000 }]);
    lane.wait(999);
    expect(lane.ask()).toEqual({ wait: 1_001 });
  });

  it('makes one small trial at a time', () => {
    lane.fall();
    lane.wait(1_000);
    expect(lane.ask()).toEqual({ most: TRIAL_SIZE });
    expect(lane.breaker.state).toBe('half-open');
    expect(lane.ask()).toEqual({ wait: 1_000 });
  });

  it('lets nobody wait for long beside a trial, however long it was open', () => {
    lane.fall();
    for (const wait of [1_000, 2_000, 4_000, 8_000, 16_000]) {
      lane.wait(wait);
      lane.pass(UNANSWERED);
    }
    lane.wait(30_000);
    expect([lane.ask(), lane.ask()]).toEqual([{ most: TRIAL_SIZE }, { wait: 5_000 }]);
  });

  it('closes when the trial is answered', () => {
    lane.fall();
    lane.wait(1_000);
    lane.pass(ANSWERED);
    expect(lane.ask()).toEqual({ most: Infinity });
    expect(lane.told).toEqual(['open', 'half-open', 'closed']);
  });

  it('gives the next one a try when the trial came to no call', () => {
    lane.fall();
    lane.wait(1_000);
    lane.pass(NOTHING);
    expect(lane.ask()).toEqual({ most: TRIAL_SIZE });
    expect(lane.told).toEqual(['open', 'half-open']);
  });

  it.each([
    ['least', 0, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]],
    ['most', ALMOST_ONE, [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]],
  ])('waits longer after each trial that fails, at %s so long', (_which, random, waits) => {
    lane.fall(random);
    for (const wait of waits) {
      expect(lane.ask()).toEqual({ wait });
      lane.wait(wait);
      lane.pass(UNANSWERED, random);
    }
  });

  it('begins with the shortest wait once it has been closed', () => {
    lane.fall();
    lane.wait(1_000);
    lane.pass(UNANSWERED);
    lane.wait(2_000);
    lane.pass(ANSWERED);
    lane.fall();
    expect(lane.ask()).toEqual({ wait: 1_000 });
  });

  it('does not listen to what was begun before it changed', () => {
    const early = [lane.enter(), lane.enter()] as const;
    lane.fall();
    lane.leave(early[0], UNANSWERED);
    lane.leave(early[1], ANSWERED);
    expect(lane.breaker.state).toBe('open');
    expect(lane.ask()).toEqual({ wait: 1_000 });
    lane.wait(1_000);
    const trial = lane.enter();
    lane.leave(early[0], ANSWERED);
    expect(lane.breaker.state).toBe('half-open');
    lane.leave(trial, ANSWERED);
    lane.leave(trial, UNANSWERED);
    expect(lane.told).toEqual(['open', 'half-open', 'closed']);
  });
});

describe('heardOf', () => {
  const transient = (reason: string): SendOutcome => ({ kind: 'transient', reason });

  it.each<[string, SendOutcome]>([
    ['accepted', { kind: 'accepted' }],
    ['a dead token', { kind: 'invalidTarget', reason: 'token.unregistered', vendorCode: 'Unregistered' }],
    ['a refusal', { kind: 'rejected', reason: 'payload.invalid', vendorCode: 'INVALID_ARGUMENT' }],
    ['wrong credentials', { kind: 'misconfigured', reason: 'credentials.invalid', vendorCode: '403' }],
    ['slower, please', { kind: 'throttled', reason: 'quota.exceeded', scope: 'channel', vendorCode: 'HTTP 429' }],
    ['no more today', { kind: 'quotaExhausted', reason: 'quota.exhausted', vendorCode: '1008' }],
  ])('takes for an answer: %s', (_what, outcome) => {
    expect(heardOf([transient('gateway.unavailable'), outcome])).toEqual(ANSWERED);
  });

  it('counts what the vendor did not take in, or may not have', () => {
    const lost: SendOutcome = { kind: 'unknown', reason: 'network.timeout' };
    expect(heardOf([transient('gateway.unavailable'), lost])).toEqual({ answered: false, unanswered: 2 });
  });

  it.each<[string, SendOutcome]>([
    ['a token that we cannot read', transient('delivery.unreadable')],
    ['a defect of the plugin', { kind: 'unknown', reason: 'plugin.failed' }],
    ['a refusal of the channel itself', { kind: 'rejected', reason: 'payload.too_large' }],
    ['a pace of ours', { kind: 'throttled', reason: 'rate.exceeded', scope: 'channel' }],
  ])('hears nothing in %s', (_what, outcome) => {
    expect(heardOf([outcome])).toEqual(NOTHING);
  });
});
