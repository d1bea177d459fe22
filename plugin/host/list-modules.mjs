// Prints the directories of the packages that xnet needs to run, a line each: SOURCE<TAB>PLACE BELOW THE PROGRAM.
// A checkout's node_modules also holds what only tests need. An npm package's dependencies may lie beside it.
// Usage: list-modules.mjs PROGRAM_DIRECTORY
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';

const program = realpathSync(process.argv[2]);
const outer = basename(dirname(program)) === 'node_modules' ? dirname(dirname(program)) : undefined;
const places = new Map();
visit(program);
for (const [place, source] of [...places].sort()) process.stdout.write(`${source}\t${place}\n`);

function visit(directory) {
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
    readFileSync(join(directory, 'package.json'), 'utf8'),
  );
  for (const name of Object.keys({ ...optionalDependencies, ...dependencies })) {
    const found = findPackage(name, directory);
    if (found === undefined) {
      // Such as another platform's binary.
      if (name in optionalDependencies) continue;
      fail(`the package ${name} of ${directory} is not installed: run "npm install" in ${program}`);
    }
    const place = placeOf(found);
    if (places.get(place) === found) continue;
    if (places.has(place)) fail(`two packages want to be ${place}: ${found} and ${places.get(place)}`);
    places.set(place, found);
    visit(found);
  }
}

function findPackage(name, from) {
  for (let directory = from; ; directory = dirname(directory)) {
    const candidate = join(directory, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate);
    if (directory === dirname(directory)) return undefined;
  }
}

function placeOf(directory) {
  for (const root of [program, outer]) {
    if (root !== undefined && directory.startsWith(join(root, 'node_modules') + sep))
      return relative(root, directory);
  }
  return fail(`${directory} lies outside of ${program}: install with "npm install", not with links`);
}

function fail(message) {
  process.stderr.write(`xnet: ${message}\n`);
  process.exit(1);
}
