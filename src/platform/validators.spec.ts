import { validateSync } from 'class-validator';
import { IsLanguage, IsLocalTime, IsMoment, IsPrintable, IsZone } from './validators.js';

class Sample {
  @IsPrintable()
  text: unknown = 'ok';

  @IsZone()
  zone: unknown = 'UTC';

  @IsLanguage()
  language: unknown = 'en';

  @IsMoment()
  moment: unknown = '2026-11-20T08:00Z';

  @IsLocalTime()
  localTime: unknown = '2026-11-20T08:00';
}

const accepts = (field: keyof Sample, value: unknown): boolean =>
  validateSync(Object.assign(new Sample(), { [field]: value })).length === 0;

describe('validators', () => {
  it.each([
    ['text', ['', 'Grüße 你好 👩‍👩‍👧', ' ']],
    ['zone', ['Asia/Shanghai', 'America/Argentina/Buenos_Aires', 'Etc/GMT+8', 'UTC']],
    ['language', ['zh', 'zh-CN', 'zh-Hant-TW', 'EN-us']],
    ['moment', ['2026-11-20T08:00:00.123456+08:00', '2024-02-29T23:59:59Z', '2026-11-20T08:00Z']],
    ['localTime', ['2026-11-20T00:00', '2024-02-29T23:59']],
  ] as const)('%s accepts', (field, values) => {
    for (const value of values) expect([value, accepts(field, value)]).toEqual([value, true]);
  });

  it.each([
    ['text', ['\u0000', 'a\nb', '\u007f', '\u0085', '\ud800', 1, null]],
    ['zone', ['', '+08:00', 'Asia', 'Asia/Peking', 'Asia/Shanghai ', '../etc', 8, null]],
    ['language', ['', 'zh_CN', '*', 'x'.repeat(36), 1, null]],
    ['moment', ['2026-11-20', '2026-11-20T08:00:00', '2026-02-30T00:00:00Z', '2026-11-20T25:00:00Z', 0, null]],
    // What Date.parse() cannot read, and would otherwise count as "at once".
    ['moment', ['2026-W05-1T10:00:00Z', '2026-045T10:00:00Z', '-2026-01-01T00:00:00Z', '2026-13-01T00:00:00Z']],
    [
      'localTime',
      ['2026-02-30T08:00', '2026-11-20T24:00', '2026-11-20T08:00:00', '2026-11-20T08:00Z', '2026-11-20', 0],
    ],
  ] as const)('%s refuses', (field, values) => {
    for (const value of values) expect([value, accepts(field, value)]).toEqual([value, false]);
  });
});
