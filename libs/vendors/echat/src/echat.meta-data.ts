import { encryptEchat } from './echat.crypto.js';

/**
 * The document that makes a visitor a member: `uid` is the id in our system. Source: "会员系统接入".
 * @param fields texts without control characters, under names that are XML names.
 */
export function memberXml(uid: string, fields: Readonly<Record<string, string>> = {}): string {
  const elements = Object.entries({ uid, ...fields }).map(([name, value]) => `<${name}>${escape(value)}</${name}>`);
  return `<xml>${elements.join('')}</xml>`;
}

/** Value of `metaData`. Base64: must be URL-encoded where it travels in an address. */
export function issueMetaData(
  keys: { readonly encodingAesKey: string; readonly appId: string },
  uid: string,
  fields?: Readonly<Record<string, string>>,
): string {
  return encryptEchat(keys.encodingAesKey, keys.appId, memberXml(uid, fields));
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
