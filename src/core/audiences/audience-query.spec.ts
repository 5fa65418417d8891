import { audienceQuery } from './audience-query.js';

describe('an audience in SQL', () => {
  it('is a platform for everyone', () => {
    expect(audienceQuery({ kind: 'everyone', platforms: ['ios'] }, 2)).toEqual({
      where: 'd.platform = ANY($2::text[])',
      ofDevice: 'd.platform = ANY($2::text[])',
      ofTags: undefined,
      values: [['ios']],
    });
  });

  it('is people whatever their platform', () => {
    expect(audienceQuery({ kind: 'users', users: ['u-1', "u'2"] }, 4)).toMatchObject({
      where: 'd.user_id = ANY($4::text[])',
      values: [['u-1', "u'2"]],
    });
  });

  it('is all of, any of, package and platform together, numbered on from the first parameter', () => {
    const audience = {
      kind: 'tags',
      allOf: ['a'],
      anyOf: ['b', 'c'],
      packageName: 'p',
      platforms: ['android'],
    } as const;
    expect(audienceQuery(audience, 7)).toEqual({
      where:
        'd.platform = ANY($7::text[]) AND d.app_identifier = $8 AND t.tags @> $9::text[] AND t.tags && $10::text[]',
      ofDevice: 'd.platform = ANY($7::text[]) AND d.app_identifier = $8',
      ofTags: 't.tags @> $9::text[] AND t.tags && $10::text[]',
      values: [['android'], 'p', ['a'], ['b', 'c']],
    });
  });

  it('says nothing about what was not asked', () => {
    const { where } = audienceQuery({ kind: 'tags', allOf: [], anyOf: ['b'], platforms: ['ios', 'android'] }, 1);
    expect(where).toBe('true AND t.tags && $1::text[]');
  });
});
