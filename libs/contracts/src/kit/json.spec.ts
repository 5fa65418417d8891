import { countOf, definedOnly, parseExactJson } from './json.js';

describe('exact JSON', () => {
  it('keeps the digits of every number', () => {
    expect(parseExactJson('{"id":9007199254740993,"list":[1.50,-0],"text":"1","no":null}')).toEqual({
      id: '9007199254740993',
      list: ['1.50', '-0'],
      text: '1',
      no: null,
    });
  });

  it.each(['', ' ', '{', '[1,]', `${'['.repeat(100_000)}1${']'.repeat(100_000)}`])('is nothing without it', (text) => {
    expect(parseExactJson(text)).toBeUndefined();
  });
});

describe('a count', () => {
  it.each([
    ['12', 12],
    [12, 12],
    ['1.5', 1.5],
    ['0', 0],
    ['-1', undefined],
    ['1e3', undefined],
    ['', undefined],
    [null, undefined],
  ])('of %p is %p', (value, count) => {
    expect(countOf(value)).toBe(count);
  });
});

describe('defined values', () => {
  it('are those with a text', () => {
    expect(definedOnly({ a: 'x', b: '', c: undefined })).toEqual({ a: 'x' });
  });
});
