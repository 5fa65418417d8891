/** Chance that can be repeated. */
export interface Arbitrary {
  int(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** Any selection, in order, empty or all. */
  some<T>(items: readonly T[]): T[];
}

/** mulberry32: small, and good enough to choose test cases. */
export function arbitraryFrom(seed: number): Arbitrary {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const int = (from: number, to: number) => from + Math.floor(next() * (to - from + 1));
  return {
    int,
    chance: (probability) => next() < probability,
    pick: (items) => items[int(0, items.length - 1)] as (typeof items)[number],
    some: (items) => items.filter(() => next() < 0.4),
  };
}

export const TAGS = ['vip', '北京', '上海', 'beta', 'new'];
export const PACKAGES = ['com.example.shop', 'com.example.lite'];
const WORDS = [
  '您好',
  'Hello',
  'Sale 50%',
  '🎉🎉',
  'line\nbreak',
  'quote " and \\',
  'x'.repeat(300),
  '长'.repeat(1_500),
  '<b>',
];

/** A body of `POST /v1/notifications` that must be accepted. */
export function arbitraryNotification(random: Arbitrary, people: number): Record<string, unknown> {
  return {
    audience: audience(random, people),
    content: random.chance(0.1) ? silent(random) : shown(random),
    category: random.pick(['general', 'orders', 'marketing']),
    priority: random.pick(['high', 'normal']),
    ttlSeconds: random.int(60, 100_000),
    forced: random.chance(0.2),
  };
}

function audience(random: Arbitrary, people: number): Record<string, unknown> {
  const platforms = random.pick([undefined, ['ios'], ['android'], ['ios', 'android']]);
  switch (random.int(0, 4)) {
    case 0:
      return { everyone: true, platforms };
    case 1:
      return { users: Array.from({ length: random.int(1, 5) }, () => `user_${random.int(0, people + 2)}`), platforms };
    case 2:
      return { allOf: [random.pick(TAGS), ...random.some(TAGS)], anyOf: random.some(TAGS), platforms };
    case 3:
      return { anyOf: [random.pick(TAGS)], packageName: random.pick([undefined, ...PACKAGES]), platforms };
    default:
      return { packageName: random.pick(PACKAGES), platforms };
  }
}

const extras = (random: Arbitrary) =>
  Object.fromEntries(random.some(['a', 'orderId', 'naïve key']).map((key) => [key, random.pick(WORDS).slice(0, 200)]));
const maybe = <T>(random: Arbitrary, value: T): T | undefined => (random.chance(0.35) ? value : undefined);

function shown(random: Arbitrary): Record<string, unknown> {
  const copy = () => ({ title: random.pick(WORDS).slice(0, 200), body: random.pick(WORDS) });
  return {
    ...copy(),
    subtitle: maybe(random, 'Subtitle'),
    localized: maybe(random, { 'zh-CN': copy(), en: copy() }),
    badge: maybe(random, random.int(0, 9_999)),
    sound: maybe(random, random.pick(['default', 'ding.caf'])),
    collapseId: maybe(random, random.pick(['order-42', '对话', 'c'.repeat(100)])),
    threadId: maybe(random, 'thread-1'),
    deepLink: maybe(random, 'shop://orders/42?x=%20'),
    extras: maybe(random, extras(random)),
    imageUrl: maybe(random, 'https://cdn.example.com/a.png'),
    category: maybe(random, 'ORDER'),
    androidChannel: maybe(random, 'orders'),
    overrides: maybe(random, {
      ios: maybe(random, { title: 'For iPhones', badge: maybe(random, 0), extras: maybe(random, { only: 'ios' }) }),
      android: maybe(random, { body: 'For the others' }),
    }),
  };
}

const silent = (random: Arbitrary) => ({ silent: true, extras: { refresh: random.pick(WORDS).slice(0, 100) } });
