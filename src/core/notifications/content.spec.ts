import { type Content, copyFor } from './content.js';

function content(...tags: string[]): Content {
  const copy = Object.fromEntries([...tags, 'default'].map((tag) => [tag, { title: tag }]));
  return { copy: copy as Content['copy'], extras: {} };
}

describe('copyFor', () => {
  it.each([
    [['zh-CN', 'en'], 'en', 'en'],
    [['zh-CN', 'en'], 'zh-CN', 'zh-CN'],
    [['zh-CN', 'en'], 'zh', 'zh-CN'],
    [['zh-CN', 'en'], 'zh-TW', 'zh-CN'],
    [['zh-CN', 'en'], 'zh-Hant-HK', 'zh-CN'],
    [['zh-CN', 'en'], 'en-GB', 'en'],
    [['zh-CN', 'zh-TW'], 'zh-TW', 'zh-TW'],
    [['zh-CN', 'en'], 'fr', 'default'],
    [['zh-CN', 'en'], '', 'default'],
    [['zh-CN', 'en'], 'default', 'default'],
    [[], 'en', 'default'],
    // Well-formed language tags, and members of every object.
    [['en'], 'valueOf', 'default'],
    [['en'], 'toString', 'default'],
    [['en'], 'constructor', 'default'],
  ])('of %j for %p is %s', (tags, locale, title) => {
    expect(copyFor(content(...tags), locale)).toEqual({ title });
  });
});
