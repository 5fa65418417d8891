import { faultOfTag } from './rongcloud.tags.js';
import { ConfigInvalidError, configSchema, readConfig, secretFields } from '@bellhop/contracts';
import { APP, configFor } from '../testing/builders.js';
import { RongCloudConfig, rongCloudChannelManifest } from './rongcloud.manifest.js';

const read = (changes: object) => readConfig(RongCloudConfig, { ...APP, ...changes }, '/config');

describe('settings of RongCloud', () => {
  it('need App Key and App Secret alone', () => {
    expect(read({})).toMatchObject({
      baseUrls: ['https://api.rong-api.com', 'https://api-b.rong-api.com'],
      quotaTimeZone: 'Asia/Shanghai',
      harmonyOs: false,
    });
    expect(secretFields(RongCloudConfig)).toEqual(['appSecret']);
    expect(JSON.stringify(configSchema(RongCloudConfig))).not.toContain('$ref');
  });

  it.each<readonly [title: string, changes: object]>([
    ['another protocol', { baseUrls: ['ftp://api.example'] }],
    ['credentials in an address', { baseUrls: ['https://a:b@api.example'] }],
    ['a query in an address', { baseUrls: ['https://api.example/?a=b'] }],
    ['no address', { baseUrls: [] }],
    ['five addresses', { baseUrls: Array.from({ length: 5 }, () => 'https://api.example') }],
    ['an address alone', { baseUrls: 'https://api.example' }],
    ['a zone that is none', { quotaTimeZone: 'Mars/Olympus' }],
    ['an expression that is none', { tagCharacters: '[a-' }],
    ['an empty expression', { tagCharacters: '' }],
    ['an expression that repeats', { tagCharacters: '(?:|){40}x' }],
    ['two classes', { tagCharacters: '[a][b]' }],
    ['a class within a class', { tagCharacters: '[a[b]]' }],
    ['a quantifier behind a class', { tagCharacters: '[a]*' }],
    ['a class in the wrong order', { tagCharacters: '[z-a]' }],
    ['a deadline of no time', { deadlineMs: 0 }],
  ])('refuse %s', (_title, changes) => {
    expect(() => read(changes)).toThrow(ConfigInvalidError);
  });

  it.each(['https://api.example', 'https://api.example:8443/base', 'http://127.0.0.1:8080', 'http://[::1]/x'])(
    'take %s',
    (address) => expect(read({ baseUrls: [address] }).baseUrls).toEqual([address]),
  );
});

describe('characters of tags', () => {
  it.each([
    ['[\\p{L}\\p{M}\\p{N}_-]', '北京_vip-1', 'a b'],
    ['[^\\s#]', 'a/b', 'a#b'],
    ['[\\u{4E00}-\\u{9FFF}]', '北京', 'Peking'],
    ['[\\w\\-\\]]', 'a]-', 'ä'],
  ])('%s', (tagCharacters, good, bad) => {
    expect(read({ tagCharacters }).tagCharacters).toBe(tagCharacters);
    expect(faultOfTag(good, tagCharacters)).toBeUndefined();
    expect(faultOfTag(bad, tagCharacters)).toBeDefined();
  });
});

describe('the quota', () => {
  it('belongs to the App Key, with days of the zone that is set', () => {
    const { quota } = rongCloudChannelManifest;
    const config = configFor(['https://api.example'], { quotaTimeZone: 'America/New_York' });
    expect(quota?.key(config)).toBe(APP.appKey);
    expect(quota?.rules(config)).toEqual([
      { id: 'hour', limit: 2, window: { rollingMs: 3_600_000 } },
      { id: 'day', limit: 3, window: { calendarDay: 'America/New_York' } },
    ]);
  });
});
