import { SCOPES } from './api-key.entity.js';
import { grants } from './scope.js';

describe('grants', () => {
  it.each([
    ['admin', ['admin', 'broadcast', 'send', 'read']],
    ['broadcast', ['broadcast', 'send', 'read']],
    ['send', ['send', 'read']],
    ['read', ['read']],
    ['platform', ['platform']],
  ] as const)('%s opens %j and nothing else', (held, opened) => {
    expect(SCOPES.filter((needed) => grants([held], needed)).toSorted()).toEqual(opened.toSorted());
  });

  it('adds scopes up', () => {
    expect(grants(['read', 'platform'], 'platform')).toBe(true);
    expect(grants([], 'read')).toBe(false);
  });
});
