import { differencesOf, placeOf } from './replay.differences.js';

describe('differences', () => {
  it.each<[string, unknown, unknown, unknown]>([
    ['nothing', { a: [1, { b: null }] }, { a: [1, { b: null }] }, []],
    ['the order of names', { a: 1, b: 2 }, { b: 2, a: 1 }, []],
    ['a value', { a: { b: 'x' } }, { a: { b: 'y' } }, [{ pointer: '/a/b', stored: 'x', parsed: 'y' }]],
    ['a type', { a: '1' }, { a: 1 }, [{ pointer: '/a', stored: '1', parsed: 1 }]],
    ['a list for an object', { a: [] }, { a: {} }, [{ pointer: '/a', stored: [], parsed: {} }]],
    ['null for an object', { a: null }, { a: {} }, [{ pointer: '/a', stored: null, parsed: {} }]],
    ['what is gone', { a: 1, b: { c: 2 } }, { a: 1 }, [{ pointer: '/b', stored: { c: 2 } }]],
    ['what is new', {}, { a: undefined, b: [1] }, [{ pointer: '/a' }, { pointer: '/b', parsed: [1] }]],
    ['a longer list', [1], [1, 2], [{ pointer: '/1', parsed: 2 }]],
    ['the whole', 'a', { b: 1 }, [{ pointer: '', stored: 'a', parsed: { b: 1 } }]],
    ['names with signs', { 'a/b~c': 1 }, { 'a/b~c': 2 }, [{ pointer: '/a~1b~0c', stored: 1, parsed: 2 }]],
    ['names of the language', { constructor: 1 }, {}, [{ pointer: '/constructor', stored: 1 }]],
  ])('are %s', (_words, stored, parsed, expected) => {
    expect(differencesOf(stored, parsed)).toEqual(expected);
  });

  it('of a list have a place in common', () => {
    expect(placeOf('/recipient/devices/0/token')).toBe('/recipient/devices/*/token');
    expect(placeOf('/a/12')).toBe('/a/*');
    expect(placeOf('/a1/2b')).toBe('/a1/2b');
  });
});
