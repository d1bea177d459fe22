/**
 * Prints which libraries a release has, as CycloneDX: what `npm sbom` says of the checkout in the current directory, without what differs
 * from run to run.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const { name } = JSON.parse(readFileSync('package.json', 'utf8'));
const options = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--omit=dev'];
const { serialNumber, ...bom } = JSON.parse(
  execFileSync('npm', options, { encoding: 'utf8', maxBuffer: 1 << 26 }),
);

bom.metadata.timestamp = new Date(Number(process.env.SOURCE_DATE_EPOCH) * 1000).toISOString();
// npm names it after the folder of the checkout.
bom.metadata.component.name = name;
process.stdout.write(`${JSON.stringify(bom, null, 2)}\n`);
