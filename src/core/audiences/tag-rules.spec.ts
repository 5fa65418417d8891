import type { UnprocessableError } from '@bellhop/contracts';
import { readTags, readUsers } from './tag-rules.js';

function refusalOf(attempt: () => unknown): { code: string; status: number; fields: string[] } {
  try {
    attempt();
  } catch (error) {
    const { code, status, issues } = error as UnprocessableError;
    return { code, status, fields: issues.map(({ field }) => field) };
  }
  throw new Error('It was taken.');
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `t${i}`);

describe('tags', () => {
  it.each<[name: string, tags: string[]]>([
    ['none', []],
    ['Chinese, Latin, digits, underscore and hyphen', ['北京', 'VIP_2026', '-', '٣']],
    ['40 bytes', ['a'.repeat(40), '男'.repeat(13)]],
    ['words whose script writes vowels as marks', ['हिन्दी', 'ไทย']],
    ['20', numbered(20)],
  ])('may be %s', (_name, tags) => {
    expect(readTags(tags, '/tags')).toEqual(tags);
  });

  it('count once, however often they are named', () => {
    expect(readTags([...numbered(20), ...numbered(20)], '/tags')).toEqual(numbered(20));
  });

  it.each<[name: string, tags: string[], code: string, fields: string[]]>([
    ['21 of them', numbered(21), 'tags.too_many', ['/tags']],
    ['an empty one', ['a', ''], 'tags.length', ['/tags/1']],
    ['41 bytes', ['a', 'b', 'c', 'd'.repeat(41)], 'tags.length', ['/tags/3']],
    ['42 bytes of 14 characters', ['男'.repeat(14)], 'tags.length', ['/tags/0']],
    [
      'several faults, each named',
      ['a b', 'ok', 'vip,gold', 'a'.repeat(41)],
      'tags.characters',
      ['/tags/0', '/tags/2', '/tags/3'],
    ],
    ['a picture', ['🎉'], 'tags.characters', ['/tags/0']],
    ['a control character', ['a\nb'], 'tags.characters', ['/tags/0']],
    [
      'a dot, a slash, quotes',
      ['a.b', 'a/b', '"', "'"],
      'tags.characters',
      ['/tags/0', '/tags/1', '/tags/2', '/tags/3'],
    ],
  ])('are refused: %s', (_name, tags, code, fields) => {
    expect(refusalOf(() => readTags(tags, '/tags'))).toEqual({ code, status: 422, fields });
  });
});

describe('users', () => {
  it('are at most 1,000 different ones', () => {
    const thousand = numbered(1_000);
    expect(readUsers([...thousand, ...thousand], '/userIds')).toEqual(thousand);
    const refused = refusalOf(() => readUsers(numbered(1_001), '/userIds'));
    expect(refused).toEqual({ code: 'users.too_many', status: 422, fields: ['/userIds'] });
  });
});
