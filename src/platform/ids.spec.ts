import { NotFoundError } from '@bellhop/contracts';
import { type IdPrefix, internalId, newId, publicId } from './ids.js';

const UUID = '019a8f3b-2c4d-7e5f-a0b1-c2d3e4f50617';
const PUBLIC = 'evt_019a8f3b2c4d7e5fa0b1c2d3e4f50617';

describe('ids', () => {
  it('go out and come back', () => {
    expect(publicId('evt', UUID)).toBe(PUBLIC);
    expect(internalId('evt', PUBLIC)).toBe(UUID);
  });

  it.each(['app', 'key', 'int', 'dev', 'evt', 'ntf', 'dlv'] satisfies IdPrefix[])(
    'of %s are of nothing else',
    (prefix) => {
      const id = publicId(prefix, newId());
      expect(publicId(prefix, internalId(prefix, id))).toBe(id);
      expect(() => internalId(prefix === 'app' ? 'key' : 'app', id)).toThrow(NotFoundError);
    },
  );

  it.each([
    ['the UUID itself', UUID],
    ['the UUID behind the prefix', `evt_${UUID}`],
    ['no prefix', PUBLIC.slice(4)],
    ['capitals', PUBLIC.toUpperCase()],
    ['capital digits', `evt_${PUBLIC.slice(4).toUpperCase()}`],
    ['a digit too many', `${PUBLIC}0`],
    ['a digit too few', PUBLIC.slice(0, -1)],
    ['another letter', `${PUBLIC.slice(0, -1)}g`],
    ['a line break', `${PUBLIC}\n`],
    ['blanks', ` ${PUBLIC}`],
    ['nothing', ''],
    ['the prefix', 'evt_'],
  ])('are not found behind %s', (_name, id) => {
    expect(() => internalId('evt', id)).toThrow(NotFoundError);
  });

  it('says no more than the beginning of what it was asked for', () => {
    expect(() => internalId('evt', 'x'.repeat(10_000))).toThrow(/^x{64} was not found\.$/);
  });

  it('are UUIDs of version 7, one after the other', () => {
    const ids = Array.from({ length: 1_000 }, newId);
    expect(ids.filter((id) => !/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/.test(id))).toEqual(
      [],
    );
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
