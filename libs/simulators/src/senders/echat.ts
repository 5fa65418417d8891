import { createCipheriv, randomBytes } from 'node:crypto';
import type { Callback } from './callback.js';
import { newNonce, signature, type SigningOptions } from './signing.js';

export interface EchatAccount {
  readonly token: string;
  /** Present in secure mode: pushes are encrypted. */
  readonly secure?: { readonly appId: string; readonly encodingAesKey: string };
}

export type EchatPushType = 'msgReply' | 'msgSend' | 'chatSend';

/** The check of a receiving URL. The editions of the documentation differ in the method. */
export function echatUrlCheck(
  account: EchatAccount,
  echostr: string,
  options: SigningOptions & { readonly method?: 'GET' | 'POST' },
): Callback {
  const query = { ...signedQuery(account, options), dataType: 'checkUrl', echostr };
  return { method: options.method ?? 'GET', path: '', query, headers: {}, body: '' };
}

export interface EchatChat {
  readonly companyId: string;
  readonly msgId: string;
  /** Id of the member, or of the guest with `visitorType: '0'`. */
  readonly uid: string;
  /** Default `hello`. */
  readonly content?: string;
  /** 21 text (default), 22 picture, 23 file, 24 survey, 25 rich; 1 start, 2 busy, 3 idle, 4 end. */
  readonly contentType?: string;
  /** Default: 1, a member. */
  readonly visitorType?: string;
  readonly talkId?: string;
  readonly staffNickName?: string;
  readonly pushInfo?: string;
  readonly unreadMsgCount?: string;
}

/** A chat message that the visitor has not seen. */
export function echatChat(account: EchatAccount, chat: EchatChat, options: SigningOptions): Callback {
  const time = String(options.now.getTime());
  const fields = {
    tm: time,
    visitorType: '1',
    type: '5',
    talkId: '1733339',
    lan: 'ZH-CN',
    chatTime: time,
    staffName: 'Allen',
    staffNickName: 'Allen@Echat',
    chatChannel: 'mobile',
    msgType: '2',
    contentType: '21',
    content: 'hello',
    unreadMsgCount: '1',
    ...chat,
  };
  return echatPush(account, 'chatSend', echatXml(fields), options);
}

/** A staff message to a visitor who is away (`msgSend`), or the reply to a left message (`msgReply`). */
export function echatReply(
  account: EchatAccount,
  type: 'msgReply' | 'msgSend',
  reply: Pick<EchatChat, 'companyId' | 'msgId' | 'uid' | 'pushInfo'> & Readonly<Record<string, string>>,
  options: SigningOptions,
): Callback {
  const chatTime = String(options.now.getTime());
  const defaults = { visitorType: '1', type: type === 'msgReply' ? '3' : '4', talkId: '1733339', chatTime };
  const said = { staffName: 'Allen', replyChannel: 'app', replyContent: 'hello', unreadMsgCount: '1' };
  return echatPush(account, type, echatXml({ ...defaults, ...said, ...reply }), options);
}

/** A flat document; every value stands in a CDATA section. */
export function echatXml(fields: Readonly<Record<string, string | undefined>>): string {
  const elements = Object.entries(fields).map(([name, value = '']) => `<${name}><![CDATA[${value}]]></${name}>`);
  return `<xml>\n${elements.join('\n')}\n</xml>`;
}

/** Any document, signed, and encrypted in secure mode. `msgType` may be one that nobody documented. */
export function echatPush(
  account: EchatAccount,
  msgType: EchatPushType | (string & {}),
  xml: string,
  options: SigningOptions,
): Callback {
  const query = { ...signedQuery(account, options), dataType: 'staffPush', msgType };
  const body = account.secure ? echatXml({ Encrypt: encrypt(account.secure, xml) }) : xml;
  return { method: 'POST', path: '', query, headers: { 'content-type': 'text/xml; charset=utf-8' }, body };
}

function signedQuery({ token }: EchatAccount, options: SigningOptions) {
  const timestamp = String(options.now.getTime());
  const nonce = options.nonce ?? newNonce();
  return { timestamp, nonce, signature: signature([token, timestamp, nonce].sort().join(''), options) };
}

/** AES-256-CBC of 16 random bytes, length, text and App ID, padded to blocks of 32. */
function encrypt({ appId, encodingAesKey }: NonNullable<EchatAccount['secure']>, text: string): string {
  const key = Buffer.from(encodingAesKey, 'base64');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(text));
  const plain = Buffer.concat([randomBytes(16), length, Buffer.from(text + appId)]);
  const pad = 32 - (plain.length % 32);
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
  return Buffer.concat([cipher.update(Buffer.concat([plain, Buffer.alloc(pad, pad)])), cipher.final()]).toString(
    'base64',
  );
}

