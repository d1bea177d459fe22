/** Whether this kernel can do what xnet needs. */
import { access } from 'node:fs/promises';
import { isXnetError, XnetError } from '../../errors.js';
import { type Iproute2, isAbsent, isPresent, isVniTaken } from '../iproute2/iproute2.js';

/** A device that is never up: it takes no port and no VNI of anybody. */
const PROBE = 'xnet-probe';

/**
 * Throws UNSUPPORTED with the kernel's words and the remedy unless devices of the kinds we need can be made.
 */
export async function checkKernel(iproute2: Iproute2): Promise<void> {
  try {
    await iproute2.batch(
      'ip',
      undefined,
      [`link add ${PROBE} type vxlan id 16777215 dstport 1`, `link del ${PROBE}`],
      // Left behind by a crash, or checked by another process at the same time: then the kernel can do it.
      { tolerate: (failure) => isPresent(failure) || isVniTaken(failure) || isAbsent(failure) },
    );
  } catch (error: unknown) {
    if (!isXnetError(error, 'KERNEL', 'UNSUPPORTED')) throw error;
    const remedy =
      'load the modules vxlan, bridge and veth (modprobe), or use a kernel that has them; xnet must run as root';
    const message = `this kernel cannot make a VXLAN device (${error.message}): ${remedy}`;
    throw new XnetError('UNSUPPORTED', message, error.fields, { cause: error });
  }
}

/** False on kernels started with ipv6.disable=1. */
export async function hasIpv6(): Promise<boolean> {
  return access('/proc/sys/net/ipv6').then(
    () => true,
    () => false,
  );
}
