import { EnvironmentInvalidError, readEnvironment } from './env.js';
import { newKey } from './env.keys.js';

const BASE = { DATABASE_URL: 'postgres://db.example.com/bellhop', BELLHOP_KEYS: newKey('k1') };
const OIDC = {
  PUBLIC_URL: 'https://push.example.com',
  BELLHOP_OIDC_ISSUER: 'https://login.example.com/realms/acme',
  BELLHOP_OIDC_CLIENT_ID: 'bellhop',
  BELLHOP_OIDC_CLIENT_SECRET: 'hunter2',
};

function faultsIn(source: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  try {
    readEnvironment({ ...BASE, ...source });
  } catch (error) {
    if (!(error instanceof EnvironmentInvalidError) || error.message.includes('hunter2')) throw error;
    return Object.fromEntries(error.faults.map(({ variable, message }) => [variable, message]));
  }
  return {};
}

describe('the provider in the environment', () => {
  it('is absent, or whole', () => {
    expect(faultsIn({})).toEqual({});
    expect(faultsIn(OIDC)).toEqual({});
    expect(faultsIn({ BELLHOP_OIDC_ISSUER: OIDC.BELLHOP_OIDC_ISSUER })).toEqual({
      BELLHOP_OIDC_ISSUER: expect.stringContaining('needs PUBLIC_URL'),
      BELLHOP_OIDC_CLIENT_ID: 'must be set when BELLHOP_OIDC_ISSUER is',
      BELLHOP_OIDC_CLIENT_SECRET: 'must be set when BELLHOP_OIDC_ISSUER is',
    });
  });

  it.each([
    'http://login.example.com',
    'https://login.example.com?x=1',
    'https://login.example.com#x',
    'https://user:secret@login.example.com',
    'http://127.0.0.1.example.com',
    'ftp://login.example.com',
    'login.example.com',
  ])('is not %s', (issuer) => {
    expect(faultsIn({ ...OIDC, BELLHOP_OIDC_ISSUER: issuer })).toEqual({
      BELLHOP_OIDC_ISSUER: expect.stringContaining('https://'),
    });
  });

  it.each(['http://127.0.0.1:8080', 'http://localhost:8080', 'http://[::1]:8080/realms/x', 'https://[::1]'])(
    'may be %s',
    (issuer) => {
      expect(faultsIn({ ...OIDC, BELLHOP_OIDC_ISSUER: issuer })).toEqual({});
    },
  );

  it('has a mapping with its claim, or neither', () => {
    const roles = 'push-admins=admin, shop=viewer@app_0199c3a4b5c67d8e9f00112233445566';
    expect(faultsIn({ ...OIDC, BELLHOP_OIDC_ROLE_CLAIM: 'groups', BELLHOP_OIDC_ROLES: roles })).toEqual({});
    expect(faultsIn({ ...OIDC, BELLHOP_OIDC_ROLE_CLAIM: 'groups' })).toEqual({
      BELLHOP_OIDC_ROLES: 'must be set when BELLHOP_OIDC_ROLE_CLAIM is',
    });
    expect(faultsIn({ ...OIDC, BELLHOP_OIDC_ROLES: roles })).toEqual({
      BELLHOP_OIDC_ROLE_CLAIM: 'must be set when BELLHOP_OIDC_ROLES is',
    });
    for (const text of ['x', 'x=root', 'x=admin@shop', 'x=admin,,y=viewer']) {
      expect(faultsIn({ ...OIDC, BELLHOP_OIDC_ROLE_CLAIM: 'groups', BELLHOP_OIDC_ROLES: text })).toEqual({
        BELLHOP_OIDC_ROLES: `must be value=role or value=role@app_…, separated by commas, and is "${text}"`,
      });
    }
  });
});
