import { tagForms } from './language-tags.js';

describe('tagForms', () => {
  it.each([
    ['zh-Hans-CN', ['zh-Hans-CN', 'zh-Hans', 'zh']],
    ['en', ['en']],
    ['a key', ['a key']],
    ['', ['']],
  ])('of %p are %j', (tag, forms) => {
    expect(tagForms(tag)).toEqual(forms);
  });
});
