/**
 * Lets Node load this project's TypeScript directly: tests, scripts and `npm run dev` need no build.
 * Decorator metadata is kept (Nest and TypeORM read it), and the aliases of tsconfig.json resolve.
 */
import { transformSync } from '@swc/core';
import { existsSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.resolve(import.meta.dirname, '..');
const { paths } = JSON.parse(readFileSync(path.join(root, 'tsconfig.json'), 'utf8')).compilerOptions;
const aliases = Object.entries(paths).map(([alias, [file]]) => {
  const [head, tail = ''] = alias.split('*');
  return { head, tail, wildcard: alias.includes('*'), file };
});

const options = {
  swcrc: false,
  sourceMaps: 'inline',
  module: { type: 'es6' },
  jsc: {
    target: 'es2023',
    keepClassNames: true,
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
  },
};

/** The file an alias stands for, or undefined. */
function fromAlias(specifier) {
  for (const { head, tail, wildcard, file } of aliases) {
    if (!wildcard && specifier === head) return path.join(root, file);
    if (wildcard && specifier.startsWith(head) && specifier.endsWith(tail)) {
      return path.join(root, file.replace('*', specifier.slice(head.length, specifier.length - tail.length)));
    }
  }
  return undefined;
}

registerHooks({
  resolve(specifier, context, next) {
    const file = specifier.startsWith('@bellhop/') ? fromAlias(specifier) : undefined;
    if (file) return { url: pathToFileURL(file).href, shortCircuit: true };
    if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL?.split('?')[0].endsWith('.ts')) {
      const url = new URL(`${specifier.slice(0, -3)}.ts`, context.parentURL);
      if (existsSync(url)) return { url: url.href, shortCircuit: true };
    }
    return next(specifier, context);
  },
  load(url, context, next) {
    const location = url.split('?')[0];
    if (!location.startsWith('file:') || !location.endsWith('.ts') || location.includes('/node_modules/')) {
      return next(url, context);
    }
    const filename = fileURLToPath(location);
    const { code } = transformSync(readFileSync(filename, 'utf8'), { filename, ...options });
    return { format: 'module', shortCircuit: true, source: code };
  },
});
