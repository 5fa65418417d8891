import { likelyNames, mentions, mentionsInBytes, spellingsOf, sureNames } from './mentions.js';

describe('a name', () => {
  it.each([
    ['u-100', 'u-100', true],
    ['{"id":"u-100"}', 'u-100', true],
    ['lisi;u-100;wangwu', 'u-100', true],
    ['u-1001', 'u-100', false],
    ['xu-100', 'u-100', false],
    ['xu-100 u-100', 'u-100', true],
    ['', 'u-100', false],
    ['anything', '', false],
  ])('in %j: %s', (text, name, expected) => {
    expect(mentions(text, [name])).toBe(expected);
    expect(mentionsInBytes(Buffer.from(text), [name])).toBe(expected);
  });

  it('in UTF-8 is found among other bytes', () => {
    const bytes = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('<n>张三1001</n>')]);
    expect(mentionsInBytes(bytes, ['张三1001'])).toBe(true);
    expect(mentionsInBytes(bytes, ['李四1001'])).toBe(false);
  });

  it('is sure when no protocol has such a word, and likely when most have not', () => {
    const names = ['7', 'text', '40158', 'u-1001', 'staff', 'customer-of-acme', '2d9f3c'];
    expect(sureNames(names)).toEqual(['u-1001', 'customer-of-acme', '2d9f3c']);
    expect(likelyNames(names)).toEqual(names.slice(1));
  });

  it('has a spelling for every place where it may stand', () => {
    expect(spellingsOf('u-1001')).toEqual(['u-1001', 'dS0xMDAx']);
    expect(spellingsOf('a&b "张"')).toEqual([
      'a&b "张"',
      String.raw`a&b \"张\"`,
      String.raw`a&b \"\u5f20\"`,
      'a%26b%20%22%E5%BC%A0%22',
      'a&amp;b "张"',
      Buffer.from('a&b "张"').toString('base64url'),
    ]);
    expect(() => spellingsOf('\ud800')).not.toThrow();
  });
});
