/**
 * What the product is made of, and under which terms: every package of the lock file that an installation for
 * production may have, optional ones included.
 *
 *   node scripts/licences.mjs                  lists them by licence
 *   node scripts/licences.mjs --sbom FILE      and writes the bill of materials (CycloneDX, from npm itself)
 *   --root FOLDER                              of another project
 *
 * Ends with 1 when a licence does not go together with Apache-2.0 or is not known, or the bill lacks a package.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

/** Permissive ones, and MPL-2.0, whose terms stay with its own files. Source: categories A and B of the Apache Software Foundation. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'MPL-2.0',
  'PostgreSQL',
  'Python-2.0',
  'Unlicense',
  'Zlib',
]);

const { values } = parseArgs({ options: { sbom: { type: 'string' }, root: { type: 'string' } } });
const root = path.resolve(values.root ?? path.join(import.meta.dirname, '..'));

const packages = productionPackages();
for (const [licence, group] of byFrequency(Map.groupBy(packages, ({ licence }) => licence ?? 'unknown'))) {
  console.log(`${String(group.length).padStart(4)}  ${licence}`);
}
const refused = packages.filter(({ licence }) => !licence || !isAllowed(licence));
for (const { id, licence } of refused) {
  console.error(`${id}: ${licence ?? 'no licence'} does not go together with Apache-2.0, or is not known`);
}
console.log(`${packages.length} packages, ${refused.length} refused`);
const complete = values.sbom === undefined || writeSbom(values.sbom);
process.exitCode = refused.length > 0 || !complete ? 1 : 0;

/** With their licences as they are installed; those of other platforms as the lock file has them. */
function productionPackages() {
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  return Object.entries(lock.packages)
    .filter(([folder, { dev, devOptional, link }]) => folder !== '' && !dev && !devOptional && !link)
    .map(([folder, { name, version, license }]) => {
      const id = `${name ?? folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length)}@${version}`;
      return { id, licence: installedLicence(folder) ?? expressionOf(license) };
    });
}

function installedLicence(folder) {
  try {
    const { license, licenses } = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8'));
    return expressionOf(license ?? licenses);
  } catch {
    return undefined;
  }
}

/** An SPDX expression, of whatever form the field has. */
function expressionOf(license) {
  if (typeof license === 'string') return license;
  if (Array.isArray(license)) return license.map(expressionOf).join(' OR ');
  return license?.type;
}

/** `A OR B` wants one that is allowed, `A AND B` all of them. An exception (`WITH`) only allows more. */
function isAllowed(expression) {
  const text = expression.trim();
  const either = splitOutside(text, ' OR ');
  if (either.length > 1) return either.some(isAllowed);
  const all = splitOutside(text, ' AND ');
  if (all.length > 1) return all.every(isAllowed);
  if (text.startsWith('(') && text.endsWith(')')) return isAllowed(text.slice(1, -1));
  return ALLOWED.has(text.split(' WITH ')[0]);
}

/** The parts between separators that stand in no parentheses. */
function splitOutside(text, separator) {
  const parts = [''];
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (depth === 0 && text.startsWith(separator, i)) {
      parts.push('');
      i += separator.length - 1;
      continue;
    }
    if (text[i] === '(') depth++;
    if (text[i] === ')') depth--;
    parts[parts.length - 1] += text[i];
  }
  return parts;
}

function byFrequency(groups) {
  return [...groups].sort(([, a], [, b]) => b.length - a.length);
}

/** Of everything that npm knows, what production installs: its own `--omit dev` leaves out half of that as well. */
function writeSbom(file) {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only'];
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 27 });
  if (status !== 0) return fail(stderr);
  const bill = JSON.parse(stdout);
  const { name } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  // npm takes the name of the folder.
  bill.metadata.component.name = name;
  const wanted = new Set(packages.map(({ id }) => id));
  bill.components = bill.components.filter((component) => wanted.has(component['bom-ref']));
  const own = bill.metadata.component['bom-ref'];
  bill.dependencies = bill.dependencies
    .filter(({ ref }) => ref === own || wanted.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((id) => wanted.has(id)) }));
  const has = new Set(bill.components.map((component) => component['bom-ref']));
  const lacking = [...wanted].filter((id) => !has.has(id));
  if (lacking.length > 0) return fail(`npm names nothing of ${lacking.join(', ')}`);
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  writeFileSync(file, `${JSON.stringify(bill, null, 2)}\n`);
  console.log(`${file}: CycloneDX ${bill.specVersion}, ${bill.components.length} components`);
  return true;
}

function fail(words) {
  console.error(words);
  return false;
}
