#!/usr/bin/env node
import { run } from './program.js';

const LEAST_NODE = 24;

if (Number.parseInt(process.versions.node, 10) < LEAST_NODE) {
  process.stderr.write(
    `bellhop needs Node ${LEAST_NODE}, this is ${process.versions.node}. "npm run bellhop --" brings its own.\n`,
  );
  process.exit(78);
}

// A pipe that is closed early (`| head`) is no fault.
process.stdout.on('error', () => process.exit());

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
});
