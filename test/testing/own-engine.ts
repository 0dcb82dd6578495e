import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync, openSync, closeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { until } from '@dataflower/common/testing';
import { dockerOptions } from '@dataflower/services';
import { within } from './within.js';

const READY_MS = 180_000;
/** Of its disk, in MiB: the image, and little more. */
const DISK_MIB = 400;

/** A Docker engine of a test's own, which it may kill, start again, and whose disk it may fill. It has no networks. */
export class OwnEngine {
  readonly directory = mkdtempSync(join(tmpdir(), 'dfe-'));
  readonly address = `unix://${this.directory}/s`;
  readonly docker = new Docker(dockerOptions(this.address));
  #child: ChildProcess | undefined;

  constructor() {
    mkdirSync(this.#disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', this.#disk]);
  }

  get #disk(): string {
    return join(this.directory, 'data');
  }

  async start(): Promise<void> {
    const log = openSync(join(this.directory, 'log'), 'a');
    const place = (name: string): string => join(this.directory, name);
    const settings = ['--host', this.address, '--data-root', this.#disk, '--exec-root', place('exec')];
    const networks = ['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false'];
    const file = place('engine.json');
    writeFileSync(file, '{}');
    const command = ['dockerd', ...settings, ...networks, '--pidfile', place('pid'), '--config-file', file];
    // In a network of its own: one without bridges takes away the bridge of any other engine.
    const child = spawn('unshare', ['--net', ...command], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#child = child;
    await until(
      () =>
        this.docker.ping().then(
          () => true,
          () => false,
        ),
      { what: 'the engine answers', withinMs: READY_MS },
    );
  }

  /** Copies an image from another engine. */
  async load(image: string, from: string): Promise<void> {
    const source = new Docker(dockerOptions(from));
    const answer = await this.docker.loadImage(await source.getImage(image).get());
    await new Promise((resolve, reject) => answer.on('end', resolve).on('error', reject).resume());
  }

  /** Leaves no room on its disk, until the returned function is called. */
  fillDisk(): () => void {
    const file = join(this.#disk, 'full');
    try {
      execFileSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=1M'], { stdio: 'ignore' });
    } catch {
      // It ends when there is no room.
    }
    return () => rmSync(file, { force: true });
  }

  /** As a machine does it that runs out of memory. */
  async kill(): Promise<void> {
    const child = this.#child!;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await within('the engine to end', READY_MS, ended);
    // Processes that it would have ended itself.
    this.#endRest();
  }

  async stop(): Promise<void> {
    const child = this.#child!;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await within('the engine to end', READY_MS, ended);
    }
    this.#endRest();
    for (const mount of this.#mounts()) execFileSync('umount', ['-l', mount]);
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Its containerd and what that looks after, all of which name its directory. */
  #endRest(): void {
    for (const pid of processesOf(this.directory)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
  }

  #mounts(): string[] {
    const lines = execFileSync('cat', ['/proc/mounts'], { encoding: 'utf8' }).split('\n');
    return lines
      .map((line) => line.split(' ')[1] ?? '')
      .filter((point) => point.startsWith(this.directory))
      .reverse();
  }
}

function processesOf(directory: string): number[] {
  return execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(directory) && !line.includes('cli/main.js') && !line.includes(' ps '))
    .map((line) => Number.parseInt(line, 10))
    .filter((pid) => pid > 0 && pid !== process.pid);
}
