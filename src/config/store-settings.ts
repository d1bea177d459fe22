import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { errorMessage, XnetError } from '../errors.js';
import type { Config, ConfigKey } from './schema.js';

/** What openStore needs, with certificates read from their files and tried. Throws INVALID naming setting and file. */
export function storeSettings(config: Config) {
  const { store: url, stateDir: stateDirectory, prefix, etcdUser: user, etcdPassword: password } = config;
  const [ca, cert, key] = [config.etcdCa, config.etcdCert, config.etcdKey];
  const tls: Pems = {
    ...(ca !== undefined && { ca: readSettingFile('etcdCa', ca) }),
    ...(cert !== undefined && { cert: readSettingFile('etcdCert', cert) }),
    ...(key !== undefined && { key: readSettingFile('etcdKey', key) }),
  };
  if ((user === undefined) !== (password === undefined)) {
    throw new XnetError('INVALID', 'etcdUser and etcdPassword (or etcdPasswordFile) must be given together');
  }
  checkCertificates(config, tls);
  const credentials = user !== undefined && { credentials: { user, password: password ?? '' } };
  return { url, stateDirectory, prefix, ...(Object.keys(tls).length > 0 && { tls }), ...credentials };
}

interface Pems {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export function readSettingFile(setting: ConfigKey, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error: unknown) {
    throw new XnetError('INVALID', `${setting} cannot be read: ${errorMessage(error)}`);
  }
}

/** Otherwise their fault would show with the first call of etcd's, in the words of OpenSSL. */
function checkCertificates({ etcdCa, etcdCert, etcdKey }: Config, { ca, cert, key }: Pems): void {
  if ((cert === undefined) !== (key === undefined))
    throw new XnetError('INVALID', 'etcdCert and etcdKey must be given together');
  if (ca !== undefined) tryPem(`etcdCa: ${etcdCa} holds no certificate (PEM)`, () => new X509Certificate(ca));
  if (cert === undefined || key === undefined) return;
  tryPem(`etcdCert: ${etcdCert} holds no certificate (PEM)`, () => new X509Certificate(cert));
  tryPem(`etcdKey: ${etcdKey} is not the key (PEM) of the certificate ${etcdCert}`, () =>
    createSecureContext({ cert, key }),
  );
}

function tryPem(message: string, use: () => unknown): void {
  try {
    use();
  } catch (error: unknown) {
    throw new XnetError('INVALID', `${message}: ${errorMessage(error)}`);
  }
}
