import { readText, renderText, type TemplateText, variablesIn } from './template-text.js';

function textOf(source: string): TemplateText {
  const read = readText(source);
  if ('fault' in read) throw new Error(read.fault);
  return read.text;
}

const VALUES = new Map([
  ['sender.name', 'Amy'],
  ['message.text', '<b>1 & 2</b> {{count}}'],
]);
const show = (source: string): string | undefined => renderText(textOf(source), (name) => VALUES.get(name));

describe('readText', () => {
  it.each([
    ['{{#sender.name}}x{{/sender.name}}', 'sections'],
    ['{{^sender.name}}x{{/sender.name}}', 'sections'],
    ['{{/sender.name}}', 'sections'],
    ['{{#sender.name}}', 'sections'],
    ['{{#a}}{{#b}}{{/a}}{{/b}}', 'sections'],
    ['{{>other}}', 'partials'],
    ['{{! said in passing }}', 'comments'],
    ['{{=<% %>=}}<%count%>', 'delimiters'],
    ['{{=x=}}', 'delimiters'],
    ['{{{sender.name}}}', 'nothing is escaped'],
    ['{{&sender.name}}', 'nothing is escaped'],
    ['{{sender.name', 'without its }}'],
    ['{{sender.name}', 'without its }}'],
    ['hello {{', 'without its }}'],
    ['{{{sender.name}}', 'without its }}'],
  ])('refuses %s', (source, words) => {
    expect(readText(source)).toEqual({ fault: expect.stringContaining(words) });
  });

  it.each([
    ['no variable', []],
    ['{{sender.name}}', ['sender.name']],
    ['{{ sender.name }} and {{sender.name}}: {{count}}', ['sender.name', 'count']],
    ['{ } }} {x}', []],
    ['{{.}} {{}} {{a b}} {{constructor}}', ['.', '', 'a b', 'constructor']],
  ])('names the variables of %s', (source, names) => {
    expect(variablesIn(textOf(source))).toEqual(names);
  });

  it('reads a long text in no time', () => {
    const started = performance.now();
    expect(variablesIn(textOf('{{count}} '.repeat(100)))).toEqual(['count']);
    readText('{'.repeat(1_000));
    readText(' '.repeat(1_000));
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe('renderText', () => {
  it.each([
    ['Hello', 'Hello'],
    ['{{sender.name}} wrote', 'Amy wrote'],
    ['  {{sender.name}}\n', 'Amy'],
    ['two\nlines', 'two\nlines'],
    ['}} {{ sender.name }} }}', '}} Amy }}'],
  ])('of %j is %j', (source, shown) => {
    expect(show(source)).toBe(shown);
  });

  it('takes values as they are: nothing is escaped, and no value is a template', () => {
    expect(show('{{sender.name}}: {{message.text}}')).toBe('Amy: <b>1 & 2</b> {{count}}');
  });

  it.each(['', '   ', '{{count}}', 'You have {{count}} messages', '{{constructor}}', '{{__proto__}}', '{{.}}'])(
    'is nothing for %j, where a value or everything is missing',
    (source) => {
      expect(show(source)).toBeUndefined();
    },
  );
});
