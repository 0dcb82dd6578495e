import type { CodeSource } from '@dataflower/common/code';
import type { ActivationRecord } from '@dataflower/common/records';
import { MemoryRecords } from '@dataflower/common/records/testing';
import { TestClock } from '@dataflower/common/testing';
import type { StartMessage } from '../host.js';
import { HostServer } from '../agent/host-server.js';
import { RemoteHost, type RemoteHostOptions } from '../gateway/remote-host.js';
import { WithheldRecords } from '../agent/withheld-records.js';
import { ScriptedHost } from './scripted-host.js';
import { type Delay, simulatedConnection, type SimulatedStream } from './simulated-network.js';

/** One process of a host: dies as a whole. Its record files outlive it. */
export class HostProcess {
  readonly host: ScriptedHost;
  readonly server: HostServer;
  readonly #streams: SimulatedStream[] = [];

  constructor(
    readonly files: MemoryRecords,
    clock: TestClock,
    product = '1',
  ) {
    const records = new WithheldRecords(files);
    this.host = new ScriptedHost(records);
    this.server = new HostServer({ id: 'host0', product, host: this.host, records, clock });
  }

  accept(stream: SimulatedStream): void {
    this.#streams.push(stream);
    this.server.accept(stream);
  }

  kill(): void {
    for (const stream of this.#streams) stream.destroy();
  }
}

/** A gateway and a host with a simulated network between them, and a clock that the test moves. */
export class Distance {
  readonly clock = new TestClock();
  readonly files = new MemoryRecords();
  readonly ownRecords = new MemoryRecords();
  /** Answers by activation. */
  readonly answers = new Map<string, { record: ActivationRecord; result: string }[]>();
  remote: RemoteHost;
  /** Undefined: nothing answers at the address. */
  process: HostProcess | undefined;
  /** Connections so far, the gateway's ends. */
  readonly streams: SimulatedStream[] = [];

  readonly #delay: Delay;
  readonly #codes: CodeSource;
  readonly #options: Partial<RemoteHostOptions>;

  constructor(
    delay: Delay = () => 0,
    codes: CodeSource = { load: () => Promise.reject(new Error('no code here')) },
    options: Partial<RemoteHostOptions> = {},
  ) {
    this.#delay = delay;
    this.#codes = codes;
    this.#options = options;

    this.process = new HostProcess(this.files, this.clock);
    this.remote = this.#connect(options);
  }

  /** The process of the gateway is killed, and another one takes its place. */
  restartGateway(): RemoteHost {
    this.killGateway();
    this.remote = this.#connect(this.#options);
    return this.remote;
  }

  /** Nothing is heard of it any more, nor of what it still does. */
  killGateway(): void {
    for (const stream of this.streams) stream.destroy();
    void this.remote.close(0);
  }

  #connect(options: Partial<RemoteHostOptions>): RemoteHost {
    return new RemoteHost({
      id: 'host0',
      address: 'simulated',
      open: () => this.#open(),
      product: '1',
      name: 'test',
      records: this.ownRecords,
      codes: this.#codes,
      clock: this.clock,
      ...options,
    });
  }

  get stream(): SimulatedStream {
    return this.streams.at(-1)!;
  }

  /** Another gateway, which the test closes. */
  gateway(codes: CodeSource): RemoteHost {
    return this.#connect({ codes });
  }

  start(message: StartMessage, remote = this.remote): void {
    const answers: { record: ActivationRecord; result: string }[] = [];
    remote.start(message, (record, result) => answers.push({ record, result }));
    this.answers.set(message.activationId, answers);
  }

  /** The time goes on, 10 ms a turn of the loop. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) {
      this.clock.advance(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Time goes on until the condition holds. */
  async until(condition: () => boolean, limitMs = 60_000): Promise<void> {
    for (let passed = 0; !condition(); passed += 10) {
      if (passed > limitMs) throw new Error(`waited too long until ${condition.toString()}`);
      await this.pass(10);
    }
  }

  restart(): HostProcess {
    this.process?.kill();
    this.process = new HostProcess(this.files, this.clock);
    return this.process;
  }

  async close(): Promise<void> {
    const closing = Promise.all([this.remote.close(0), this.process?.server.close()]);
    await this.pass(1200);
    await closing;
  }

  #open(): Promise<SimulatedStream> {
    const { process } = this;
    if (process === undefined) return Promise.reject(new Error('ECONNREFUSED'));
    const [gateway, host] = simulatedConnection(this.#delay);
    this.streams.push(gateway);
    process.accept(host);
    return Promise.resolve(gateway);
  }
}
