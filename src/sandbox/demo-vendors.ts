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
import { DEMO_USER, type DemoDevices } from './demo-people.js';

export type VendorId = 'kf5' | 'udesk' | 'echat' | 'rongcloud' | 'nim';

type Keys<Name extends string> = Readonly<Record<Name, string>>;

/** Keys and secrets of the demo accounts. */
export interface VendorConfigs {
  readonly kf5: Keys<string>;
  readonly udesk: Keys<'email' | 'apiToken' | 'imUserKey'>;
  readonly echat: Keys<'token' | 'mode' | 'appId' | 'encodingAesKey' | 'pushInfoKey'>;
  readonly rongcloud: Keys<'appKey' | 'appSecret'>;
  readonly nim: Keys<'appKey' | 'appSecret'>;
}

/** What Udesk calls {@link DEMO_USER}. */
export const UDESK_TOKEN = 'web_10086';
export const UDESK_PLUGIN = 42;
export const ECHAT_COMPANY = '60';
/** Account that pushes through NIM come from. */
export const NIM_SENDER = 'shop_service';

export interface CallbackInput extends SigningOptions {
  readonly config: Readonly<Record<string, string>>;
  readonly devices: DemoDevices;
}

/** How the sandbox sets a vendor up, and what its server would send. */
export interface DemoVendor {
  readonly id: VendorId;
  readonly name: string;
  /** Settings beside its keys that every sandbox has. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** What the vendor calls {@link DEMO_USER}, where it is not the same word. */
  readonly identity?: { readonly kind: string; readonly value: string };
  /** Whether callbacks carry a signature that can be forged. */
  readonly signed: boolean;
  /** A message that {@link DEMO_USER} has missed; another one at every call. */
  callback(input: CallbackInput): Callback;
}

const secret = (): string => randomBytes(16).toString('hex');

/** Fresh ones; nobody else has them. */
export function newVendorConfigs(): VendorConfigs {
  return {
    kf5: {},
    udesk: { email: 'admin@example.com', apiToken: randomUUID(), imUserKey: secret() },
    echat: {
      token: secret(),
      mode: 'secure',
      appId: 'ECHATAPP0001',
      encodingAesKey: aesKey(),
      pushInfoKey: secret(),
    },
    rongcloud: { appKey: 'demo-app-key', appSecret: secret() },
    nim: { appKey: randomUUID().replaceAll('-', ''), appSecret: secret() },
  };
}

/** The five vendors, each with one realistic callback. */
export const DEMO_VENDORS: readonly DemoVendor[] = [
  {
    id: 'kf5',
    name: 'KF5 云客服',
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
    settings: { imWebPluginId: UDESK_PLUGIN },
    identity: { kind: 'udesk.web_token', value: UDESK_TOKEN },
    signed: false,
    callback: ({ now }) =>
      udeskMessages({
        webToken: UDESK_TOKEN,
        pluginId: UDESK_PLUGIN,
        messages: [udeskText('您好,有什么可以帮助您?', { at: now }), udeskText('还在吗?', { at: now })],
      }),
  },
  {
    id: 'echat',
    name: 'Echat 一洽',
    signed: true,
    callback: ({ config, ...signing }) =>
      echatChat(
        {
          token: config.token ?? '',
          secure: { appId: config.appId ?? '', encodingAesKey: config.encodingAesKey ?? '' },
        },
        { companyId: ECHAT_COMPANY, msgId: String(randomInt(1, 2 ** 40)), uid: DEMO_USER, content: '您的订单已发货' },
        signing,
      ),
  },
  {
    id: 'rongcloud',
    name: 'RongCloud 融云',
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
