import type { InboundAdapter, OutboundChannel } from '@bellhop/contracts';
import { AcmeInbound } from '../../../test/support/example-vendor/acme.inbound.js';
import { faultsOf } from './plugin-faults.js';

const NOBODY = new Map<string, never>();

const adapter = (change: object, manifest: object = {}): InboundAdapter => {
  const acme = new AcmeInbound();
  return Object.assign(Object.create(acme) as object, {
    manifest: { ...acme.manifest, ...manifest },
    ...change,
  }) as InboundAdapter;
};

describe('faults of a plugin', () => {
  it('are none where everything is there', () => {
    expect(faultsOf(adapter({}), 'inbound', NOBODY)).toEqual([]);
  });

  it.each([
    ['an id with a space', adapter({}, { id: 'Acme Orders' }), /^manifest.id must be/],
    ['no name', adapter({}, { name: ' ' }), /^manifest.name must be a text/],
    ['an address that is none', adapter({}, { documentation: 'see the wiki' }), /^manifest.documentation/],
    ['settings that are no class', adapter({}, { config: { secret: 'string' } }), /^manifest.config must be a class/],
    ['no kind of event', adapter({}, { emits: [] }), /^manifest.emits/],
    ['nothing that parses', adapter({ parse: undefined }), /^parse must be a function/],
    ['no manifest', adapter({ manifest: undefined }), /^has no manifest$/],
  ])('%s', (_what, plugin, fault) => {
    expect(faultsOf(plugin, 'inbound', NOBODY)).toEqual([expect.stringMatching(fault)]);
  });

  it('are an id that is taken, and settings that its other half does not share', () => {
    const manifest = { config: class Another {} };
    const known = (plugin: object) => new Map([['acme', { manifest, ...plugin }]]);
    expect(faultsOf(adapter({}), 'inbound', known({ inbound: {} }))).toEqual([
      'another inbound plugin has the id "acme"',
      'the adapter and the channel "acme" must share one config class',
    ]);
    const shared = { manifest: { config: adapter({}).manifest.config }, outbound: {} };
    expect(faultsOf(adapter({}), 'inbound', new Map([['acme', shared]]))).toEqual([]);
  });

  it('are named all at once', () => {
    const bare = { manifest: { id: 'bare' } } as unknown as OutboundChannel;
    expect(faultsOf(bare, 'outbound', NOBODY)).toEqual([
      'manifest.name must be a text',
      'manifest.summary must be a text',
      'manifest.setup must be a text',
      'manifest.documentation must be an address',
      'manifest.config must be a class',
      'manifest.capabilities must say what it can do',
      'open must be a function',
    ]);
  });
});
