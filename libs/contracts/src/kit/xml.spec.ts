import { declaresEntities, parseFlatXml } from './xml.js';

describe('a flat document', () => {
  it('gives every element all its values, as text', () => {
    const fields = parseFlatXml(
      '<?xml version="1.0"?><xml>\n<id>9007199254740993</id><a>1</a><a/>><b c="d"> x </b></xml>',
    );
    expect(Object.fromEntries(fields ?? [])).toEqual({ id: ['9007199254740993'], a: ['1', ''], b: ['x'] });
  });

  it('has the five entities decoded, though not in CDATA', () => {
    const fields = parseFlatXml('<xml><a>&lt;&gt;&amp;&quot;&apos;</a><b><![CDATA[&lt;]]></b><c>&amp;lt;</c></xml>');
    expect(Object.fromEntries(fields ?? [])).toEqual({ a: [`<>&"'`], b: ['&lt;'], c: ['&lt;'] });
  });

  // The first of each pair is plain enough to be read without the parser, which must make no difference.
  it.each([
    ['<xml><a> x </a></xml>', '<xml><a b="c"> x </a></xml>', { a: ['x'] }],
    ['<xml><a><![CDATA[ ]]x<b> ]]></a></xml>', '<xml><!----><a><![CDATA[ ]]x<b> ]]></a></xml>', { a: [' ]]x<b> '] }],
    ['\n<xml>\n<a></a>\t<b/>\n</xml>\n', '<xml><a/><b/></xml>', { a: [''], b: [''] }],
    ['<xml><a>1</a><b>2</b><a>3</a></xml>', '<xml><a>1</a>x<b>2</b><a>3</a></xml>', { a: ['1', '3'], b: ['2'] }],
    ['<xml><xml>1</xml></xml>', '<xml c="d"><xml>1</xml></xml>', { xml: ['1'] }],
    ['<xml>\n</xml>', '<xml/>', {}],
    ['<xml><a>x]]y</a></xml>', '<xml><a>x]]y<c/></a></xml>', { a: ['x]]y'] }, { a: [''] }],
    ['<xml><a>1\r\n2</a></xml>', '<xml><a>1\n2</a></xml>', { a: ['1\n2'] }],
  ])('is the same whoever reads it: %p', (plain, other, fields, others: object = fields) => {
    expect(Object.fromEntries(parseFlatXml(plain) ?? [])).toEqual(fields);
    expect(Object.fromEntries(parseFlatXml(other) ?? [])).toEqual(others);
  });

  it.each([
    '',
    'text',
    '{"a":1}',
    '<xml>',
    '<xml><a></xml>',
    '<xml><constructor>1</constructor></xml>',
    '<xml><prototype>1</prototype></xml>',
    '<constructor></constructor>',
    '<xml><a>1</a></xml></xml>',
    '<xml><a>1</b></xml>',
    '<xml><a><![CDATA[1]]</a></xml>',
    '<xml><a><![CDATA[<!DOCTYPE x>]]></a></xml>',
    '<!DOCTYPE x><x/>',
  ])('is not %p', (text) => {
    expect(parseFlatXml(text)).toBeUndefined();
  });

  it('declares no entities', () => {
    expect(declaresEntities('<!doctype x [<!ENTITY a "b">]><x/>')).toBe(true);
    expect(declaresEntities('<x>&a;</x>')).toBe(false);
  });
});
