/**
 * What must not be in an archive that leaves the host. Most parts have no secret because of what they are made from; labels and
 * options are free texts of users, and any text may quote an address or a file. Pure.
 */

/** In the place of what is left out. */
const HIDDEN = '(hidden)';

/** Options of which xnet and Docker know what they mean. */
const PUBLIC_OPTION = /^(xnet|com\.docker\.network)\./;

type Texts = Readonly<Record<string, string>>;

/** Keys alone. */
export function withoutValues(labels: Texts): Record<string, string> {
  return Object.fromEntries(Object.keys(labels).map((key) => [key, HIDDEN]));
}

/** Of options that nobody knows the keys alone. */
export function publicOptions(options: Texts): Record<string, string> {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => [key, PUBLIC_OPTION.test(key) ? value : HIDDEN]),
  );
}

/** `text` without users and passwords in URLs, users whom etcd denies (etcd-failure.ts), and keys in PEM form. */
export function scrubbed(text: string): string {
  return text
    .replaceAll(/(\w:\/\/)[^\s"']+@/g, `$1${HIDDEN}@`)
    .replaceAll(/( denies user ).*?(?=: )/g, `$1${HIDDEN}`)
    .replaceAll(/-----BEGIN [^-]*PRIVATE KEY-----[\s\S]*?(-----END [^-]*-----|$)/g, HIDDEN);
}
