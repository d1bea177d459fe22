/** The guest: a machine under emulation, with another kernel than this one's (`lab guest`), and no network. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { loadRatio } from '../time/load.js';

/** A machine may be so busy that the emulated timer looks broken to a kernel that checks it. */
const KERNEL_ARGUMENTS = 'console=ttyS0 quiet panic=-1 no_timer_check mitigations=off init_on_alloc=0';

/** Without what costs much under emulation: a fifth level of page tables, checks of each access, copying byte by byte. */
const PROCESSOR = 'max,-la57,-smap,-smep,-erms,-fsrm';

const LOOK_MS = 1000;

/** Lines of the console that are shown with a failure: the last ones, or those around a panic. */
const CONSOLE_LINES = 25;
const BEFORE_PANIC = 5;

export class Guest {
  static #count = 0;
  #process;
  #consolePath;
  #kept = `/var/tmp/xnet-guest-console-${process.pid}-${++Guest.#count}`;
  #end = 'was ended';

  constructor(process, consolePath) {
    this.#process = process;
    this.#consolePath = consolePath;
  }

  /** Boots it with `project` (`project.js`). It ends with this process, however that ends. */
  static async boot(root, { place, image }) {
    const { stdout } = await promisify(execFile)(join(root, 'test/lab/lab'), ['guest']);
    const consolePath = join(await mkdtemp(join(place, 'console-')), 'console');
    const file = await open(consolePath, 'a');
    const words = ['--pdeathsig', 'KILL', ...emulator(stdout.trim(), image, consolePath)];
    const child = spawn('setpriv', words, { stdio: ['pipe', 'pipe', file.fd] });
    // It has ended before it has read what was sent.
    child.stdin.on('error', () => undefined);
    await once(child, 'spawn').finally(() => file.close());
    return new Guest(child, consolePath);
  }

  /** Gives it an order, at its second serial port. */
  send(order) {
    this.#process.stdin.write(`${JSON.stringify(order)}\n`);
  }

  /** What it reports there, until it ends; it is ended when no more is asked for. After `silenceMs` without a word it is ended; later on a busy machine. */
  async *reports(silenceMs) {
    let lastMs = performance.now();
    const look = setInterval(() => {
      const silentMs = performance.now() - lastMs;
      if (silentMs < silenceMs * loadRatio()) return;
      this.#end = `said nothing for ${Math.round(silentMs / 1000)} s`;
      this.#process.kill('SIGKILL');
    }, LOOK_MS);
    try {
      for await (const line of createInterface({ input: this.#process.stdout })) {
        lastMs = performance.now();
        yield JSON.parse(line);
      }
      if (!this.#process.killed) this.#end = 'ended too early';
    } finally {
      clearInterval(look);
      this.#process.kill('SIGKILL');
    }
  }

  /** Keeps its console, and says where, how the guest ended, and what it wrote there last. */
  async postMortem() {
    await copyFile(this.#consolePath, this.#kept);
    const lines = (await readFile(this.#kept, 'utf8')).trimEnd().split(/[\r\n]+/);
    const head = `the guest ${this.#end}; its console is kept in ${this.#kept}`;
    const panic = lines.findIndex((line) => line.includes('Kernel panic'));
    const from = panic < 0 ? lines.length - CONSOLE_LINES : panic - BEFORE_PANIC;
    return [head, ...lines.slice(Math.max(0, from)).slice(0, CONSOLE_LINES)].join('\n');
  }
}

function emulator(base, image, consolePath) {
  const disk = (file) => ['-drive', `file=${file},if=virtio,format=raw,snapshot=on`];
  return [
    // One processor: two of them cost a third more for the same work, and several guests run at once.
    ...['qemu-system-x86_64', '-M', 'q35', '-accel', 'tcg', '-cpu', PROCESSOR, '-smp', '1', '-m', '1024'],
    ...['-kernel', `${base}/vmlinuz`, '-initrd', `${base}/initrd`, '-append', KERNEL_ARGUMENTS],
    ...[...disk(`${base}/root.img`), ...disk(image), '-net', 'none', '-no-reboot', '-display', 'none'],
    ...['-monitor', 'none', '-chardev', `file,id=console,path=${consolePath},append=on`],
    ...['-serial', 'chardev:console', '-serial', 'stdio'],
  ];
}
