import {
  type Callback,
  echatChat,
  kf5Chat,
  nimMessage,
  rongCloudMessage,
  type SigningOptions,
  udeskMessages,
  udeskText,
} from '@bellhop/simulators';
import { randomBytes, randomInt, randomUUID } from 'node:crypto';

/** The person of the demo, and the installs of that person's phones. */
export const DEMO_USER = 'user_10086';

export type VendorId = 'kf5' | 'udesk' | 'echat' | 'rongcloud' | 'nim';

export interface DemoDevices {
  readonly ios: string;
  readonly android: string;
}

export interface CallbackInput extends SigningOptions {
  readonly config: Readonly<Record<string, string>>;
  readonly devices: DemoDevices;
}

/** How the sandbox sets a vendor up, and what its server would send. */
export interface DemoVendor {
  readonly id: VendorId;
  readonly name: string;
  /** Fresh settings, secrets included. */
  config(): Record<string, string>;
  /** What the vendor calls {@link DEMO_USER}, where it is not the same word. */
  readonly identity?: { readonly kind: string; readonly value: string };
  /** Whether callbacks carry a signature that can be forged. */
  readonly signed: boolean;
  /** A message that {@link DEMO_USER} has missed; another one at every call. */
  callback(input: CallbackInput): Callback;
}

const secret = (): string => randomBytes(16).toString('hex');

/** The five vendors, each with one realistic callback. */
export const DEMO_VENDORS: readonly DemoVendor[] = [
  {
    id: 'kf5',
    name: 'KF5 云客服',
    config: () => ({}),
    identity: { kind: 'kf5.user_id', value: '40057' },
    signed: false,
    callback: ({ devices }) =>
      kf5Chat({
        userId: 40057,
        text: `您好，您的问题已经处理好了 (#${randomInt(1000, 10_000)})`,
        devices: [
          { token: devices.ios, platform: 'ios' },
          { token: devices.android, platform: 'android' },
        ],
      }),
  },
  {
    id: 'udesk',
    name: 'Udesk',
    config: () => ({}),
    identity: { kind: 'udesk.web_token', value: 'web_10086' },
    signed: false,
    callback: ({ now }) =>
      udeskMessages({
        webToken: 'web_10086',
        pluginId: 42,
        messages: [udeskText('您好,有什么可以帮助您?', { at: now }), udeskText('还在吗?', { at: now })],
      }),
  },
  {
    id: 'echat',
    name: 'Echat 一洽',
    config: () => ({ token: secret(), mode: 'secure', appId: 'ECHATAPP0001', encodingAesKey: aesKey() }),
    signed: true,
    callback: ({ config, ...signing }) =>
      echatChat(
        {
          token: config.token ?? '',
          secure: { appId: config.appId ?? '', encodingAesKey: config.encodingAesKey ?? '' },
        },
        { companyId: '60', msgId: String(randomInt(1, 2 ** 40)), uid: DEMO_USER, content: '您的订单已发货' },
        signing,
      ),
  },
  {
    id: 'rongcloud',
    name: 'RongCloud 融云',
    config: () => ({ appKey: 'demo-app-key', appSecret: secret() }),
    signed: true,
    callback: ({ config, ...signing }) =>
      rongCloudMessage(
        appOf(config),
        { fromUserId: 'user_20001', toUserId: DEMO_USER, text: '晚上一起吃饭吗？' },
        signing,
      ),
  },
  {
    id: 'nim',
    name: 'NetEase NIM 云信',
    config: () => ({ appKey: randomUUID().replaceAll('-', ''), appSecret: secret() }),
    signed: true,
    callback: ({ config, ...signing }) =>
      nimMessage(
        appOf(config),
        { fromAccount: 'zhangsan', fromNick: '张三', to: DEMO_USER, body: '资料我发你邮箱了' },
        signing,
      ),
  },
];

const appOf = ({ appKey = '', appSecret = '' }: Readonly<Record<string, string>>) => ({ appKey, appSecret });

/** 43 characters that stand for 32 bytes. */
function aesKey(): string {
  return randomBytes(32).toString('base64').slice(0, 43);
}
