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

  it.each([
    '',
    'text',
    '{"a":1}',
    '<xml>',
    '<xml><a></xml>',
    '<xml><constructor>1</constructor></xml>',
    '<!DOCTYPE x><x/>',
  ])('is not %p', (text) => {
    expect(parseFlatXml(text)).toBeUndefined();
  });

  it('declares no entities', () => {
    expect(declaresEntities('<!doctype x [<!ENTITY a "b">]><x/>')).toBe(true);
    expect(declaresEntities('<x>&a;</x>')).toBe(false);
  });
});
