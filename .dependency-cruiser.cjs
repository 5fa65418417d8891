/** The directions of the architecture (docs/adr/0003): a plugin translates and knows the contracts alone; the core names no vendor. */
const forbid = (name, from, to, comment) => ({ name, severity: 'error', comment, from, to });

module.exports = {
  forbidden: [
    forbid(
      'no-cycles',
      {},
      { circular: true, dependencyTypesNot: ['type-only'] },
      'Two files that need each other are one idea or three.',
    ),
    forbid(
      'contracts-stand-alone',
      { path: '^libs/contracts/src' },
      { path: '^(src|test|bench|libs/(?!contracts/src))' },
      'The SDK depends on no other part.',
    ),
    forbid(
      'plugins-know-contracts-only',
      { path: '^libs/(vendors|channels)/([^/]+)/', pathNot: '\\.spec\\.ts$' },
      { path: '^(src|test|bench|libs)/', pathNot: ['^libs/contracts/src/index\\.ts$', '^libs/$1/$2/'] },
      'A plugin imports @bellhop/contracts and its own folder.',
    ),
    forbid(
      'plugin-specs-stay-outside-the-core',
      { path: '^libs/(vendors|channels)/([^/]+)/.*\\.spec\\.ts$' },
      { path: '^(src|test|bench|libs/(vendors|channels))/', pathNot: '^libs/$1/$2/' },
    ),
    forbid(
      'core-names-no-plugin',
      { path: '^src/(core|platform|access)/' },
      { path: '^libs/(vendors|channels|simulators)/' },
    ),
    forbid('platform-knows-no-push', { path: '^src/platform/' }, { path: '^src/(?!platform/)' }),
    forbid('access-sits-on-platform', { path: '^src/access/' }, { path: '^src/(core|sandbox)/' }),
    forbid(
      'one-composition-root',
      { path: '^src/', pathNot: '^src/(plugins|sandbox/.*)\\.ts$' },
      { path: '^libs/(vendors|channels)/' },
      'Only src/plugins.ts names vendors and channels.',
    ),
    forbid(
      'simulators-outside-the-product',
      { path: '^src/', pathNot: '^src/sandbox/' },
      { path: '^libs/simulators/' },
    ),
    forbid(
      'testing-helpers-in-specs-only',
      { pathNot: '(\\.spec\\.ts$|^test/|^libs/contracts/testing/)' },
      { path: '^libs/contracts/testing/' },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
