import { readEchatXml, scanFields } from './echat.xml.js';

const LIMIT = 262_144;

describe('a well-formed document', () => {
  const { fields, parseMode } = readEchatXml(
    '\uFEFF \n<xml><a>1 &lt; 2</a><b><![CDATA[ 1 &lt; <2> ]]></b><c/><d>x</d><d>y</d></d2>'.replace('</d2>', '</xml>'),
  );

  it('is read strictly, with every value of an element', () => {
    expect(parseMode).toBe('strict');
    expect(fields.get('d')).toEqual(['x', 'y']);
    expect(fields.get('c')).toEqual(['']);
  });

  it('has its entities decoded outside CDATA only', () => {
    expect(fields.get('a')).toEqual(['1 < 2']);
    expect(fields.get('b')).toEqual(['1 &lt; <2>']);
  });
});

describe('the tolerant reading', () => {
  it.each([
    ['<a><![CDATA[x]]</a><b>2</b>', 'x'],
    ['<a><![CDATA[x]></a><b>2</b>', 'x'],
    ['<a><![CDATA[x]]><a><b>2</b>', 'x'],
    ['<a><![CDATA[x]]></a>><b>2</b>', 'x'],
    ['<a> \n <![CDATA[ x ]]> \n</a><b>2</b>', 'x'],
    ['<a>x &amp; y</a><b>2</b>', 'x & y'],
    ['<a><![CDATA[x &amp; y]]></a><b>2</b>', 'x &amp; y'],
    ['<a><![CDATA[]]></a><b>2</b>', ''],
    ['<a></a><b>2</b>', ''],
    ['<a><![CDATA[<z>&]]</a><b>2</b>', '<z>&'],
  ])('of %p', (inner, a) => {
    expect(Object.fromEntries(scanFields(`<xml>${inner}</xml>`))).toEqual({ a: [a], b: ['2'] });
  });

  it('keeps every value of an element', () => {
    expect(scanFields('<xml><a>1</a><a>2</a></xml>').get('a')).toEqual(['1', '2']);
  });

  it('looks inside an element without end', () => {
    expect(scanFields('<xml><open><a>1</a>')).toEqual(new Map([['a', ['1']]]));
  });

  it('looks at a hundred elements', () => {
    const many = Array.from({ length: 150 }, (_, index) => `<n${index}>x</n${index}>`).join('');
    expect(scanFields(many).size).toBe(100);
  });

  it.each([
    ['blanks', `<xml><msgId>${' '.repeat(LIMIT)}`],
    ['start tags without end', '<'.repeat(LIMIT)],
    ['elements without end', Array.from({ length: 30_000 }, (_, index) => `<n${index}>`).join('')],
    ['one element over and over', '<a>'.repeat(LIMIT / 3)],
    ['brackets', `<a><![CDATA[${']'.repeat(LIMIT)}</a>`],
    ['CDATA sections without end', '<a><![CDATA['.repeat(LIMIT / 12)],
  ])('of 256 KiB of %s ends soon', (_name, xml) => {
    const startedAt = performance.now();
    scanFields(xml);
    expect(performance.now() - startedAt).toBeLessThan(500);
  });
});
