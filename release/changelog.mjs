/**
 * `node release/changelog.mjs VERSION`: what is under "Unreleased" in CHANGELOG.md of the current directory becomes that of the version, of today.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const FILE = 'CHANGELOG.md';
const UNRELEASED = '## [Unreleased]\n';

const [version = ''] = process.argv.slice(2);
const text = readFileSync(FILE, 'utf8');
const [before, after] = text.split(UNRELEASED);
const changes = after?.split(/^## /m)[0]?.trim();

if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) refuse(`"${version}" is no version such as 1.2.3`);
if (text.includes(`\n## [${version}]`)) refuse(`${FILE} has ${version} already: choose another version`);
if (!changes) refuse(`${FILE} has nothing under "Unreleased": write there what is new`);

const date = new Date().toISOString().slice(0, 10);
writeFileSync(FILE, `${before}${UNRELEASED}\n## [${version}] - ${date}\n${after}`);

function refuse(why) {
  process.stderr.write(`changelog: ${why}\n`);
  process.exit(1);
}
