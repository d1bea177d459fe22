/** A network namespace of xnet's own, by its name, in which echoes are sent and the kernel answers those of other hosts. */
import { isXnetError } from '../../errors.js';
import { listLinks } from '../../native/netlink/links.js';
import { namespacePath } from '../interface-names.js';
import { type Iproute2, isAbsent, isPresent } from '../iproute2/iproute2.js';
import { inodeOfNamespace } from '../iproute2/standing-programs.js';
import type { TakeArrival } from '../paths.js';
import { LinuxEchoes } from './linux-echoes.js';

export class EchoNamespace {
  readonly path: string;
  /** Of the namespace when `noteInode` last looked. */
  #inode: number | undefined;
  /** They keep the namespace alive, and what is in it. */
  #echoes: LinuxEchoes[] = [];

  constructor(
    private readonly iproute2: Iproute2,
    readonly name: string,
  ) {
    this.path = namespacePath(name);
  }

  /** False: others have removed it, or its name, since `noteInode` last looked. */
  get isThere(): boolean {
    return inodeOfNamespace(this.name) === this.#inode;
  }

  /** Where it is made anew, echoes in a former one are closed. Throws what `Iproute2.run` does. */
  async ensure(): Promise<void> {
    if (this.#inode !== undefined && this.isThere) return;
    // What stands in a namespace without a name keeps that, and what is in it, alive.
    this.#close();
    await this.iproute2.leave(this.name);
    // A name left in /run/netns that is no namespace (any more) would stay in the way.
    if (!(await this.#isNamespace())) await this.iproute2.run(['netns', 'del', this.name], isAbsent);
    await this.iproute2.run(['netns', 'add', this.name], isPresent);
  }

  /** True: the namespace is another than at the call before. */
  noteInode(): boolean {
    const former = this.#inode;
    this.#inode = inodeOfNamespace(this.name);
    return this.#inode !== former;
  }

  /** Absent is success. */
  async remove(): Promise<void> {
    this.#inode = undefined;
    this.#close();
    await this.iproute2.leave(this.name);
    if (inodeOfNamespace(this.name) === undefined) return;
    await this.iproute2.run(['netns', 'del', this.name], isAbsent);
  }

  /** From the address `own`. Throws what `openEchoSocket` does. */
  open(own: string, take: TakeArrival): LinuxEchoes {
    const echoes = new LinuxEchoes(this.path, own, take);
    this.#echoes = [...this.#echoes.filter(({ isOpen }) => isOpen), echoes];
    return echoes;
  }

  #close(): void {
    for (const echoes of this.#echoes.splice(0)) echoes[Symbol.dispose]();
  }

  /** True also when there is nothing of that name. */
  async #isNamespace(): Promise<boolean> {
    if (inodeOfNamespace(this.name) === undefined) return true;
    return listLinks(this.path).then(
      () => true,
      (error: unknown) => {
        if (isXnetError(error, 'NOT_FOUND')) return false;
        throw error;
      },
    );
  }
}
