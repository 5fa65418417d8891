import { apnsToken, fcmToken } from '@bellhop/simulators';

export const BUNDLE_ID = 'com.example.shop';

/** The person of the callbacks. */
export const DEMO_USER = 'user_10086';

/** Tokens of the phones of {@link DEMO_USER}. */
export interface DemoDevices {
  readonly ios: string;
  readonly android: string;
}

export interface DemoPhone {
  readonly installationId: string;
  readonly platform: 'ios' | 'android';
  readonly token: string;
  readonly locale: string;
  readonly timeZone: string;
}

export interface DemoPerson {
  readonly userId: string;
  readonly phones: readonly DemoPhone[];
  /** Those of the first start. */
  readonly tags: readonly string[];
}

const CHINESE = { locale: 'zh-CN', timeZone: 'Asia/Shanghai' } as const;
export const DEMO_DEVICES: DemoDevices = { ios: apnsToken(), android: fcmToken() };

export const CUSTOMER: DemoPerson = {
  userId: DEMO_USER,
  phones: [
    { installationId: 'demo-iphone', platform: 'ios', token: DEMO_DEVICES.ios, ...CHINESE },
    { installationId: 'demo-android', platform: 'android', token: DEMO_DEVICES.android, ...CHINESE, locale: 'en' },
  ],
  tags: ['demo-vip', 'beijing'],
};

export const FRIEND: DemoPerson = {
  userId: 'user_20001',
  phones: [
    { installationId: 'friend-iphone', platform: 'ios', token: apnsToken('ok', { number: 1 }), ...CHINESE },
    { installationId: 'friend-android', platform: 'android', token: fcmToken('accepted', 1), ...CHINESE },
  ],
  tags: ['demo-vip', 'shanghai'],
};

/** Somebody on the other side of the world. */
export const TRAVELLER: DemoPerson = {
  userId: 'user_30001',
  phones: [
    {
      installationId: 'traveller-android',
      platform: 'android',
      token: fcmToken('accepted', 2),
      locale: 'en',
      timeZone: 'America/New_York',
    },
  ],
  tags: ['demo-vip', 'new-york'],
};

export const DEMO_PEOPLE: readonly DemoPerson[] = [CUSTOMER, FRIEND, TRAVELLER];
