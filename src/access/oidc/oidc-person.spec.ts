import { publicId } from '../../platform/ids.js';
import { type MappedRole, toRoleMapping } from '../../platform/env.oidc.js';
import { OPERATOR_ROLES } from '../operators/roles.js';
import { personIn, rolesIn } from './oidc-person.js';

const BASE = { iss: 'https://login.example.com', sub: 'u-1' };
const APP = '019a8f3b-2c4d-7e5f-a0b1-c2d3e4f50617';

const mappingOf = (text: string) => toRoleMapping(text) as readonly MappedRole[];

describe('the person in claims', () => {
  it('has a subject, a verified address in one spelling, and a name', () => {
    const claims = { ...BASE, email: 'Ada@Example.com', email_verified: true, name: 'Ada' };
    expect(personIn(claims, undefined)).toEqual({
      subject: 'https://login.example.com u-1',
      email: 'ada@example.com',
      name: 'Ada',
    });
  });

  it.each([
    [{ email: 'ada@example.com' }],
    [{ email: 'ada@example.com', email_verified: false }],
    [{ email: 'ada@example.com', email_verified: 'yes' }],
    [{ email: 'ada@example.com', email_verified: 1 }],
    [{ email: 'no address', email_verified: true }],
    [{ email: ['ada@example.com'], email_verified: true }],
    [{ email_verified: true }],
  ])('has no address in %j', (claims) => {
    expect(personIn({ ...BASE, ...claims }, undefined)).not.toHaveProperty('email');
  });

  it('has a name that can be shown, whatever the provider says', () => {
    const nameOf = (name: unknown) => personIn({ ...BASE, name, email: 'a@b', email_verified: 'true' }, undefined).name;
    expect(nameOf(' Ada\u0000\nLovelace\u202e ')).toBe('Ada  Lovelace');
    expect(nameOf('x'.repeat(500))).toHaveLength(100);
    for (const name of ['', undefined, 7, {}, '\u0000']) expect(nameOf(name)).toBe('a@b');
  });
});

describe('roles by a claim', () => {
  const roles = mappingOf(`push-admins=admin,cn=shop=operator@${publicId('app', APP)},lookers=viewer,others=viewer`);

  it('are those of the values that are mapped, each once', () => {
    const claims = { ...BASE, groups: ['lookers', 'others', 'cn=shop', 'strangers', 7, null] };
    expect(rolesIn(claims, { claim: 'groups', roles })).toEqual([
      { role: 'operator', appId: APP },
      { role: 'viewer', appId: null },
    ]);
    expect(rolesIn({ ...BASE, groups: 'push-admins' }, { claim: 'groups', roles })).toEqual([
      { role: 'admin', appId: null },
    ]);
  });

  it.each([undefined, null, 'strangers', [], {}, { 'push-admins': true }, ['PUSH-ADMINS'], 'push-admins lookers'])(
    'are none for %j',
    (groups) => {
      expect(rolesIn({ ...BASE, groups }, { claim: 'groups', roles })).toEqual([]);
    },
  );

  it('are found under a whole name, or along a way', () => {
    const nested = { ...BASE, realm_access: { roles: ['push-admins'] } };
    expect(rolesIn(nested, { claim: 'realm_access.roles', roles })).toHaveLength(1);
    const whole = { ...BASE, 'https://example.com/roles': ['push-admins'] };
    expect(rolesIn(whole, { claim: 'https://example.com/roles', roles })).toHaveLength(1);
    expect(rolesIn(nested, { claim: 'constructor.name', roles: mappingOf('Object=admin') })).toEqual([]);
  });

  it('are the roles of operators', () => {
    for (const role of OPERATOR_ROLES) expect(mappingOf(`x=${role}`)).toEqual([{ value: 'x', role, app: null }]);
    for (const text of ['x=root', 'x', '=admin', 'x=admin@shop', 'x=admin,', 'x=admin@app_1']) {
      expect(toRoleMapping(text)).toBe(text);
    }
  });
});
