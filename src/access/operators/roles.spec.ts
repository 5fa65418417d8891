import { SCOPES } from '../api-key.entity.js';
import { grants } from '../scope.js';
import { OPERATOR_ROLES, type OperatorRole, scopesEverywhere, scopesIn, scopesSomewhere } from './roles.js';

const opened = (scopes: Parameters<typeof grants>[0]) => SCOPES.filter((needed) => grants(scopes, needed)).toSorted();
const one = (role: OperatorRole, appId: string | null) => [{ role, appId }];

describe('roles', () => {
  it.each([
    ['viewer', ['read']],
    ['operator', ['broadcast', 'read', 'send']],
    ['developer', ['admin', 'broadcast', 'read', 'send']],
    ['admin', ['admin', 'broadcast', 'platform', 'read', 'send']],
  ] as const)('%s may %j, in its app alone', (role, scopes) => {
    expect(opened(scopesIn(one(role, 'a'), 'a'))).toEqual(scopes);
    expect(opened(scopesIn(one(role, null), 'a'))).toEqual(scopes);
    expect(scopesIn(one(role, 'b'), 'a')).toEqual([]);
    expect(scopesEverywhere(one(role, 'a'))).toEqual([]);
    expect(opened(scopesEverywhere(one(role, null)))).toEqual(scopes);
  });

  it('add up', () => {
    const both = [...one('viewer', null), ...one('developer', 'a')];
    expect(opened(scopesIn(both, 'a'))).toContain('admin');
    expect(opened(scopesIn(both, 'b'))).toEqual(['read']);
    expect(opened(scopesEverywhere(both))).toEqual(['read']);
  });

  it('never reach the platform by way of no app', () => {
    for (const role of OPERATOR_ROLES) expect(scopesSomewhere(one(role, 'a'))).not.toContain('platform');
    expect(opened(scopesSomewhere(one('admin', null)))).toEqual(['admin', 'broadcast', 'read', 'send']);
    expect(scopesSomewhere([])).toEqual([]);
  });
});
