import { clipText } from './text.js';

describe('clipped text', () => {
  it.each([
    ['Latin', 'The quick brown fox', 10, 'The quick…'],
    ['Chinese', '您的订单已发货，预计明天送达。', 8, '您的订单已发货…'],
    ['a family, which is one character', '👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦', 2, '👨‍👩‍👧‍👦…'],
    ['accents that stand apart', 'e\u0301e\u0301e\u0301e\u0301', 3, 'e\u0301e\u0301…'],
    ['an accent behind plain letters', 'abcdefe\u0301g', 8, 'abcdefe\u0301g'],
    ['an accent on the first letter that is cut', 'abce\u0301e\u0301', 4, 'abc…'],
    ['a voiced mark behind a half-width letter', 'ｶﾞｶﾞｶﾞ', 2, 'ｶﾞ…'],
  ])('keeps characters whole: %s', (_of, text, limit, clipped) => {
    expect(clipText(text, limit)).toBe(clipped);
  });

  it('leaves alone what fits', () => {
    expect(clipText('您好', 2)).toBe('您好');
  });
});
