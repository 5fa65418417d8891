import { storableJson } from './callback-sql.js';

describe('what an event is stored as', () => {
  it('is JSON that PostgreSQL can take apart, in names and texts alike', () => {
    const json = storableJson({ 'a\ud800': { '\0': ['\udc00', 1, null, new Date(0)] }, plain: '好' });
    expect(JSON.parse(json)).toEqual({
      'a\ufffd': { '\ufffd': ['\ufffd', 1, null, '1970-01-01T00:00:00.000Z'] },
      plain: '好',
    });
  });

  it('is left as it is where there is nothing to mend', () => {
    expect(storableJson({ face: '😀', at: new Date(0) })).toBe('{"face":"😀","at":"1970-01-01T00:00:00.000Z"}');
  });
});
