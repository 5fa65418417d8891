import type { ContentType, InboundEvent, PushHints } from '@bellhop/contracts';
import { compileTexts, type CopyTemplate } from './render.js';
import { silenceOf, speakersFor, templateFor } from './template-choice.js';

function template(body: string, more: Partial<CopyTemplate> = {}): CopyTemplate {
  const texts = compileTexts(null, body);
  if (!texts) throw new Error(body);
  return { kind: 'conversation.message', messageType: '', locale: 'en', ...texts, ...more };
}

function message(type: ContentType, text: string | null, push: Partial<PushHints> = {}): InboundEvent {
  return {
    kind: 'conversation.message',
    key: 'k',
    recipient: { identities: [], devices: [] },
    message: { type, vendorType: type, text },
    push: { notify: true, ...push },
  };
}

const every: { readonly messageType: ContentType | '' } = { messageType: '' };
const custom: { readonly messageType: ContentType | '' } = { messageType: 'custom' };

describe('silenceOf', () => {
  it.each<[InboundEvent, { messageType: ContentType | '' }, hide: boolean, string | undefined]>([
    [message('text', 'hi'), every, false, undefined],
    [message('image', null), every, false, undefined],
    [message('text', 'hi', { text: 'p' }), every, false, 'explicit_text'],
    [message('text', 'hi', { text: 'p' }), every, true, undefined],
    [message('text', 'hi', { forced: true, forcedText: 'f' }), every, false, 'explicit_text'],
    [message('text', 'hi', { forcedText: 'f' }), every, false, undefined],
    [message('text', 'hi', { forced: true }), every, false, undefined],
    [message('custom', null), every, false, 'no_words'],
    [message('custom', null), custom, false, undefined],
    [message('custom', 'hi'), every, false, undefined],
    [message('custom', null, { text: 'p' }), every, false, 'explicit_text'],
    [message('custom', null, { text: 'p' }), every, true, undefined],
    [{ ...message('text', 'hi'), message: undefined }, every, false, 'no_words'],
    [{ ...message('custom', null), kind: 'notification.custom' }, every, false, undefined],
  ])('of %j for %j (hidden: %p) is %p', (event, which, hide, silence) => {
    expect(silenceOf(event, which, hide)).toBe(silence);
  });
});

describe('speakersFor', () => {
  it('leaves out other kinds and other types', () => {
    const right = [template('every'), template('text', { messageType: 'text' })];
    const wrong = [template('image', { messageType: 'image' }), template('ticket', { kind: 'ticket.replied' })];
    expect(speakersFor(message('text', 'hi'), [...wrong, ...right], false)).toEqual(right);
    expect(speakersFor(message('text', 'hi', { text: 'p' }), right, false)).toEqual([]);
  });
});

describe('templateFor', () => {
  const speak = (tag: string, ...templates: CopyTemplate[]) =>
    templateFor(tag, templates, (name) => (name === 'count' ? '2' : undefined))?.body;

  const forEverybody = template('everybody', { locale: 'default' });
  const english = template('english');
  const typed = template('typed', { messageType: 'text' });
  const british = template('british', { locale: 'en-GB' });
  const simplified = template('simplified', { locale: 'zh-Hans' });

  it.each([
    ['en', [english], 'english'],
    ['en-GB', [english, british], 'british'],
    ['en-US', [english, british], 'english'],
    ['en', [british], undefined],
    ['zh-Hans-CN', [english, simplified], 'simplified'],
    ['zh-CN', [simplified], undefined],
    ['fr', [english], undefined],
    ['fr', [english, forEverybody], 'everybody'],
    ['en', [forEverybody, english], 'english'],
    ['default', [english, forEverybody], 'everybody'],
    ['default', [english], undefined],
    ['en', [english, typed], 'typed'],
    ['en-GB', [english, typed, british], 'british'],
    ['', [english], undefined],
    ['constructor', [english], undefined],
  ])('for %p: %#', (tag, templates, body) => {
    expect(speak(tag, ...templates)).toBe(body);
  });

  it('passes over a template that lacks a value, to the next in the order', () => {
    const lacking = { body: template('{{sender.name}} wrote').body };
    expect(speak('en', { ...typed, ...lacking }, english)).toBe('english');
    expect(speak('en-GB', { ...british, ...lacking }, typed)).toBe('typed');
    expect(speak('en', { ...english, ...lacking }, forEverybody)).toBe('everybody');
    expect(speak('en', { ...english, ...lacking })).toBeUndefined();
  });

  it('leaves a title away that lacks a value, and tells who counts', () => {
    const texts = compileTexts('{{sender.name}}', '{{count}} new');
    expect(templateFor('en', [{ ...english, ...texts }], () => '2')).toEqual({
      title: '2',
      body: '2 new',
      tellsCount: true,
    });
    expect(templateFor('en', [{ ...english, ...texts }], (name) => (name === 'count' ? '2' : undefined))).toEqual({
      title: undefined,
      body: '2 new',
      tellsCount: true,
    });
    expect(templateFor('en', [english], () => undefined)).toMatchObject({ tellsCount: false });
  });
});

describe('compileTexts', () => {
  it.each([
    [null, '{{#x}}'],
    ['{{x', 'fine'],
  ])('reads neither of %p and %p', (title, body) => {
    expect(compileTexts(title, body)).toBeUndefined();
  });
});
