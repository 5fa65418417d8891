import { RECEIPT_KEY } from '@bellhop/contracts';
import { executed } from '@bellhop/contracts/testing';
import { loadFixture } from '../testing/builders.js';
import { readClick, receiptOf } from './rongcloud.click.js';

interface ClickCase {
  readonly id: string;
  readonly uri: string;
  readonly expect: { readonly error?: 'NOT_A_PUSH_LINK' | 'PUSH_ID_MISSING'; readonly countAsOpen?: boolean };
}

const { cases } = loadFixture<{ cases: ClickCase[] }>('click-deeplink.json');
const link = (extra: string) => `rong://cn.example.app/push_message?pushId=p1&extra=${encodeURIComponent(extra)}`;

describe('a link that opens an Android app', () => {
  it('has all of its cases', () => expect(cases).toHaveLength(4));

  it.each(cases.map((each) => [each.id, each] as const))('%s', (id, { uri, expect: expected }) => {
    const { error, countAsOpen: _counts, ...click } = expected;
    const wanted = error ? { ok: false, code: `rongcloud.${error.toLowerCase()}` } : { ok: true, click };
    expect(readClick(uri)).toMatchObject(wanted);
    executed('rongcloud/click-deeplink.json', id);
  });

  it.each(cases.filter((each) => each.expect.countAsOpen !== undefined).map((each) => [each.id, each] as const))(
    '%s counts as opened or not',
    (_id, { uri, expect: { countAsOpen } }) => expect(readClick(uri).ok).toBe(countAsOpen),
  );

  it('carries the receipt token', () => {
    expect(receiptOf(link(JSON.stringify({ [RECEIPT_KEY]: 'token', a: '1' })))).toBe('token');
  });

  it.each(['', 'nonsense', 'rong://', link('{}'), link('[]'), link('{"bellhop_receipt":7}'), link('x'), 'rong://%/'])(
    'carries none: %s',
    (text) => expect(receiptOf(text)).toBeUndefined(),
  );

  it('without a push id carries none', () => {
    const extra = encodeURIComponent(JSON.stringify({ [RECEIPT_KEY]: 'token' }));
    expect(receiptOf(`rong://cn.example.app/push_message?extra=${extra}`)).toBeUndefined();
  });
});