/**
 * Bodies as the vendor's documentation prints them, contact data replaced: CDATA sections that end in `]]</name>`,
 * and a `viewUrl` closed by another start tag.
 */
export const echatSamples = {
  msgReply: `<xml>
<msgId>345678</msgId>
<tm>1500000237041</tm>
<companyId>60</companyId>
<uid><![CDATA[28474495]]></uid>
<visitorType>1</visitorType>
<appId><![CDATA[公众号或者小程序的appId]]</appId>
<type>3</type>
<talkId><![CDATA[1733339]]></talkId>
<chatTime>1500000237041</chatTime>
<staffName><![CDATA[Allen]]></staffName>
<staffLogName><![CDATA[staff01]]></staffLogName>
<staffNickName><![CDATA[Allen@Echat]]></staffNickName>
<echatTag><![CDATA[商品咨询]]></echatTag>
<routeName><![CDATA[商品咨询]]></routeName>
<chatDepartmentName><![CDATA[商品咨询]]></chatDepartmentName>
<chatChannel><![CDATA[webpc]]></chatChannel>
<replyChannel><![CDATA[email,sms]]></replyChannel>
<email><![CDATA[visitor@example.com]]></email>
<mobile><![CDATA[13800000000]]></mobile>
<replyContent><![CDATA[客服回复的内容]]></replyContent>
<chatRecord><![CDATA[访客留言的内容]]></chatRecord>
<viewUrl><![CDATA[http://api.echatsoft.com/msgReply/xxx]]><viewUrl>
<myData><![CDATA[web/sdk渠道接入时客户传递的业务数据]]</myData>
<unreadMsgCount><![CDATA[3]]></unreadMsgCount>
</xml>
`,
  msgSend: `<xml>
<msgId>345678</msgId>
<tm>1500000237041</tm>
<companyId>60</companyId>
<uid><![CDATA[28474495]]></uid>
<visitorType>1</visitorType>
<appId><![CDATA[公众号或者小程序的appId]]</appId>
<type>4</type>
<talkId><![CDATA[1733339]]></talkId>
<chatTime>1500000237041</chatTime>
<staffName><![CDATA[Allen]]></staffName>
<staffLogName><![CDATA[staff01]]></staffLogName>
<staffNickName><![CDATA[Allen@Echat]]></staffNickName>
<chatChannel><![CDATA[webpc]]></chatChannel>
<replyChannel><![CDATA[email,sms]]></replyChannel>
<email><![CDATA[visitor@example.com]]></email>
<mobile><![CDATA[13800000000]]></mobile>
<replyContent><![CDATA[客服回复的内容]]></replyContent>
<viewUrl><![CDATA[http://api.echatsoft.com/msgReply/xxx]]><viewUrl>
<myData><![CDATA[web/sdk渠道接入时客户传递的业务数据]]</myData>
<unreadMsgCount><![CDATA[3]]></unreadMsgCount>
</xml>
`,
  chatSend: `<xml>
<msgId>345678</msgId>
<tm>1500000237041</tm>
<companyId>60</companyId>
<uid><![CDATA[28474495]]></uid>
<visitorType>1</visitorType>
<type>5</type>
<talkId><![CDATA[1733339]]></talkId>
<lan><![CDATA[ZH-CN]]></lan>
<chatTime>1500000237041</chatTime>
<staffName><![CDATA[Allen]]></staffName>
<staffPhoto><![CDATA[https://echat.example/staff.png]]></staffPhoto>
<staffNickName><![CDATA[Allen@Echat]]></staffNickName>
<echatTag><![CDATA[商品咨询]]></echatTag>
<routeName><![CDATA[商品咨询]]></routeName>
<chatDepartmentName><![CDATA[商品咨询]]></chatDepartmentName>
<chatChannel><![CDATA[mobile]]></chatChannel>
<email><![CDATA[visitor@example.com]]></email>
<mobile><![CDATA[13800000000]]></mobile>
<msgType>1</msgType>
<contentType>1</contentType>
<content><![CDATA[您好,请问有什么可以帮助到您?]]></content>
<myData><![CDATA[web/sdk渠道接入时客户传递的业务数据]]</myData>
<pushInfo><![CDATA[web/sdk渠道接入时客户传递的推送信息]]</pushInfo>
<unreadMsgCount><![CDATA[3]]></unreadMsgCount>
</xml>
`,
} as const satisfies Record<EchatPushType, string>;
